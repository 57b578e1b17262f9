// Virtual networks. Drivers without them (qemu:///embed) answer every call with `isUnsupported`.

import CLibvirt
import Failpoints

/// A virtual network of a connection. May be used from any task.
public final class LibvirtNetwork: Sendable {
  private let handle: ObjectHandle
  public let name: String
  public let uuid: String

  /// Takes over the caller's reference to `pointer`.
  init(owning pointer: OpaquePointer, of core: ConnectionCore) {
    handle = .network(pointer, of: core)
    name = virNetworkGetName(pointer).map { String(cString: $0) } ?? ""
    uuid = uuidText(pointer, virNetworkGetUUIDString)
  }

  /// The network's XML.
  ///
  /// - Parameter inactive: the stored definition, not the one in use.
  public func xml(inactive: Bool = false) async throws -> String {
    try await handle.perform("read the XML of network \(self.name)") { [self] network throws(LibvirtError) in
      try readXML(network, inactive: inactive)
    }
  }

  /// Starts the network: its bridge, its firewall rules, its DHCP and name server.
  public func start() async throws { try await change("start", virNetworkCreate) }

  /// Stops the network. Guests stay, and their interfaces lead nowhere.
  public func destroy() async throws { try await change("stop", virNetworkDestroy) }

  /// Removes the stored definition.
  public func undefine() async throws { try await change("undefine", virNetworkUndefine) }

  public func setAutostart(_ autostart: Bool) async throws {
    try await change("set the autostart of") { virNetworkSetAutostart($0, autostart ? 1 : 0) }
  }

  /// Whether the network starts with the host.
  public func autostart() async throws -> Bool {
    let operation = "read the autostart of network \(name)"
    return try await handle.perform(operation) { network throws(LibvirtError) in
      var value: Int32 = 0
      try check(virNetworkGetAutostart(network, &value), operation)
      return value != 0
    }
  }

  public func isActive() async throws -> Bool {
    let operation = "read the state of network \(name)"
    return try await handle.perform(operation) { network throws(LibvirtError) in
      try check(virNetworkIsActive(network), operation) == 1
    }
  }

  /// What can be changed in a network while it runs (virNetworkUpdateSection), as far as this module needs it.
  public enum Section: UInt32, Sendable {
    /// A `host` of an `ip` element's `dhcp`.
    case dhcpHost = 4
    /// A `range` of an `ip` element's `dhcp`, which comes and goes and is never changed.
    case dhcpRange = 5
    /// An `interface` of `forward`, which comes and goes while no guest is connected to it.
    case forwardInterface = 7
    /// A `portgroup`, known by its name.
    case portGroup = 9
    /// A `host` of `dns`, known by its address.
    case dnsHost = 10
    /// A `txt` of `dns`, known by its name.
    case dnsText = 11
    /// An `srv` of `dns`.
    case dnsService = 12
  }

  /// How a part is changed (virNetworkUpdateCommand).
  public enum UpdateCommand: UInt32, Sendable {
    case modify = 1
    case delete = 2
    case addLast = 3
  }

  /// Changes a part of the running network at once; the stored definition stays as it is.
  ///
  /// - Parameters:
  ///   - parent: the index of the part's `ip` element, counted from 0; -1 lets libvirt find it.
  ///   - xml: the part, or for a deletion what it is known by.
  public func update(
    _ command: UpdateCommand, _ section: Section, parent: Int = -1, xml: String
  ) async throws {
    let flags = UInt32(VIR_NETWORK_UPDATE_AFFECT_LIVE.rawValue)
    try await change("update") {
      virNetworkUpdate($0, command.rawValue, section.rawValue, Int32(parent), xml, flags)
    }
  }

  /// For threads of the connection.
  fileprivate func readXML(inactive: Bool) throws(LibvirtError) -> String {
    try handle.withObject("read the XML of network \(name)") { network throws(LibvirtError) in
      try readXML(network, inactive: inactive)
    }
  }

  private func readXML(_ network: OpaquePointer, inactive: Bool) throws(LibvirtError) -> String {
    let flag = UInt32(VIR_NETWORK_XML_INACTIVE.rawValue)
    return try takeXML(inactive: inactive ? flag : nil, "read the XML of network \(name)") {
      virNetworkGetXMLDesc(network, $0)
    }
  }

