// Virtual networks, on libvirt's test driver: a real bridge needs the host's own daemon.

import Libvirt
import Testing

@Suite("Networks")
struct NetworkTests {
  @Test("are listed with whether they are active")
  func lists() async throws {
    let connection = try await openFakeHost()
    let records = try await connection.networkRecords()
    #expect(records.map(\.name) == ["default"])
    #expect(records[0].isActive && records[0].isPersistent && records[0].inactiveXML == nil)
  }

  @Test("are read only where their definitions are asked for")
  func reads() async throws {
    let connection = try await openFakeHost()
    let records = try await connection.networkRecords(readingDefinitions: true)
    #expect(records[0].inactiveXML?.contains("<name>default</name>") == true)
    #expect(records[0].runningXML != nil)
  }

  @Test("are defined, started, stopped and undefined")
  func lives() async throws {
    let connection = try await openFakeHost()
    let network = try await connection.defineNetwork(
      "<network><name>lab</name><ip address='10.0.0.1' prefix='24'/></network>", named: "lab")
    #expect(try await !network.isActive())
    try await network.start()
    #expect(try await connection.network(named: "lab").isActive())
    try await network.setAutostart(true)
    #expect(try await network.autostart())
    try await network.destroy()
    try await network.undefine()
    #expect(try await connection.networkRecords().map(\.name) == ["default"])
  }
}
