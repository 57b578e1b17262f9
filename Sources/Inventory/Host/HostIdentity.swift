// Which driver a connection leads to, however its URI is written: what locks, marks of files and the archive are keyed by.

import Checksum
import DiskImage
import SystemCalls
public import Libvirt
import XMLTree

/// The libvirt driver behind a connection.
///
/// `qemu:///system`, `qemu:///system?` and `qemu+unix:///system` are one driver; so are two paths to one embedded root. Two
/// drivers on one machine are distinguished by the folder that their definitions are in, also when their URIs are the same.
public struct HostIdentity: Sendable, Hashable {
  /// The identity in twelve digits. It stays the same when the driver or the machine is started again.
  public let key: String
  /// What earlier versions of Vireo wrote in its place: made from the text of the URI.
  public let formerKeys: Set<String>
  /// The embedded driver's root without links in its path; nil for other drivers.
  public let embeddedRoot: String?
  /// The driver's part of the lock's name, where it is known without asking the driver.
  private let settledName: String?
  private let url: DriverURL

  /// Works out the driver of an open connection from its resolved URI and this machine's files. The driver is not
  /// asked.
  public init(of connection: LibvirtConnection) {
    self.init(uri: connection.uri, embeddedRoot: connection.embeddedRoot)
  }

  /// - Parameter places: where the machine and the drivers keep what tells them apart.
  public init(uri: String, embeddedRoot: String?, in places: Places = Places()) {
    url = DriverURL(uri)
    let name: String
    if let root = embeddedRoot {
      let path = Self.canonical(root)
      self.embeddedRoot = path
      name = "\(url.driver) embed \(path)"
      settledName = name
      formerKeys = [Self.key(of: uri), Self.key(of: "qemu:///embed?root=\(path)")]
    } else {
      self.embeddedRoot = nil
      settledName = url.driver == "test" ? "test \(url.path)" : nil
      name = url.driver == "test" ? "test \(url.path)" : Self.name(of: url, places)
      formerKeys = Set([uri, "\(url.driver)://\(url.host)/\(url.path)"].map(Self.key))
    }
    key = Self.key(of: name)
  }

  /// Every key that files and removals of this driver can have.
  public var keys: Set<String> { formerKeys.union([key]) }

  /// What the locks of this driver are named for, in the order in which they are taken.
  ///
  /// - Throws: `LibvirtError`.
  public func lockNames(on connection: LibvirtConnection) async throws -> [String] {
    if let settledName { return [settledName] }
    return lockNames(hostUUID: try XMLElement.parse(try await connection.capabilities()).value(at: "host/uuid"))
  }

  /// A daemon of this machine is named for which of them it is: a lock lies in a folder of the machine or the user, and one
  /// too many only makes somebody wait. The UUID of the daemon's host alone would not do: where the machine has none, libvirt makes
  /// up another one at each start. With it, a connection that takes the way over the network finds the locks of those that do not.
  func lockNames(hostUUID: String?) -> [String] {
    let daemon = "\(url.driver) \(url.path)"
    let byUUID = (hostUUID ?? (url.isLocal ? nil : url.host)).map { "\(daemon) \($0.lowercased())" }
    return [url.isLocal ? daemon : nil, byUUID].compactMap(\.self)
  }

  /// Whether it is the daemon of a whole machine, which several users can have to do with.
  public var isShared: Bool { settledName == nil && url.path != "session" && url.isLocal }

  /// Where to look.
  public struct Places: Sendable {
    /// The file with the ID of this machine (machine-id(5)).
    public var machineID = "/etc/machine-id"
    /// The folder in which the system's QEMU driver keeps its definitions.
    public var systemState = "/etc/libvirt/qemu"
    /// The user whose `qemu:///session` is meant, as a numeric ID.
    public var user: UInt32 = ThisProcess.user
    /// Gives the value of an environment variable; nil for one that is not set.
    public var environment: @Sendable (String) -> String? = { ThisProcess.environment($0) }

