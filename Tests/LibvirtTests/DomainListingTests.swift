// The records of all domains against what virsh's own calls say about each.

import Libvirt
import TestSupport
import Testing

@Suite("Reading all domains", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"))
struct DomainListingTests {
  @Test("gives each of many domains its own state, flags and XML")
  func manyDomains() async throws {
    let connection = try await EmbeddedHost.connection
    let names = (100..<160).map { "many-\($0)" }
    var domains: [LibvirtDomain] = []
    for name in names { domains.append(try await connection.defineDomain(guestXML(name), named: name)) }

    for index in stride(from: 0, to: 60, by: 7) { try await domains[index].setAutostart(true) }
    try await domains[3].start()
    try await domains[4].start(.paused)
    try await domains[5].start()
    try await domains[5].undefine()
    // The running definition and the stored one differ.
    try await connection.defineDomain(guestXML(names[3], uuid: domains[3].uuid, memory: 48))

    let listing = try await connection.domainRecords()
    #expect(listing.failures.isEmpty)
    #expect(listing.records.map(\.name) == listing.records.map(\.name).sorted())
    let records = listing.records.filter { $0.name.hasPrefix("many-") }
    #expect(records.map(\.name) == names)

    for (index, (record, domain)) in zip(records, domains).enumerated() {
      #expect(record.uuid == domain.uuid)
      #expect(record.handle.uuid == domain.uuid)
      #expect(record.state == [3: .running, 4: .paused, 5: .running][index] ?? .shutOff)
      #expect(record.isActive == (3...5).contains(index))
      #expect(record.isPersistent == (index != 5))
      #expect(record.autostart == (index % 7 == 0))
      #expect(record.hasManagedSave == false)
      #expect(record.inactiveXML == (try await domain.xml([.inactive, .secure])))
      #expect((record.runningXML != nil) == record.isActive)
      if record.isActive { #expect(record.runningXML == (try await domain.xml())) }

      // The same by itself.
      let single = try #require(try await connection.domainRecord(named: record.name))
      #expect(single.state == record.state && single.isActive == record.isActive)
      #expect(single.isPersistent == record.isPersistent && single.autostart == record.autostart)
      #expect(single.inactiveXML == record.inactiveXML && single.runningXML == record.runningXML)
    }
    #expect(records[3].inactiveXML.contains("<memory unit='KiB'>49152</memory>"))
    #expect(records[3].runningXML?.contains("<memory unit='KiB'>32768</memory>") == true)

    for domain in domains { await EmbeddedHost.remove(domain) }
  }

  @Test("includes secrets in the stored definition")
  func secrets() async throws {
    let graphics = "<graphics type='vnc' passwd='hush'/>"
    try await EmbeddedHost.withGuest("secret", devices: graphics) { connection, _ in
      let record = try await connection.domainRecords().records.first { $0.name == "secret" }
      #expect(record?.inactiveXML.contains("passwd='hush'") == true)
    }
  }

  @Test("leaves out domains that vanish meanwhile")
  func vanishing() async throws {
    let connection = try await EmbeddedHost.connection
    let churn = Task {
      for round in 0..<30 {
        let domain = try await connection.defineDomain(guestXML("vanishing-\(round)"))
        try await domain.undefine()
      }
    }
    for _ in 0..<30 {
      let listing = try await connection.domainRecords()
      #expect(listing.failures.isEmpty)
    }
    try await churn.value
  }

  @Test("works on drivers without statistics or secrets")
  func testDriver() async throws {
    let connection = try await openFakeHost()
    let record = try #require(try await connection.domainRecords().records.first)
    #expect(record.name == "test" && record.state == .running && record.isActive && record.isPersistent)
    #expect(record.runningXML?.hasPrefix("<domain type='test' id='1'>") == true)
    #expect(record.inactiveXML.hasPrefix("<domain type='test'>"))
    try await record.handle.destroy()
    let stopped = try #require(try await connection.domainRecords().records.first)
    #expect(stopped.state == .shutOff && !stopped.isActive && stopped.runningXML == nil)
  }

  @Test("sees a managed save image, and its removal")
  func managedSave() async throws {
    // The test driver saves without a guest's memory, and keeps the flag as the real drivers do.
    let connection = try await openFakeHost()
    let domain = try await connection.domain(named: "test")
    #expect(try await domain.hasManagedSave() == false)
    let error = try await libvirtError { try await domain.removeManagedSave() }
    #expect(error == nil || error?.isUnsupported == false)
  }
}
