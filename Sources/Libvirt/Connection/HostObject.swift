// What networks and storage pools have in common: a definition, a running state, and whether they start with the host.
// Drivers without them (qemu:///embed) answer every call with `isUnsupported`.

import CLibvirt
import Failpoints

/// A kind of objects of the host's: `virNetwork` or `virStoragePool`.
public protocol HostObjectKind: CountedObject {
  /// libvirt's functions for the kind.
  static var calls: HostObjectCalls<Self> { get }
}

/// libvirt's functions for a kind of objects.
public struct HostObjectCalls<Kind>: Sendable {
  typealias Pointer = UnsafeMutablePointer<Kind>

  /// What an object is called in messages: `network`.
  var noun: String
  /// How long a change may take.
  var changing: CallLimits.Kind
  var name: @Sendable (Pointer?) -> UnsafePointer<CChar>?
  var uuid: @Sendable (Pointer?, UnsafeMutablePointer<CChar>?) -> Int32
  var xml: @Sendable (Pointer?, UInt32) -> UnsafeMutablePointer<CChar>?
  /// The flag for the stored definition.
  var inactive: UInt32
  var isActive: @Sendable (Pointer?) -> Int32
  var isPersistent: @Sendable (Pointer?) -> Int32
  var autostart: @Sendable (Pointer?, UnsafeMutablePointer<Int32>?) -> Int32
  var setAutostart: @Sendable (Pointer?, Int32) -> Int32
  var start: @Sendable (Pointer?) -> Int32
  var destroy: @Sendable (Pointer?) -> Int32
  var undefine: @Sendable (Pointer?) -> Int32
  var list: @Sendable (ConnectionPointer?, UnsafeMutablePointer<UnsafeMutablePointer<Pointer?>?>?, UInt32) -> Int32
  /// The filters of ``list`` for objects that run, that are stored, and that start with the host.
  var filters: (active: UInt32, persistent: UInt32, autostart: UInt32)
  var named: @Sendable (ConnectionPointer?, UnsafePointer<CChar>?) -> Pointer?
  var withUUID: @Sendable (ConnectionPointer?, UnsafePointer<CChar>?) -> Pointer?
}

/// An object of a host that is defined, runs or does not, and may start with the host. May be used from any task.
public final class HostObject<Kind: HostObjectKind>: Sendable {
  private let handle: Handle<Kind>
  /// The name at the time the handle was made.
  public let name: String
  /// In libvirt's notation, lower case with hyphens.
  public let uuid: String

  /// Takes over the caller's reference to `pointer`.
  init(owning pointer: UnsafeMutablePointer<Kind>, of core: ConnectionCore) {
    handle = Handle(owning: pointer, of: core)
    name = Kind.calls.name(pointer).map { String(cString: $0) } ?? ""
    uuid = uuidText(pointer, Kind.calls.uuid)
  }

  /// The object's XML.
  ///
  /// - Parameter inactive: the stored definition, not the one in use.
  public func xml(inactive: Bool = false) async throws -> String {
    try await handle.perform("read the XML of \(Kind.calls.noun) \(self.name)") { [self] object throws(LibvirtError) in
      try readXML(object, inactive: inactive)
    }
  }

  /// Starts a network with its bridge, its firewall rules, its DHCP and name server; starts a pool and reads what is in
  /// it, which fails with code 38 if its folder does not exist.
  public func start() async throws { try await change("start", Kind.calls.start) }

  /// Stops the object. Guests stay, and their interfaces lead nowhere; no file is touched.
  public func destroy() async throws { try await change("stop", Kind.calls.destroy) }

  /// Removes the stored definition. No file of a pool is touched.
  public func undefine() async throws { try await change("undefine", Kind.calls.undefine) }

  /// Sets whether the object starts with the host.
  public func setAutostart(_ autostart: Bool) async throws {
    try await change("set the autostart of") { Kind.calls.setAutostart($0, autostart ? 1 : 0) }
  }

  /// Whether the object starts with the host.
  public func autostart() async throws -> Bool {
    let operation = "read the autostart of \(Kind.calls.noun) \(name)"
    return try await handle.perform(operation) { object throws(LibvirtError) in
      var value: Int32 = 0
      try check(Kind.calls.autostart(object, &value), operation)
      return value != 0
    }
  }

  /// Whether the object runs.
  public func isActive() async throws -> Bool {
    let operation = "read the state of \(Kind.calls.noun) \(name)"
    return try await handle.perform(operation) { object throws(LibvirtError) in
      try check(Kind.calls.isActive(object), operation) == 1
    }
  }

  /// The object as it is now.
  public func record() async throws -> HostObjectRecord<Kind> {
    let operation = "read \(Kind.calls.noun) \(name)"
    return try await handle.perform(operation) { [self] object throws(LibvirtError) in
      var autostart: Int32 = 0
      try check(Kind.calls.autostart(object, &autostart), operation)
      let isActive = try check(Kind.calls.isActive(object), operation) == 1
      return HostObjectRecord(
        handle: self, name: name, uuid: uuid, isActive: isActive,
        isPersistent: try check(Kind.calls.isPersistent(object), operation) == 1, autostart: autostart != 0,
        inactiveXML: try readXML(object, inactive: true),
        runningXML: isActive ? try readXML(object, inactive: false) : nil)
    }
  }