  private func change(_ verb: String, _ body: @escaping @Sendable (OpaquePointer?) -> Int32) async throws {
    let operation = "\(verb) network \(name)"
    try await handle.perform(operation) { network throws(LibvirtError) in
      _ = try check(Failpoint.around(operation) { body(network) }, operation)
    }
  }
}

/// A network as it was when it was read.
public struct NetworkRecord: Sendable {
  public let handle: LibvirtNetwork
  public let name: String
  public let uuid: String
  public let isActive: Bool
  public let isPersistent: Bool
  public let autostart: Bool
  /// The definition that the next start uses; `nil` where it was not asked for.
  public let inactiveXML: String?
  /// The definition in use; `nil` unless active, and where it was not asked for.
  public let runningXML: String?
}

extension LibvirtConnection {
  /// Lists all networks, in order of their names. One that vanishes meanwhile is left out.
  ///
  /// - Parameter readingDefinitions: whether the XML of each is read as well.
  public func networkRecords(readingDefinitions: Bool = false) async throws -> [NetworkRecord] {
    let core = core
    let listed = try await core.perform("list the networks") { connection throws(LibvirtError) in
      let pointers = try takeList("list the networks") { virConnectListAllNetworks(connection, $0, 0) }
      let networks = pointers.map { LibvirtNetwork(owning: $0, of: core) }
      let active = try networkUUIDs(on: connection, VIR_CONNECT_LIST_NETWORKS_ACTIVE)
      let persistent = try networkUUIDs(on: connection, VIR_CONNECT_LIST_NETWORKS_PERSISTENT)
      let autostart = try networkUUIDs(on: connection, VIR_CONNECT_LIST_NETWORKS_AUTOSTART)
      return networks.sorted { $0.name < $1.name }.map {
        (
          network: $0, isActive: active.contains($0.uuid), isPersistent: persistent.contains($0.uuid),
          autostart: autostart.contains($0.uuid)
        )
      }
    }
    let results = await core.map(listed, "read the networks") { entry in
      NetworkRecord(
        handle: entry.network, name: entry.network.name, uuid: entry.network.uuid, isActive: entry.isActive,
        isPersistent: entry.isPersistent, autostart: entry.autostart,
        inactiveXML: readingDefinitions ? try entry.network.readXML(inactive: true) : nil,
        runningXML: readingDefinitions && entry.isActive ? try entry.network.readXML(inactive: false) : nil)
    }
    return try presentOnly(results)
  }

  /// The network with this name. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func network(named name: String) async throws -> LibvirtNetwork {
    try await network("find network \(name)") { virNetworkLookupByName($0, name) }
  }

  /// The network with this UUID. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func network(uuid: String) async throws -> LibvirtNetwork {
    try await network("find network \(uuid)") { virNetworkLookupByUUIDString($0, uuid) }
  }

  /// Stores the definition of a network, new or in place of the one with the same name and UUID. A running network keeps
  /// running as it is.
  ///
  /// - Parameter checksSchema: whether libvirt checks the definition against its schema.
  @discardableResult
  public func defineNetwork(
    _ xml: String, named name: String? = nil, checksSchema: Bool = true
  ) async throws -> LibvirtNetwork {
    let flags = checksSchema ? UInt32(VIR_NETWORK_DEFINE_VALIDATE.rawValue) : 0
    return try await network("define network\(name.map { " " + $0 } ?? "")") { connection in
      Failpoint.around("define a network") { readingSchema { virNetworkDefineXMLFlags(connection, xml, flags) } }
    }
  }

  private func network(
    _ operation: String, _ find: @escaping @Sendable (OpaquePointer) -> OpaquePointer?
  ) async throws -> LibvirtNetwork {
    let core = core
    return try await core.perform(operation) { connection throws(LibvirtError) in
      LibvirtNetwork(owning: try check(find(connection), operation), of: core)
    }
  }
}

private func networkUUIDs(
  on connection: OpaquePointer, _ filter: virConnectListAllNetworksFlags
) throws(LibvirtError) -> Set<String> {
  let pointers = try takeList("list the networks") {
    virConnectListAllNetworks(connection, $0, UInt32(filter.rawValue))
  }
  defer { for pointer in pointers { virNetworkFree(pointer) } }
  return Set(pointers.map { uuidText($0, virNetworkGetUUIDString) })
}