    /// This machine, and the user and environment of this process.
    public init() {}

    fileprivate var sessionState: String? {
      let configuration = environment("XDG_CONFIG_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
      return (configuration ?? environment("HOME").map { "\($0)/.config" }).map { "\($0)/libvirt/qemu" }
    }
  }

  /// A daemon: which one, on which machine, with which definitions, over which socket where that is not the usual one.
  private static func name(of url: DriverURL, _ places: Places) -> String {
    guard url.isLocal else { return "\(url.driver) \(url.host) \(url.path)" }
    var parts = [url.driver, url.path, text(of: places.machineID)]
    if url.path == "session" {
      parts.append("\(places.user)")
      parts.append(places.sessionState.map { "\(canonical($0)) \(FileNames.birth(of: $0) ?? "")" } ?? "")
    } else {
      parts.append(FileNames.birth(of: places.systemState) ?? "")
    }
    if let socket = url.socket, !isUsual(socket, url.path, places) { parts.append(canonical(socket)) }
    return parts.joined(separator: " ")
  }

  /// Whether a socket is one of those that libvirt's client would have taken anyway.
  private static func isUsual(_ socket: String, _ path: String, _ places: Places) -> Bool {
    var folders = ["/run/libvirt", "/var/run/libvirt"]
    if path == "session" {
      folders = ["/run/user/\(places.user)/libvirt"]
      if let folder = places.environment("XDG_RUNTIME_DIR") { folders.append("\(folder)/libvirt") }
      if let home = places.environment("HOME") { folders.append("\(home)/.cache/libvirt") }
    }
    let place = canonical(folder(of: socket))
    return folders.contains { canonical($0) == place }
  }

  /// Twelve digits of a text.
  static func key(of text: String) -> String { hexadecimal(Checksum.of(Array(text.utf8)).prefix(6)) }

  /// A path without links; what does not exist is as it is written, below what does.
  static func canonical(_ path: String) -> String {
    if let found = FileNames.real(path) { return found }
    let parent = folder(of: path)
    guard parent != ".", parent != path else { return path }
    let name = path.split(separator: "/").last ?? ""
    let above = canonical(parent)
    return above == "/" ? "/\(name)" : "\(above)/\(name)"
  }

  /// The first word of a small file.
  private static func text(of path: String) -> String {
    (SmallFile.text(path, limit: 128) ?? "").prefix { $0 > " " }.description
  }
}

/// The parts of a connection's URI that say which driver is meant.
private struct DriverURL: Sendable, Hashable {
  /// `qemu`, without the transport.
  var driver = ""
  var transport = ""
  var host = ""
  /// `system`
  var path = ""
  var socket: String?

  var isLocal: Bool { host.isEmpty && (transport.isEmpty || transport == "unix") }

  init(_ uri: String) {
    let parts = uri.prefix { $0 != "#" }.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let main = parts.first ?? ""
    guard let colon = main.firstIndex(of: ":") else { return }
    let scheme = main[..<colon].lowercased().split(separator: "+", maxSplits: 1)
    driver = scheme.first.map(String.init) ?? ""
    transport = scheme.count > 1 ? String(scheme[1]) : ""
    var rest = main[main.index(after: colon)...]
    if rest.hasPrefix("//") {
      rest = rest.dropFirst(2)
      let end = rest.firstIndex(of: "/") ?? rest.endIndex
      host = rest[..<end].lowercased()
      rest = rest[end...]
    }
    path = rest.split(separator: "/").joined(separator: "/")
    for field in parts.dropFirst().first?.split(whereSeparator: { $0 == "&" || $0 == ";" }) ?? []
    where field.hasPrefix("socket=") {
      socket = Self.decoded(field.dropFirst("socket=".count))
    }
  }

  private static func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else {
        bytes.append(byte)
        continue
      }
      bytes.append(value)
      rest.removeFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
