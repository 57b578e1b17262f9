// A domain's life on libvirt's real QEMU driver.

import Foundation
import Libvirt
import TestSupport
import Testing

@Suite("A domain", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"))
struct DomainTests {
  @Test("is defined, starts, pauses, stops and goes")
  func life() async throws {
    try await EmbeddedHost.withGuest("life") { connection, domain in
      #expect(domain.name == "life")
      #expect(try await domain.state() == .shutOff)
      #expect(try await domain.isPersistent())
      #expect(try await domain.xml(.inactive).contains("<uuid>\(domain.uuid)</uuid>"))

      try await domain.start()
      #expect(try await domain.state() == .running)
      #expect(try await domain.isActive())
      try await domain.suspend()
      #expect(try await domain.state() == .paused)
      try await domain.resume()
      #expect(try await domain.waitUntil(.running, timeout: .seconds(300)))

      // Without a system in the guest nobody answers the power button.
      try await domain.shutdown(.acpi)
      #expect(try await domain.waitUntilShutOff(timeout: .milliseconds(50)) == false)
      async let ended = domain.waitUntilShutOff(timeout: .seconds(300))
      try await domain.destroy(graceful: true)
      #expect(try await ended)

      try await domain.undefine()
      #expect(try await libvirtError { _ = try await domain.state() }?.isNotFound == true)
      #expect(try await libvirtError { _ = try await connection.domain(named: "life") }?.code == .noDomain)
    }
  }

  @Test("starts paused if asked")
  func startPaused() async throws {
    try await EmbeddedHost.withGuest("start-paused") { _, domain in
      try await domain.start(.paused)
      #expect(try await domain.state() == .paused)
    }
  }

  @Test("goes on as a transient one when undefined while it runs, and is then gone with its guest")
  func transient() async throws {
    try await EmbeddedHost.withGuest("transient") { connection, domain in
      try await domain.start()
      try await domain.undefine()
      #expect(try await domain.isPersistent() == false)
      let record = try #require(try await connection.domainRecord(uuid: domain.uuid))
      #expect(record.isActive && !record.isPersistent && !record.autostart)
      #expect(try await libvirtError { try await domain.setAutostart(true) }?.code == .operationInvalid)
      async let ended = domain.waitUntilShutOff(timeout: .seconds(300))
      try await domain.destroy()
      #expect(try await ended)
      #expect(try await connection.domainRecord(uuid: domain.uuid) == nil)
    }
  }

  @Test("has its definition replaced by one with the same name and UUID")
  func redefine() async throws {
    try await EmbeddedHost.withGuest("redefined") { connection, domain in
      try await connection.defineDomain(guestXML("redefined", uuid: domain.uuid, memory: 48))
      #expect(try await domain.xml(.inactive).contains("<memory unit='KiB'>49152</memory>"))
    }
  }

  @Test("keeps autostart, metadata and sizes that are set")
  func settings() async throws {
    try await EmbeddedHost.withGuest("settings") { _, domain in
      try await domain.setAutostart(true)
      #expect(try await domain.autostart())
      try await domain.setAutostart(false)
      #expect(try await domain.autostart() == false)

      let element = DomainMetadataKind.element(namespace: "https://example.org/test")
      #expect(try await domain.metadata(element) == nil)
      try await domain.setMetadata(element, "<note>hello</note>", prefix: "t", scope: .config)
      #expect(try await domain.metadata(element, scope: .config) == "<note>hello</note>")
      try await domain.setMetadata(element, nil, prefix: nil, scope: .config)
      #expect(try await domain.metadata(element, scope: .config) == nil)
      try await domain.setMetadata(.title, "a title", scope: .config)
      #expect(try await domain.metadata(.title, scope: .config) == "a title")

      try await domain.setMemory(kibibytes: 65536, maximum: true, scope: .config)
      try await domain.setMemory(kibibytes: 40960, scope: .config)
      try await domain.setVcpus(4, .maximum, scope: .config)
      try await domain.setVcpus(2, scope: .config)
      let xml = try await domain.xml(.inactive)
      #expect(xml.contains("<memory unit='KiB'>65536</memory>"))
      #expect(xml.contains("<currentMemory unit='KiB'>40960</currentMemory>"))
      #expect(xml.contains("<vcpu placement='static' current='2'>4</vcpu>"))
    }
  }

  @Test("is renamed while it is shut off, and only then")
  func rename() async throws {
    try await EmbeddedHost.withGuest("old-name") { connection, domain in
      try await domain.start()
      #expect(try await libvirtError { try await domain.rename(to: "new-name") }?.code == .operationInvalid)
      try await domain.destroy()
      try await domain.rename(to: "new-name")
      #expect(try await connection.domainRecord(uuid: domain.uuid)?.name == "new-name")
    }
  }

  @Test("has devices attached, changed and detached, in the running guest and the stored definition apart")
  func devices() async throws {
    let controller = "<controller type='scsi' index='0' model='virtio-scsi'/>"
    try await EmbeddedHost.withGuest("devices", devices: controller) { _, domain in
      let image = EmbeddedHost.root + "/devices.img"
      try Data(count: 1 << 20).write(to: URL(fileURLWithPath: image))
      func disk(cache: String) -> String {
        """
        <disk type='file' device='disk'><driver name='qemu' type='raw' cache='\(cache)'/><source file='\(image)'/>
        <target dev='sda' bus='scsi'/><alias name='ua-data'/></disk>
        """
      }
      try await domain.start()
      try await domain.attachDevice(disk(cache: "none"), scope: [.live, .config])
      #expect(try await domain.xml().contains("ua-data"))
      #expect(try await domain.xml(.inactive).contains("ua-data"))
      #expect(try await domain.blockInfo("sda").capacity == 1 << 20)

      try await domain.blockResize("sda", bytes: 3 << 20)
      #expect(try await domain.blockInfo("sda").capacity == 3 << 20)
      #expect(try await domain.blockInfo(image).physical == 3 << 20)

      try await domain.updateDevice(disk(cache: "writeback"), scope: .config)
      #expect(try await domain.xml(.inactive).contains("cache='writeback'"))

      try await domain.detachDevice(alias: "ua-data", scope: .config)
      #expect(try await domain.xml(.inactive).contains("ua-data") == false)
      async let gone = domain.waitUntilDeviceRemoved(alias: "ua-data", timeout: .seconds(300))
      try await domain.detachDevice(disk(cache: "none"), scope: .live)
      #expect(try await gone)
      #expect(try await domain.xml().contains("ua-data") == false)
    }
  }

  @Test("tells its events to whoever listens, until the connection's end of the stream")
  func events() async throws {
    try await EmbeddedHost.withGuest("events") { connection, domain in
      let events = try await connection.domainEvents()
      try await domain.start()
      try await domain.suspend()
      try await domain.destroy()
      try await domain.undefine()
      var seen: [DomainEvent.Kind] = []
      for await event in events where event.uuid == domain.uuid {
        #expect(event.name == "events")
        seen.append(event.kind)
        if event.kind == .lifecycle(.undefined) { break }
      }
      for kind in [DomainEvent.Lifecycle.started, .suspended, .stopped, .undefined] {
        #expect(seen.contains(.lifecycle(kind)))
      }
    }
  }

  @Test("is not there while it is being waited for: the wait ends at once")
  func waitForNothing() async throws {
    try await EmbeddedHost.withGuest("never-started") { _, domain in
      #expect(try await domain.waitUntilShutOff(timeout: .seconds(600)))
      try await domain.undefine()
      #expect(try await domain.waitUntilShutOff(timeout: .seconds(600)))
    }
  }
}
