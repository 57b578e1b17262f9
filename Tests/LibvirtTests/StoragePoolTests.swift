// Storage pools: the API's shape on libvirt's test driver, real folders on a daemon.

import Foundation
import Libvirt
import Testing

@Suite("Storage pools")
struct StoragePoolTests {
  private func poolXML(_ name: String, path: String) -> String {
    "<pool type='dir'><name>\(name)</name><target><path>\(path)</path></target></pool>"
  }

  @Test("are defined, started, listed with their flags, stopped and undefined")
  func life() async throws {
    let connection = try await openFakeHost()
    try await exercise(connection, path: "/nowhere/pool")
  }

  @Test("are real folders on a daemon", .enabled(if: SessionDaemon.isAvailable, "needs libvirtd and setpriv"))
  func folders() async throws {
    try await SessionDaemon.with { daemon in
      let connection = try await LibvirtConnection.open(uri: daemon.uri)
      let path = daemon.folder + "/data/pool"
      try await exercise(connection, path: path)

      let missing = try await connection.defineStoragePool(poolXML("missing", path: path + "-missing"))
      #expect(try await libvirtError { try await missing.start() }?.code == .systemError)
      #expect(try await libvirtError { try await connection.defineStoragePool("<pool><nonsense/></pool>") } != nil)
      await connection.close()
    }
  }

  private func exercise(_ connection: LibvirtConnection, path: String) async throws {
    let pool = try await connection.defineStoragePool(poolXML("lab", path: path), named: "lab")
    try await pool.build()
    try await pool.start()
    try await pool.refresh()
    try await pool.setAutostart(true)
    let record = try #require(try await connection.storagePoolRecords().first { $0.name == "lab" })
    #expect(record.uuid == pool.uuid)
    #expect(record.isActive && record.isPersistent && record.autostart)
    #expect(record.inactiveXML?.contains("<path>\(path)</path>") == true)
    #expect(record.runningXML?.contains("<capacity unit='bytes'>") == true)
    #expect(try await connection.storagePool(named: "lab").xml(inactive: true) == record.inactiveXML)

    try await pool.setAutostart(false)
    try await pool.destroy()
    let stopped = try #require(try await connection.storagePoolRecords().first { $0.name == "lab" })
    #expect(!stopped.isActive && !stopped.autostart && stopped.runningXML == nil)
    try await pool.undefine()
    #expect(try await connection.storagePoolRecords().contains { $0.name == "lab" } == false)
    let error = try await libvirtError { _ = try await connection.storagePool(named: "lab") }
    #expect(error?.code == .noStoragePool)
    #expect(error?.isNotFound == true)
  }
}
