// Domain definitions on libvirt's QEMU driver: compared before, verified after, taken back when libvirt did not keep them.

import Libvirt
import Planner
import TestSupport
import Testing
import Vocabulary
import XMLTree

@testable import Applier

@Suite("Defining a domain", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"))
struct DefinitionTests {
  private static let uuid = "7e0c3a9e-6c6a-5e5f-9a5e-"

  private func identity(_ name: String, _ number: Int) -> DomainIdentity {
    DomainIdentity(name: name, uuid: Self.uuid + String(100_000_000_000 + number))
  }

  private func memory(_ mebibytes: UInt64) -> Expectation {
    Expectation(field: "memory", value: .bytes(mebibytes << 20), device: nil, entry: Vocabulary.domain[.memory])
  }

  @Test("stores a new one and finds in it what was asked for")
  func new() async throws {
    let identity = identity("define-new", 1)
    let connection = try await Host.embedded
    let xml = try XMLElement.parse(
      guestXML(identity.name, uuid: identity.uuid, devices: diskXML("/var/tmp/none.qcow2")))
    let disk = DeviceIdentity(element: "disk", identity: .alias, value: "ua-disk-vda")
    let definition = DomainDefinition(
      identity: identity, xml: xml, replacing: nil,
      expectations: [
        memory(32),
        Expectation(field: "disks.root.bus", value: .string("virtio"), device: disk, entry: Vocabulary.disk[.bus]),
        Expectation(field: "disks.root.cache", value: nil, device: disk, entry: Vocabulary.disk[.cache]),
        Expectation(field: "machine", value: .string("pc"), device: nil, entry: Vocabulary.domain[.machine]),
      ])
    let applied = try await apply(.defineDomain(definition), on: connection)
    #expect(applied.outcomes == [.done])
    #expect(try await connection.domain(named: identity.name).uuid == identity.uuid)

    // Once more it is somebody's domain, and is left alone.
    let again = try await apply(.defineDomain(definition), on: connection)
    #expect(again.failure?.message == "domain define-new now exists (UUID \(identity.uuid))")
    await Host.remove(identity.name)
  }

  @Test("replaces one that is still what the plan saw")
  func update() async throws {
    try await Host.withGuest("define-update") { connection, domain, identity in
      let old = try await domain.stored
      var xml = old
      xml.set("49152", at: "memory")
      xml.set("49152", at: "currentMemory")
      let definition = DomainDefinition(identity: identity, xml: xml, replacing: old, expectations: [memory(48)])
      #expect(try await apply(.defineDomain(definition), on: connection).outcomes == [.done])
      #expect(try await domain.stored.value(at: "memory") == "49152")
    }
  }

  @Test("does not mind the order of controllers, which libvirt changes by itself")
  func controllers() async throws {
    try await Host.withGuest("define-controllers") { connection, domain, identity in
      let old = try await domain.stored
      var seen = old
      seen.update("devices") { devices in
        let controllers = devices.all("controller")
        devices.removeAll("controller")
        for controller in controllers.reversed() { devices.append(controller) }
      }
      #expect(seen != old && old.first("devices")!.all("controller").count > 1)
      let definition = DomainDefinition(identity: identity, xml: old, replacing: seen, expectations: [memory(32)])
      #expect(try await apply(.defineDomain(definition), on: connection).outcomes == [.done])
    }
  }

  @Test("leaves one alone that changed since it was planned")
  func moved() async throws {
    try await Host.withGuest("define-moved") { connection, domain, identity in
      let old = try await domain.stored
      var xml = old
      xml.set("mine", at: "title")
      try await connection.defineDomain(guestXML(identity.name, uuid: identity.uuid, memory: 48))
      let before = try await domain.stored
      let failure = try #require(
        try await apply(
          .defineDomain(DomainDefinition(identity: identity, xml: xml, replacing: old, expectations: [])),
          on: connection
        ).failure)
      #expect(failure.message == "domain define-moved changed since it was planned (/domain/currentMemory and 1 more)")
      #expect(failure.remedy == "plan again")
      #expect(try await domain.stored == before)
    }
  }

  @Test("leaves another domain of the name alone, and says when there is none", arguments: [true, false])
  func another(exists: Bool) async throws {
    try await Host.withGuest("define-other-\(exists)") { connection, domain, identity in
      let old = try await domain.stored
      let wrong = exists ? self.identity(identity.name, 2) : DomainIdentity(name: "define-gone", uuid: identity.uuid)
      let failure = try #require(
        try await apply(
          .defineDomain(DomainDefinition(identity: wrong, xml: old, replacing: old, expectations: [])), on: connection
        ).failure)
      #expect(failure.message.contains(exists ? "its UUID is \(identity.uuid)" : "no longer exists"))
      #expect(try await domain.stored == old)
    }
  }

  struct Broken: Sendable, CustomTestStringConvertible {
    let expectation: Expectation
    let message: String
    var testDescription: String { message }
  }

  static let broken: [Broken] = [
    Broken(
      expectation: Expectation(
        field: "memory", value: .bytes(33 << 20), device: nil, entry: Vocabulary.domain[.memory]),
      message: "libvirt changed `memory`: 33 MiB was asked for, 32 MiB is stored"),
    Broken(
      expectation: Expectation(field: "title", value: .string("hello"), device: nil, entry: Vocabulary.domain[.title]),
      message: "libvirt dropped `title`: hello was asked for, nothing is stored"),
    // libvirt keeps only aliases that begin with `ua-`, and drops others without a word.
    Broken(
      expectation: Expectation(
        field: "disks.data.bus", value: .string("virtio"),
        device: DeviceIdentity(element: "disk", identity: .alias, value: "my-disk"), entry: Vocabulary.disk[.bus]),
      message: "libvirt dropped the device of `disks.data.bus`"),
  ]

  private let strange = """
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/var/tmp/none'/>
    <target dev='vdb' bus='virtio'/><alias name='my-disk'/></disk>
    """

  @Test("names a field that libvirt did not keep, and puts the old definition back", arguments: broken)
  func droppedUpdate(_ broken: Broken) async throws {
    try await Host.withGuest("define-dropped-\(broken.expectation.entry)") { connection, domain, identity in
      let old = try await domain.stored
      let xml = try XMLElement.parse(guestXML(identity.name, uuid: identity.uuid, devices: strange))
      let definition = DomainDefinition(
        identity: identity, xml: xml, replacing: old, expectations: [memory(32), broken.expectation])
      let failure = try #require(try await apply(.defineDomain(definition), on: connection).failure)
      #expect(failure.message == broken.message + "; the old definition was put back")
      #expect(failure.field == broken.expectation.field)
      #expect(try await domain.stored == old)
    }
  }

  @Test("names a field that libvirt did not keep, and undefines a new domain again", arguments: broken)
  func droppedNew(_ broken: Broken) async throws {
    let identity = identity("define-broken-\(broken.expectation.entry)-\(broken.expectation.device == nil)", 3)
    let connection = try await Host.embedded
    let unique = DomainIdentity(
      name: identity.name, uuid: Self.uuid + String(200_000_000_000 + UInt64.random(in: 0..<100_000_000)))
    let xml = try XMLElement.parse(guestXML(unique.name, uuid: unique.uuid, devices: strange))
    let definition = DomainDefinition(
      identity: unique, xml: xml, replacing: nil, expectations: [broken.expectation])
    let failure = try #require(try await apply(.defineDomain(definition), on: connection).failure)
    #expect(failure.message == broken.message + "; the new domain was undefined again")
    #expect(try await connection.domainRecord(named: unique.name) == nil)
  }

  @Test("tells what libvirt's schema and driver refuse, and changes nothing")
  func refused() async throws {
    try await Host.withGuest("define-refused") { connection, domain, identity in
      let old = try await domain.stored
      for (path, value, words) in [
        ("devices/nonsense/@a", "b", "schema does not allow"),
        // In libvirt 9.0 and 11.3 "does not support machine type", in 12.8 "supports PCI but no PCI controller added".
        ("os/type/@machine", "no-such-machine", "'no-such-machine'"),
      ] {
        var xml = old
        xml.set(value, at: XMLPath(stringLiteral: path))
        let definition = DomainDefinition(identity: identity, xml: xml, replacing: old, expectations: [])
        let failure = try #require(try await apply(.defineDomain(definition), on: connection).failure)
        #expect(failure.message.contains(words), "\(failure.message)")
        #expect(!failure.message.contains("\n") && failure.remedy != nil)
        #expect(try await domain.stored == old)
      }
    }
  }

  // MARK: What the schema refuses although libvirt holds it

  /// A medium with a relative path: libvirt takes and keeps it, and its schema wants absolute ones.
  private let tray =
    "<disk type='file' device='cdrom'><source file='media/tool.iso'/><target dev='hda' bus='ide'/><readonly/></disk>"

  @Test("changes a guest that libvirt holds against its own schema, and keeps all of it")
  func unchecked() async throws {
    let identity = identity("define-unchecked", 4)
    let connection = try await Host.embedded
    let domain = try await connection.defineDomain(
      guestXML(identity.name, uuid: identity.uuid, devices: tray), named: identity.name, checksSchema: false)
    let old = try await domain.stored
    var xml = old
    xml.insertBesideSiblings(XMLElement("title", text: "changed"))
    var definition = DomainDefinition(identity: identity, xml: xml, replacing: old, expectations: [])
    #expect(try await apply(.defineDomain(definition), on: connection).outcomes == [.done])
    let changed = try await domain.stored
    #expect(
      changed.value(at: "title") == "changed" && changed.value(at: "devices/disk/source/@file") == "media/tool.iso")

    // What libvirt would drop is no part of the exception.
    definition = DomainDefinition(identity: identity, xml: changed, replacing: changed, expectations: [])
    definition.xml.update("devices") { $0.append(XMLElement("nonsense", ["a": "b"])) }
    let failure = try #require(try await apply(.defineDomain(definition), on: connection).failure)
    #expect(failure.message.contains("nonsense"), "\(failure.message)")
    #expect(try await domain.stored == changed)
    await Host.remove(identity.name)
  }

  @Test("makes such a guest anew only where the spec says that libvirt held it", arguments: [true, false])
  func uncheckedNew(isOfAnotherHost: Bool) async throws {
    let identity = identity("define-imported-\(isOfAnotherHost)", isOfAnotherHost ? 5 : 6)
    let connection = try await Host.embedded
    let xml = try XMLElement.parse(guestXML(identity.name, uuid: identity.uuid, devices: tray))
    var definition = DomainDefinition(identity: identity, xml: xml, replacing: nil, expectations: [])
    definition.isOfAnotherHost = isOfAnotherHost
    let failure = try await apply(.defineDomain(definition), on: connection).failure
    #expect((failure == nil) == isOfAnotherHost, "\(String(describing: failure))")
    #expect((try await connection.domainRecord(named: identity.name) != nil) == isOfAnotherHost)
    await Host.remove(identity.name)
  }
}
