// Storage pools: defining, starting, and finding one that is there already.

import Libvirt
import XMLTree

extension ApplyRun {
  /// Defines, starts and marks for autostart a pool over a folder that exists. A pool of the name over the same folder
  /// is taken as it is.
  func definePool(_ name: String, _ xml: XMLElement) async throws {
    let path = poolFolder(xml)
    let pool: LibvirtStoragePool
    let found = try await poolRecord(name)
    if let found {
      try requireFolder(of: found, path)
      pool = found.handle
    } else {
      do {
        pool = try await connection.defineStoragePool(xml.serialised(), named: name)
      } catch let error as LibvirtError where error.code == .operationFailed {
        throw ActionFailure(
          "cannot define pool \(name): \(plainMessage(error))",
          remedy: "use the pool that has the folder already, or choose another folder")
      }
    }
    if found?.isActive != true { try await start(pool) }
    if found?.autostart != true { try await pool.setAutostart(true) }

    guard let stored = try await poolRecord(name) else {
      throw ActionFailure("pool \(name) was defined and is gone again", remedy: planAgain)
    }
    try requireFolder(of: stored, path)
    guard stored.isActive, stored.autostart else {
      throw ActionFailure(
        "pool \(name) is \(stored.isActive ? "not marked for autostart" : "not active") after its start")
    }
  }

  func startPool(_ name: String) async throws {
    guard let record = try await poolRecord(name) else {
      throw ActionFailure("pool \(name) is not defined any more", remedy: planAgain)
    }
    if record.isActive { return }
    try await start(record.handle)
    guard try await poolRecord(name)?.isActive == true else {
      throw ActionFailure("pool \(name) is not active after its start")
    }
  }

  private func start(_ pool: LibvirtStoragePool) async throws {
    do {
      try await pool.start()
    } catch let error as LibvirtError where !error.isConnectionLost {
      // Somebody else may have been faster.
      if error.code == .operationInvalid, try await poolRecord(pool.name)?.isActive == true { return }
      throw ActionFailure(
        "cannot start pool \(pool.name): \(plainMessage(error))",
        remedy: error.code == .systemError ? "see whether its folder exists and libvirt may read it" : nil)
    }
  }

  private func poolRecord(_ name: String) async throws -> StoragePoolRecord? {
    try await connection.storagePoolRecords().first { $0.name == name }
  }

  private func requireFolder(of record: StoragePoolRecord, _ path: String?) throws {
    let stored = poolFolder(try XMLElement.parse(record.inactiveXML))
    guard stored == path else {
      throw ActionFailure(
        "pool \(record.name) exists and has the folder \(stored ?? "none"), not \(path ?? "none")",
        remedy: "choose another name for the pool, or give it that path", field: "path")
    }
  }
}

/// The folder of a pool's definition, without the doubled and last slashes that libvirt takes out.
private func poolFolder(_ xml: XMLElement) -> String? {
  xml.value(at: "target/path").map { "/" + $0.split(separator: "/").joined(separator: "/") }
}
