// Storage pools.

public import CLibvirt
import Failpoints

/// A storage pool of a connection.
public typealias LibvirtStoragePool = HostObject<virStoragePool>
/// A storage pool as it was when it was read.
public typealias StoragePoolRecord = HostObjectRecord<virStoragePool>

extension virStoragePool: HostObjectKind {
  /// virStoragePoolFree. The pool itself stays as it is.
  public static func release(_ object: UnsafeMutablePointer<virStoragePool>) { virStoragePoolFree(object) }

  /// The functions virStoragePool…. Changes take as long as work does: a folder of a network file system with many files
  /// takes its time.
  public static let calls = HostObjectCalls<virStoragePool>(
    noun: "pool", changing: .work, name: virStoragePoolGetName, uuid: virStoragePoolGetUUIDString,
    xml: virStoragePoolGetXMLDesc, inactive: UInt32(VIR_STORAGE_XML_INACTIVE.rawValue),
    isActive: virStoragePoolIsActive,
    isPersistent: virStoragePoolIsPersistent, autostart: virStoragePoolGetAutostart,
    setAutostart: virStoragePoolSetAutostart, start: { virStoragePoolCreate($0, 0) }, destroy: virStoragePoolDestroy,
    undefine: virStoragePoolUndefine, list: virConnectListAllStoragePools,
    filters: (
      active: UInt32(VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE.rawValue),
      persistent: UInt32(VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT.rawValue),
      autostart: UInt32(VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART.rawValue)
    ), named: virStoragePoolLookupByName, withUUID: virStoragePoolLookupByUUIDString)
}

extension HostObject where Kind == virStoragePool {
  /// Makes the storage itself: for a pool of files, the folder.
  public func build() async throws { try await change("build") { virStoragePoolBuild($0, 0) } }

  /// Deletes the storage itself: for a pool of files, its folder, which must be empty.
  public func delete() async throws { try await change("delete the storage of") { virStoragePoolDelete($0, 0) } }

  /// Reads again what is in the pool: every file of its folder.
  public func refresh() async throws { try await change("refresh") { virStoragePoolRefresh($0, 0) } }
}

extension LibvirtConnection {
  /// Reads all storage pools, in order of their names. One that vanishes meanwhile is left out. Pools are not refreshed.
  public func storagePoolRecords() async throws -> [StoragePoolRecord] {
    try await records(of: virStoragePool.self, readingDefinitions: true)
  }

  /// The pool with this name. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func storagePool(named name: String) async throws -> LibvirtStoragePool { try await object(named: name) }

  /// The pool with this UUID. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func storagePool(uuid: String) async throws -> LibvirtStoragePool { try await object(uuid: uuid) }

  /// Stores the definition of a pool, new or in place of the one with the same name and UUID, checked against libvirt's
  /// schema.
  @discardableResult
  public func defineStoragePool(_ xml: String, named name: String? = nil) async throws -> LibvirtStoragePool {
    let flags = UInt32(VIR_STORAGE_POOL_DEFINE_VALIDATE.rawValue)
    return try await object("define pool\(name.map { " " + $0 } ?? "")") { connection in
      Failpoint.around("define a pool") { readingSchema { virStoragePoolDefineXML(connection, xml, flags) } }
    }
  }
}
