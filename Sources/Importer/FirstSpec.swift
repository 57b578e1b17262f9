// The first spec for a host: one guest with what the host has for it, as YAML with comments, ready to be planned.

public import Inventory
import Planner
import Vocabulary

/// A spec for somebody who has none: a stack with one domain, and every line of it true for one host.
public struct FirstSpec: Sendable {
  /// A base image that the guest's disk may stand on.
  public struct Image: Sendable, Hashable {
    /// The absolute path of the image's file.
    public var path: String
    /// `qcow2` or `raw`.
    public var format: String
    /// In bytes.
    public var virtualSize: UInt64

    /// An image by what the spec and its comments say of it.
    public init(path: String, format: String, virtualSize: UInt64) {
      self.path = path
      self.format = format
      self.virtualSize = virtualSize
    }
  }

  /// The connection, as the spec's `connect:` has it.
  public var uri: String
  /// The name of the stack; no domain of the host belongs to a stack of this name.
  public var stack: String
  /// The name of the domain; no domain and no disk file of the host has it.
  public var domain: String
  /// The pool's name and folder.
  public var pool: (name: String, path: String)
  /// Whether libvirt has the pool already.
  public var hasPool: Bool
  /// A network that is active; nil where there is none.
  public var network: String?
  /// The image that the disk stands on; nil for a blank disk.
  public var image: Image?
  /// What to say about the host in the file's head, in sentences.
  public var remarks: [String] = []

  /// Chooses from what a host has.
  ///
  /// - Parameters:
  ///   - uri: the connection as it is to be written, which other commands then find.
  ///   - folder: where a new pool's folder would be.
  ///   - isWritable: whether this process can make files in a folder.
  ///   - exists: whether there is something at a path.
  public init(
    for inventory: Inventory, uri: String, folder: String, isWritable: (String) -> Bool, exists: (String) -> Bool
  ) {
    self.uri = uri
    let pools = (inventory.pools ?? [:]).values.filter { pool in
      pool.type == "dir" && pool.isActive && isName(pool.name) && pool.path.map(isWritable) ?? false
    }
    let found = Self.usual(of: pools.map(\.name)).flatMap { inventory.pools?[$0] }
    if let found, let path = found.path {
      pool = (found.name, path)
    } else {
      pool = (Self.free("vms") { inventory.pools?[$0] != nil }, folder)
    }
    hasPool = found != nil
    let networks = (inventory.networks ?? [:]).values.filter { $0.isActive && isNetworkName($0.name) }
    network = Self.usual(of: networks.map(\.name))
    let stacks = Set(inventory.domains.values.compactMap { OwnershipRecord(in: $0.inactive)?.stack })
    stack = Self.free("lab") { stacks.contains($0) }
    let disks = pool.path
    domain = Self.free("web") { name in
      inventory.domains[name] != nil || exists("\(disks)/\(name).root.qcow2")
    }
  }

  /// The one that every host has, or the first.
  private static func usual(of names: [String]) -> String? { names.contains("default") ? "default" : names.min() }

  /// The name, or the name with the first number that makes it free.
  private static func free(_ name: String, isTaken: (String) -> Bool) -> String {
    guard isTaken(name) else { return name }
    return (2...).lazy.map { "\(name)-\($0)" }.first { !isTaken($0) } ?? name
  }

  // MARK: Text

  /// The spec as YAML.
  ///
  /// - Parameter file: the file that it is in, for the commands that the comments show.
  public func text(in file: String) -> String {
    let file = comment(file)
    var lines = [
      "# A first spec for \(comment(uri)).", "#",
      "#   vireo validate \(file)   finds every mistake in it",
      "#   vireo plan \(file)       shows what would change",
      "#   vireo apply \(file)      makes the changes; run it again at any time",
      "#   vireo status \(file)     shows whether the host still matches", "#",
      "# `vireo explain` lists every key; `vireo explain disks.size` describes one.",
    ]
    for remark in remarks { lines += ["#"] + wrapped(remark) }
    lines += [
      "", "# Vireo records on each domain that it belongs to this stack.", "stack: \(scalar(stack))",
      "connect: \(scalar(uri))", "",
    ]
    lines += [
      hasPool
        ? "# A storage pool that this host has." : "# A folder for disk images; Vireo creates it if it does not exist.",
      "pools:", "  \(scalar(pool.name)): { path: \(scalar(pool.path)) }", "",
    ]
    if let image {
      lines += [
        "# Base images, which Vireo never writes to. With `pool:`, Vireo first copies one there.", "images:",
        "  \(imageName):", "    source: \(scalar(image.path))", "    format: \(image.format)", "",
      ]
    }
    lines += ["domains:", "  \(scalar(domain)):", "    vcpus: 2", "    memory: 1 GiB", "    disks:"]
    if image != nil {
      lines += [
        "      # An overlay on the image. `size: 20 GiB` would grow it.", "      root: { image: \(imageName) }",
      ]
    } else {
      lines += [
        "      # A blank disk: no base image was found on this host. `image:` would put one under it.",
        "      root: { size: 10 GiB }",
      ]
    }
    lines += ["    interfaces:"]
    if let network {
      lines += ["      lan: { network: \(scalar(network)) }"]
    } else {
      lines += [
        "      # Connects out through the host's own network, but not in: the host has no active libvirt network.",
        "      lan: { type: user }",
      ]
    }
    if image != nil {
      lines += ["    state: running"]
    } else {
      lines += ["    # A blank disk has nothing to boot: write `running` when it has.", "    state: stopped"]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The image's key: its file's name without the ending.
  private var imageName: String {
    let file = image?.path.split(separator: "/").last.map(String.init) ?? ""
    let stem = file.lastIndex(of: ".").map { String(file[..<$0]) } ?? file
    let name = String(stem.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_.+-".contains($0)) ? $0 : "-" })
    return isName(name) ? scalar(name) : "base"
  }

  /// A sentence as lines of comment.
  private func wrapped(_ text: String) -> [String] {
    var lines: [String] = []
    for word in comment(text).split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= 100 {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append("# " + word)
      }
    }
    return lines
  }
}

/// Text within a comment, which a line break would end.
private func comment(_ text: String) -> String {
  String(text.unicodeScalars.map { $0.value < 0x20 || 0x7F...0x9F ~= $0.value ? " " : Character($0) })
}

private func isName(_ name: String) -> Bool { (try? TextRule.name.normalised(name)) == name }

private func isNetworkName(_ name: String) -> Bool { (try? TextRule.networkName.normalised(name)) == name }

/// A text as a YAML scalar that is read as that text: in quotes where it could be anything else, a dollar doubled, which
/// would start a variable.
private func scalar(_ text: String) -> String {
  let isPlain =
    text.utf8.first.map { byte in Character(Unicode.Scalar(byte)).isLetter || byte == UInt8(ascii: "/") } ?? false
    && text.utf8.allSatisfy { Character(Unicode.Scalar($0)).isASCIIWord || "/._+-".utf8.contains($0) }
    && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
  if isPlain { return text }
  var quoted = "\""
  for scalar in text.replacing("$", with: "$$").unicodeScalars {
    switch scalar {
    case "\"", "\\": quoted += "\\" + String(scalar)
    case _ where scalar.value < 0x20 || scalar.value == 0x7F:
      let digits = String(scalar.value, radix: 16)
      quoted += "\\x" + (digits.count < 2 ? "0" : "") + digits
    default: quoted += String(scalar)
    }
  }
  return quoted + "\""
}

extension Character {
  fileprivate var isASCIIWord: Bool { isASCII && (isLetter || isNumber) }
}
