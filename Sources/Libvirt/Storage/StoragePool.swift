// Storage pools. Drivers without them (qemu:///embed) answer every call with `isUnsupported`.

import CLibvirt
import Failpoints

/// A storage pool of a connection. May be used from any task.
public final class LibvirtStoragePool: Sendable {
  private let handle: ObjectHandle
  public let name: String
  public let uuid: String

  /// Takes over the caller's reference to `pointer`.
  init(owning pointer: OpaquePointer, of core: ConnectionCore) {
    handle = .storagePool(pointer, of: core)
    name = virStoragePoolGetName(pointer).map { String(cString: $0) } ?? ""
    uuid = uuidText(pointer, virStoragePoolGetUUIDString)
  }

  /// The pool's XML.
  ///
  /// - Parameter inactive: the stored definition, not the one in use.
  public func xml(inactive: Bool = false) async throws -> String {
    try await handle.perform("read the XML of pool \(self.name)") { [self] pool throws(LibvirtError) in
      try readXML(pool, inactive: inactive)
    }
  }

  /// Makes the storage itself: for a pool of files, the folder.
  public func build() async throws {
    try await change("build") { virStoragePoolBuild($0, 0) }
  }

  /// Starts the pool, and reads what is in it. Fails with code 38 if its folder does not exist; see ``build()``.
  public func start() async throws {
    try await change("start") { virStoragePoolCreate($0, 0) }
  }

  /// Stops the pool. No file is touched.
  public func destroy() async throws {
    try await change("stop") { virStoragePoolDestroy($0) }
  }

  /// Removes the stored definition of a stopped pool. No file is touched.
  public func undefine() async throws {
    try await change("undefine", virStoragePoolUndefine)
  }

  /// Deletes the storage itself: for a pool of files, its folder, which must be empty.
  public func delete() async throws {
    try await change("delete the storage of") { virStoragePoolDelete($0, 0) }
  }

  /// Reads again what is in the pool: every file of its folder.
  public func refresh() async throws {
    try await change("refresh") { virStoragePoolRefresh($0, 0) }
  }

  public func setAutostart(_ autostart: Bool) async throws {
    try await change("set the autostart of") { virStoragePoolSetAutostart($0, autostart ? 1 : 0) }
  }

  /// The pool as it is now.
  public func record() async throws -> StoragePoolRecord {
    let operation = "read pool \(name)"
    return try await handle.perform(operation) { [self] pool throws(LibvirtError) in
      var autostart: Int32 = 0
      try check(virStoragePoolGetAutostart(pool, &autostart), operation)
      let isActive = try check(virStoragePoolIsActive(pool), operation) == 1
      return StoragePoolRecord(
        handle: self, name: name, uuid: uuid, isActive: isActive,
        isPersistent: try check(virStoragePoolIsPersistent(pool), operation) == 1, autostart: autostart != 0,
        inactiveXML: try readXML(pool, inactive: true), runningXML: isActive ? try readXML(pool, inactive: false) : nil)
    }
  }

  /// For threads of the connection.
  fileprivate func readXML(inactive: Bool) throws(LibvirtError) -> String {
    try handle.withObject("read the XML of pool \(name)") { pool throws(LibvirtError) in
      try readXML(pool, inactive: inactive)
    }
  }

  private func readXML(_ pool: OpaquePointer, inactive: Bool) throws(LibvirtError) -> String {
    let flag = UInt32(VIR_STORAGE_XML_INACTIVE.rawValue)
    return try takeXML(inactive: inactive ? flag : nil, "read the XML of pool \(name)") {
      virStoragePoolGetXMLDesc(pool, $0)
    }
  }

  private func change(_ verb: String, _ body: @escaping @Sendable (OpaquePointer?) -> Int32) async throws {
    let operation = "\(verb) pool \(name)"
    // A folder of a network file system with many files takes its time.
    try await handle.perform(operation, .work) { pool throws(LibvirtError) in
      _ = try check(Failpoint.around(operation) { body(pool) }, operation)
    }
  }
}

