// How a snapshot can be taken of a domain as it is: inside the images or beside them, with or without memory.

public import Inventory
public import Versions
import Vocabulary
public import XMLTree

/// A snapshot to be taken.
public struct SnapshotCreation: Sendable, Hashable, Codable {
  /// The name, unique among the domain's snapshots.
  public var name: String
  /// What people write about it; nil for nothing.
  public var description: String?
  /// Nil: inside the images where that is possible, overlays on them otherwise.
  public var kind: SnapshotKind?
  /// Whether the memory of a running guest is taken too. Nil: only where it must be, which is inside the images.
  public var memory: Bool?
  /// Whether the guest's agent freezes its file systems meanwhile.
  public var quiesce: Bool

  /// A snapshot for which everything but its name is left to the domain, unless told otherwise.
  public init(
    name: String, description: String? = nil, kind: SnapshotKind? = nil, memory: Bool? = nil, quiesce: Bool = false
  ) {
    self.name = name
    self.description = description
    self.kind = kind
    self.memory = memory
    self.quiesce = quiesce
  }
}

/// Why a snapshot cannot be taken as it is asked for.
public struct SnapshotRefusal: Error, Sendable, Hashable {
  /// What is in the way: lower case, no full stop.
  public var message: String
  /// What to do instead, as an imperative.
  public var remedy: String

  /// A refusal with its remedy.
  public init(message: String, remedy: String) {
    self.message = message
    self.remedy = remedy
  }
}

/// What a snapshot of a domain is made of.
public struct SnapshotChoice: Sendable, Hashable {
  /// Where the disks' contents are kept: inside the images, or in the files below new overlays.
  public var kind: SnapshotKind
  /// Whether the memory of the running guest is kept.
  public var hasMemory: Bool
  /// The disks that the guest writes to, by target, with the overlay that an external snapshot makes.
  public var overlays: [String: String]
  /// Disks that have no part in it: media, and those that nobody may write to.
  public var others: [String]
  /// Where the memory of an external snapshot goes.
  public var memoryFile: String?

  /// Decides.
  ///
  /// - Parameters:
  ///   - definition: the domain as it is: what runs, or what is stored of a stopped one.
  ///   - snapshots: those that there are. Kinds are not mixed: libvirt can neither revert nor merge a chain whose images
  ///     have snapshots inside of them.
  ///   - version: the host's libvirt; nil for one that is not known, and that is taken for an old one.
  public init(
    _ creation: SnapshotCreation, of definition: XMLElement, isActive: Bool, with snapshots: [ObservedSnapshot],
    on version: LibvirtVersion?
  ) throws(SnapshotRefusal) {
    do {
      _ = try TextRule.snapshotName.normalised(creation.name)
    } catch {
      throw SnapshotRefusal(message: error.message, remedy: error.suggestion ?? "choose another name")
    }
    let disks = definition.devices(Vocabulary.disk)
    let written = disks.filter(Self.isWritten)
    others = disks.filter { !Self.isWritten($0) }.compactMap { $0.value(at: .diskTarget) }
    guard !written.isEmpty else {
      throw SnapshotRefusal(message: "the domain has no disk that it can write to", remedy: "it needs no snapshot")
    }
    let existing = Set(snapshots.compactMap(\.kind))
    let obstacle = Self.obstacleInside(written, definition, version)
    let wish =
      creation.kind ?? (existing.count == 1 ? existing.first : nil) ?? (obstacle == nil ? .internal : .external)
    if wish == .internal, let obstacle {
      throw SnapshotRefusal(message: "no internal snapshot can be taken: \(obstacle)", remedy: "take an external one")
    }
    if let other = snapshots.first(where: { $0.kind != nil && $0.kind != wish }) {
      throw SnapshotRefusal(
        message:
          "the domain has \(other.kind == .internal ? "internal" : "external") snapshots, such as \(other.name), "
          + "and libvirt cannot revert or merge a mixture",
        remedy: "take \(other.kind == .internal ? "an internal" : "an external") one, or delete the existing ones first"
      )
    }
    kind = wish
    switch (isActive, creation.memory, wish) {
    case (false, true, _):
      throw SnapshotRefusal(
        message: "a stopped guest has no memory", remedy: "start the guest, or leave out the memory")
    case (true, false, .internal):
      throw SnapshotRefusal(
        message: "QEMU takes internal snapshots of a running guest only with its memory",
        remedy: "include the memory, stop the guest, or take an external snapshot")
    case (true, _, .internal): hasMemory = true
    case (true, let memory, .external): hasMemory = memory ?? false
    case (false, _, _): hasMemory = false
    }
    if creation.quiesce {
      guard isActive, wish == .external, !hasMemory else {
        throw SnapshotRefusal(
          message: "file systems are frozen for external snapshots of a running guest's disks only",
          remedy:
            "leave out `quiesce`: \(isActive ? "memory and disks belong together" : "a stopped guest writes nothing")")
      }
      guard definition.agentChannel != nil else {
        throw SnapshotRefusal(
          message: "the guest has no channel to an agent that could freeze its file systems",
          remedy: "add a channel `org.qemu.guest_agent.0` and run the agent in the guest, or leave out `quiesce`")
      }
    }
    overlays = [:]
    for disk in written {
      guard let target = disk.value(at: .diskTarget) else { continue }
      guard let path = DiskSource.path(of: disk), disk[attribute: "type"] == "file" || wish == .internal else {
        throw SnapshotRefusal(
          message: "disk \(target) is not an image file, so there is no folder for its overlay",
          remedy: "take the snapshot with the tools of its storage")
      }
      overlays[target] = Self.overlay(of: path, named: creation.name)
    }
    if hasMemory, wish == .external, let path = written.first.flatMap(DiskSource.path) {
      memoryFile = Self.memoryFile(beside: path, named: creation.name)
    }
  }

