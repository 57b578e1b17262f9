// Storage pools: defining, starting, and finding one that is there already.

import Libvirt
import Planner
import SystemCalls
import Vocabulary
import XMLTree

/// Defines, changes and starts storage pools.
struct PoolActions: Sendable {
  let connection: LibvirtConnection

  /// Stores a pool's definition, new or changed, and starts the pool. A new one over a folder that exists; a pool of
  /// the name over the same folder is taken as it is.
  func define(_ pool: PoolDefinition) async throws {
    let definition = pool.definition
    let name = definition.name
    let found = try await poolRecord(name)
    let handle: LibvirtStoragePool
    if let seen = definition.replacing {
      guard let found else { throw ActionFailure("pool \(name) is no longer defined", remedy: planAgain) }
      let moved = difference(withoutSizes(seen), withoutSizes(try found.definition))
      if let first = moved.first {
        throw ActionFailure("pool \(name) changed since it was planned (\(first.path))", remedy: planAgain)
      }
      handle = try await store(definition)
    } else if let found {
      try requireSame(found, definition.xml)
      handle = found.handle
    } else {
      handle = try await store(definition)
    }

    if let stored = try await poolRecord(name), definition.replacing != nil || found == nil {
      do {
        try definition.check(try stored.definition)
      } catch {
        let undo = DefinitionUndo(kind: "pool", name: name, printing: "pool-dumpxml", old: definition.replacing)
        throw await undo.carryOut(because: ActionFailure(error)) { old in
          try await connection.defineStoragePool(old, named: name)
        } undefine: {
          try await handle.undefine()
        }
      }
    }
    if pool.isBuilt { try await handle.build() }
    if let autostart = pool.autostart, (found?.autostart ?? false) != autostart {
      try await handle.setAutostart(autostart)
    }
    if pool.isStarted, found?.isActive != true { try await start(handle) }

    guard let stored = try await poolRecord(name) else {
      throw ActionFailure("pool \(name) was defined but no longer exists", remedy: planAgain)
    }
    try requireSame(stored, definition.xml)
    guard stored.isActive || !pool.isStarted else { throw ActionFailure("pool \(name) is not active after its start") }
    guard pool.autostart == nil || stored.autostart == pool.autostart else {
      throw ActionFailure("libvirt did not keep the autostart setting of pool \(name)", field: "autostart")
    }
  }

  /// Sets whether a pool starts with the host.
  func setAutostart(of name: String, _ value: Bool) async throws {
    guard let record = try await poolRecord(name) else {
      throw ActionFailure("pool \(name) is no longer defined", remedy: planAgain)
    }
    if record.autostart == value { return }
    try await record.handle.setAutostart(value)
    guard try await poolRecord(name)?.autostart == value else {
      throw ActionFailure("libvirt did not keep the autostart setting of pool \(name)", field: "autostart")
    }
  }

  /// Starts a pool. One that is active counts as started.
  func start(_ name: String) async throws {
    guard let record = try await poolRecord(name) else {
      throw ActionFailure("pool \(name) is no longer defined", remedy: planAgain)
    }
    if record.isActive { return }
    let definition = try record.definition
    if ["fs", "netfs"].contains(definition[attribute: "type"]), !connection.isRemote,
      let folder = definition.value(at: .poolPath), !FileNames.exists(folder)
    {
      // The run that defined it was cut off before it made the folder to mount on.
      try await record.handle.build()
    }
    try await start(record.handle)
    guard try await poolRecord(name)?.isActive == true else {
      throw ActionFailure("pool \(name) is not active after its start")
    }
  }

  private func store(_ definition: ObjectDefinition) async throws -> LibvirtStoragePool {
    try await connection.requireOwn(pool: definition)
    do {
      return try await connection.defineStoragePool(definition.xml.serialised(), named: definition.name)
    } catch let error as LibvirtError where error.code == .operationFailed {
      throw ActionFailure(
        "cannot define pool \(definition.name): \(plainMessage(error))",
        remedy: "use the pool that already has the folder, or choose another folder")
    } catch let error as LibvirtError where !error.isConnectionLost {
      throw definitionFailure(error, editor: "the same part of the pool with `virsh pool-edit`")
    }
  }

  private func start(_ pool: LibvirtStoragePool) async throws {
    do {
      try await pool.start()
    } catch let error as LibvirtError where !error.isConnectionLost && error.unreachableDaemon == nil {
      // Somebody else may have been faster.
      if error.code == .operationInvalid, try await poolRecord(pool.name)?.isActive == true { return }
      throw ActionFailure(
        "cannot start pool \(pool.name): \(plainMessage(error))",
        remedy: error.code == .systemError ? "make sure that its folder exists and that libvirt may read it" : nil)
    }
  }

  private func poolRecord(_ name: String) async throws -> StoragePoolRecord? {
    try await ifAny { try await connection.storagePool(named: name).record() }
  }

  private func requireSame(_ record: StoragePoolRecord, _ wanted: XMLElement) throws {
    let stored = try record.definition
    guard stored[attribute: "type"] == wanted[attribute: "type"] else {
      throw ActionFailure(
        "pool \(record.name) exists and is of type \(stored[attribute: "type"] ?? "unknown")",
        remedy: "choose another name for the pool", field: "type")
    }
    // libvirt fills in a path where there is none, as for a volume group.
    guard let path = poolFolder(wanted), poolFolder(stored) != path else { return }
    throw ActionFailure(
      "pool \(record.name) exists and has the folder \(poolFolder(stored) ?? "none"), not \(path)",
      remedy: "choose another name for the pool, or give it that path", field: "path")
  }
}

/// A pool's definition without what changes by itself.
private func withoutSizes(_ xml: XMLElement) -> XMLElement {
  var result = xml
  for name in ["capacity", "allocation", "available"] { result.removeAll(name) }
  return result
}

/// The folder of a pool's definition, without the doubled and last slashes that libvirt takes out.
private func poolFolder(_ xml: XMLElement) -> String? {
  xml.value(at: .poolPath).map { "/" + $0.split(separator: "/").joined(separator: "/") }
}