/// A storage pool as it was when it was read.
public struct StoragePoolRecord: Sendable {
  public let handle: LibvirtStoragePool
  public let name: String
  public let uuid: String
  public let isActive: Bool
  public let isPersistent: Bool
  public let autostart: Bool
  /// The definition that the next start uses.
  public let inactiveXML: String
  /// The definition in use, with the space that is taken and free; `nil` unless active.
  public let runningXML: String?
}

extension LibvirtConnection {
  /// Reads all storage pools, in order of their names. One that vanishes meanwhile is left out. Pools are not refreshed.
  public func storagePoolRecords() async throws -> [StoragePoolRecord] {
    let core = core
    let listed = try await core.perform("list the pools") { connection throws(LibvirtError) in
      let pointers = try takeList("list the pools") { virConnectListAllStoragePools(connection, $0, 0) }
      let pools = pointers.map { LibvirtStoragePool(owning: $0, of: core) }
      let active = try poolUUIDs(on: connection, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
      let persistent = try poolUUIDs(on: connection, VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT)
      let autostart = try poolUUIDs(on: connection, VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART)
      return pools.sorted { $0.name < $1.name }.map {
        (
          pool: $0, isActive: active.contains($0.uuid), isPersistent: persistent.contains($0.uuid),
          autostart: autostart.contains($0.uuid)
        )
      }
    }
    let results = await core.map(listed, "read the pools") { entry in
      StoragePoolRecord(
        handle: entry.pool, name: entry.pool.name, uuid: entry.pool.uuid, isActive: entry.isActive,
        isPersistent: entry.isPersistent, autostart: entry.autostart,
        inactiveXML: try entry.pool.readXML(inactive: true),
        runningXML: entry.isActive ? try entry.pool.readXML(inactive: false) : nil)
    }
    return try presentOnly(results)
  }

  /// The pool with this name. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func storagePool(named name: String) async throws -> LibvirtStoragePool {
    try await storagePool("find pool \(name)") { virStoragePoolLookupByName($0, name) }
  }

  /// The pool with this UUID. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func storagePool(uuid: String) async throws -> LibvirtStoragePool {
    try await storagePool("find pool \(uuid)") { virStoragePoolLookupByUUIDString($0, uuid) }
  }

  /// Stores the definition of a pool, new or in place of the one with the same name and UUID, checked against libvirt's
  /// schema.
  @discardableResult
  public func defineStoragePool(_ xml: String, named name: String? = nil) async throws -> LibvirtStoragePool {
    let flags = UInt32(VIR_STORAGE_POOL_DEFINE_VALIDATE.rawValue)
    return try await storagePool("define pool\(name.map { " " + $0 } ?? "")") { connection in
      Failpoint.around("define a pool") { readingSchema { virStoragePoolDefineXML(connection, xml, flags) } }
    }
  }

  private func storagePool(
    _ operation: String, _ find: @escaping @Sendable (OpaquePointer) -> OpaquePointer?
  ) async throws -> LibvirtStoragePool {
    let core = core
    return try await core.perform(operation) { connection throws(LibvirtError) in
      LibvirtStoragePool(owning: try check(find(connection), operation), of: core)
    }
  }
}

private func poolUUIDs(
  on connection: OpaquePointer, _ filter: virConnectListAllStoragePoolsFlags
) throws(LibvirtError) -> Set<String> {
  let pointers = try takeList("list the pools") {
    virConnectListAllStoragePools(connection, $0, UInt32(filter.rawValue))
  }
  defer { for pointer in pointers { virStoragePoolFree(pointer) } }
  return Set(pointers.map { uuidText($0, virStoragePoolGetUUIDString) })
}

/// The results of reading listed objects, without those that vanished in between.
func presentOnly<R>(_ results: [Result<R, any Error>]) throws -> [R] {
  try results.compactMap { result in
    do {
      return try result.get()
    } catch let error as LibvirtError where error.isNotFound {
      return nil
    }
  }
}