  /// For threads of the connection.
  fileprivate func readXML(inactive: Bool) throws(LibvirtError) -> String {
    try handle.withObject("read the XML of \(Kind.calls.noun) \(name)") { object throws(LibvirtError) in
      try readXML(object, inactive: inactive)
    }
  }

  private func readXML(_ object: UnsafeMutablePointer<Kind>, inactive: Bool) throws(LibvirtError) -> String {
    let operation = "read the XML of \(Kind.calls.noun) \(name)"
    return try takeXML(inactive: inactive ? Kind.calls.inactive : nil, operation) { Kind.calls.xml(object, $0) }
  }

  /// Calls a libvirt function that changes the object.
  ///
  /// - Parameter verb: what is done, for messages: `start`.
  func change(
    _ verb: String, _ body: @escaping @Sendable (UnsafeMutablePointer<Kind>?) -> Int32
  ) async throws {
    let operation = "\(verb) \(Kind.calls.noun) \(name)"
    try await handle.perform(operation, Kind.calls.changing) { object throws(LibvirtError) in
      _ = try check(Failpoint.around(operation) { body(object) }, operation)
    }
  }
}

/// An object of a host as it was when it was read.
public struct HostObjectRecord<Kind: HostObjectKind>: Sendable {
  /// The object itself: for changing it, or reading it again.
  public let handle: HostObject<Kind>
  /// The name, unique among the connection's objects of the kind.
  public let name: String
  /// In libvirt's notation, lower case with hyphens. It stays the same when the object is stopped or defined again.
  public let uuid: String
  /// Whether it runs.
  public let isActive: Bool
  /// Whether its definition is stored.
  public let isPersistent: Bool
  /// Whether it starts with the host.
  public let autostart: Bool
  /// The definition that the next start uses; `nil` where it was not asked for.
  public let inactiveXML: String?
  /// The definition in use, of a pool with the space that is taken and free; `nil` unless it runs, and where it was not
  /// asked for.
  public let runningXML: String?
}

extension LibvirtConnection {
  /// Lists all objects of a kind, in order of their names. One that vanishes meanwhile is left out.
  func records<Kind: HostObjectKind>(
    of kind: Kind.Type, readingDefinitions: Bool
  ) async throws -> [HostObjectRecord<Kind>] {
    let core = core
    let listing = "list the \(Kind.calls.noun)s"
    let listed = try await core.perform(listing) { connection throws(LibvirtError) in
      func list(_ filter: UInt32) throws(LibvirtError) -> [HostObject<Kind>] {
        try takeList(listing) { Kind.calls.list(connection, $0, filter) }.map { HostObject(owning: $0, of: core) }
      }
      let objects = try list(0)
      let active = Set(try list(Kind.calls.filters.active).map(\.uuid))
      let persistent = Set(try list(Kind.calls.filters.persistent).map(\.uuid))
      let autostart = Set(try list(Kind.calls.filters.autostart).map(\.uuid))
      return objects.sorted { $0.name < $1.name }.map {
        (
          object: $0, isActive: active.contains($0.uuid), isPersistent: persistent.contains($0.uuid),
          autostart: autostart.contains($0.uuid)
        )
      }
    }
    let results = await core.map(listed, "read the \(Kind.calls.noun)s") { entry in
      HostObjectRecord(
        handle: entry.object, name: entry.object.name, uuid: entry.object.uuid, isActive: entry.isActive,
        isPersistent: entry.isPersistent, autostart: entry.autostart,
        inactiveXML: readingDefinitions ? try entry.object.readXML(inactive: true) : nil,
        runningXML: readingDefinitions && entry.isActive ? try entry.object.readXML(inactive: false) : nil)
    }
    return try presentOnly(results)
  }

  /// The object with this name. Fails with ``LibvirtError/isNotFound`` if there is none.
  func object<Kind: HostObjectKind>(named name: String) async throws -> HostObject<Kind> {
    try await object("find \(Kind.calls.noun) \(name)") { Kind.calls.named($0, name) }
  }

  /// The object with this UUID. Fails with ``LibvirtError/isNotFound`` if there is none.
  func object<Kind: HostObjectKind>(uuid: String) async throws -> HostObject<Kind> {
    try await object("find \(Kind.calls.noun) \(uuid)") { Kind.calls.withUUID($0, uuid) }
  }

  /// The object that a function of libvirt's gives.
  func object<Kind: HostObjectKind>(
    _ operation: String, _ find: @escaping @Sendable (ConnectionPointer) -> UnsafeMutablePointer<Kind>?
  ) async throws -> HostObject<Kind> {
    let core = core
    return try await core.perform(operation) { connection throws(LibvirtError) in
      HostObject(owning: try check(find(connection), operation), of: core)
    }
  }
}
