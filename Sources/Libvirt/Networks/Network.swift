// Virtual networks.

public import CLibvirt
import Failpoints

/// A virtual network of a connection.
public typealias LibvirtNetwork = HostObject<virNetwork>
/// A network as it was when it was read.
public typealias NetworkRecord = HostObjectRecord<virNetwork>

extension virNetwork: HostObjectKind {
  /// virNetworkFree. The network itself stays as it is.
  public static func release(_ object: UnsafeMutablePointer<virNetwork>) { virNetworkFree(object) }

  /// The functions virNetwork…; networks change within the time of an ordinary answer.
  public static let calls = HostObjectCalls<virNetwork>(
    noun: "network", changing: .answer, name: virNetworkGetName, uuid: virNetworkGetUUIDString,
    xml: virNetworkGetXMLDesc, inactive: UInt32(VIR_NETWORK_XML_INACTIVE.rawValue), isActive: virNetworkIsActive,
    isPersistent: virNetworkIsPersistent, autostart: virNetworkGetAutostart, setAutostart: virNetworkSetAutostart,
    start: virNetworkCreate, destroy: virNetworkDestroy, undefine: virNetworkUndefine, list: virConnectListAllNetworks,
    filters: (
      active: UInt32(VIR_CONNECT_LIST_NETWORKS_ACTIVE.rawValue),
      persistent: UInt32(VIR_CONNECT_LIST_NETWORKS_PERSISTENT.rawValue),
      autostart: UInt32(VIR_CONNECT_LIST_NETWORKS_AUTOSTART.rawValue)
    ), named: virNetworkLookupByName, withUUID: virNetworkLookupByUUIDString)
}

extension HostObject where Kind == virNetwork {
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
    /// Replaces the part that the XML is known by.
    case modify = 1
    /// Removes the part that the XML is known by.
    case delete = 2
    /// Adds a part behind all others of its section.
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
}

extension LibvirtConnection {
  /// Lists all networks, in order of their names. One that vanishes meanwhile is left out.
  ///
  /// - Parameter readingDefinitions: whether the XML of each is read as well.
  public func networkRecords(readingDefinitions: Bool = false) async throws -> [NetworkRecord] {
    try await records(of: virNetwork.self, readingDefinitions: readingDefinitions)
  }

  /// The network with this name. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func network(named name: String) async throws -> LibvirtNetwork { try await object(named: name) }

  /// The network with this UUID. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func network(uuid: String) async throws -> LibvirtNetwork { try await object(uuid: uuid) }

  /// Stores the definition of a network, new or in place of the one with the same name and UUID. A running network keeps
  /// running as it is.
  ///
  /// - Parameter checksSchema: whether libvirt checks the definition against its schema.
  @discardableResult
  public func defineNetwork(
    _ xml: String, named name: String? = nil, checksSchema: Bool = true
  ) async throws -> LibvirtNetwork {
    let flags = checksSchema ? UInt32(VIR_NETWORK_DEFINE_VALIDATE.rawValue) : 0
    return try await object("define network\(name.map { " " + $0 } ?? "")") { connection in
      Failpoint.around("define a network") { readingSchema { virNetworkDefineXMLFlags(connection, xml, flags) } }
    }
  }
}