  /// What libvirt is asked for (formatsnapshot.html).
  public func xml(for creation: SnapshotCreation) -> XMLElement {
    var snapshot = XMLElement("domainsnapshot", children: [XMLElement("name", text: creation.name)])
    if let description = creation.description {
      snapshot.append(XMLElement("description", text: description))
    }
    var memory = XMLElement("memory", ["snapshot": hasMemory ? kind.rawValue : "no"])
    memory[attribute: "file"] = memoryFile
    snapshot.append(memory)
    var disks = XMLElement("disks")
    for (target, overlay) in overlays.sorted(by: { $0.key < $1.key }) {
      var disk = XMLElement("disk", ["name": target, "snapshot": kind.rawValue])
      if kind == .external {
        disk.append(XMLElement("driver", ["type": "qcow2"]))
        disk.append(XMLElement("source", ["file": overlay]))
      }
      disks.append(disk)
    }
    for target in others { disks.append(XMLElement("disk", ["name": target, "snapshot": "no"])) }
    snapshot.append(disks)
    return snapshot
  }

  /// Whether a domain has a disk that a snapshot could keep.
  static func hasWrittenDisk(_ definition: XMLElement) -> Bool {
    definition.devices(Vocabulary.disk).contains(where: isWritten)
  }

  // MARK: Rules

  private static func isWritten(_ disk: XMLElement) -> Bool {
    (disk[attribute: "device"] ?? "disk") == "disk" && !disk.exists(at: .diskReadOnly)
  }

  /// What keeps a snapshot from going into the images; nil for nothing.
  private static func obstacleInside(
    _ disks: [XMLElement], _ definition: XMLElement, _ version: LibvirtVersion?
  ) -> String? {
    for disk in disks where disk.value(at: .diskFormat) != "qcow2" {
      return
        "disk \(disk.value(at: .diskTarget) ?? "") is \(disk.value(at: .diskFormat) ?? "raw"), and only qcow2 images can have snapshots"
    }
    return obstacleInVariables(definition, version)
  }

  /// What keeps a snapshot from going into the file of UEFI variables; nil for nothing, or where there is none.
  private static func obstacleInVariables(_ definition: XMLElement, _ version: LibvirtVersion?) -> String? {
    let isUEFI = definition.value(at: .loaderType) == "pflash" || definition.value(at: .firmware) == "efi"
    guard isUEFI, definition.isFirmwareOpen || definition.keepsVariables else { return nil }
    guard definition.value(at: .nvramFormat) == "qcow2" else {
      return "the UEFI variables are in a raw file, which cannot have snapshots (see `nvram.format`)"
    }
    // 10.9 takes them, and cannot go back to them nor delete them (libvirt's news of 10.10).
    guard let version, version >= LibvirtVersion(10, 10) else {
      return
        "libvirt \(version?.shortDescription ?? "before 10.10") cannot take snapshots of UEFI variables; 10.10 is the first version that can"
    }
    return nil
  }

  /// Whether a path is that of an overlay which a snapshot of some name, or going back to one, puts on an image.
  ///
  /// libvirt from 9.9 on goes back to an external snapshot by putting a new overlay on the image that it kept. It names the
  /// overlay itself, by the second at which it does: `web.root.1796016516` on `web.root.qcow2`.
  package static func isOverlay(_ path: String, on image: String) -> Bool {
    let beginning = stem(of: image) + "."
    guard path.hasPrefix(beginning), path != image else { return false }
    let rest = path.dropFirst(beginning.count)
    if rest.utf8.count == 10, rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return true }
    guard rest.hasSuffix(".qcow2") else { return false }
    let name = rest.dropLast(".qcow2".count)
    return !name.isEmpty && !name.contains("/")
  }

  /// Where the memory of a snapshot goes that is taken while a domain's first disk has this image.
  package static func memoryFile(beside image: String, named name: String) -> String {
    stem(of: image) + ".\(name).memory"
  }

  private static func overlay(of path: String, named name: String) -> String { stem(of: path) + ".\(name).qcow2" }

  /// A path without the ending of its file's name.
  private static func stem(of path: String) -> String {
    guard let dot = path.lastIndex(of: "."), !path[dot...].contains("/"), path[..<dot].last != "/" else { return path }
    return String(path[..<dot])
  }
}
