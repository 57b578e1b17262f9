import Planner
import TestSupport
import Testing
import XMLTree

@testable import Applier

/// What is about to be stored is compared with what libvirt holds, not with what the step is called.
@Suite("nobody's definition is replaced")
struct TakeoverTests {
  private static func identity(_ name: String) -> DomainIdentity {
    DomainIdentity(
      name: name, uuid: "2b1d3c64-6f0e-5a3b-9f1e-" + String(300_000_000_000 + UInt64.random(in: 0..<9_999_999)))
  }

  private func record(_ stack: String) -> String {
    "<metadata><vireo:stack xmlns:vireo='urn:vireo:stack:1' name='\(stack)'/></metadata>"
  }

  private func xml(_ identity: DomainIdentity, stack: String) throws -> XMLElement {
    try XMLElement.parse(
      guestXML(identity.name, uuid: identity.uuid).replacing("</name>", with: "</name>" + record(stack)))
  }

  @Test("a domain whose XML has another one's name or UUID, or that is another stack's, is left alone")
  func domains() async throws {
    let (theirs, ours) = (Self.identity("takeover-theirs"), Self.identity("takeover-ours"))
    let connection = try await Host.embedded
    try await connection.defineDomain(try xml(theirs, stack: "theirs").serialised(), named: theirs.name)
    let held = try await connection.domain(named: theirs.name).stored
    let mixed = DomainIdentity(name: ours.name, uuid: theirs.uuid)
    let cases: [(DomainIdentity, XMLElement, String)] = [
      (ours, try xml(theirs, stack: "ours"), "names takeover-theirs"),
      (ours, try xml(mixed, stack: "ours"), "has the UUID \(theirs.uuid)"),
      (mixed, try xml(mixed, stack: "ours"), "belongs to the stack theirs"),
      (theirs, try xml(theirs, stack: "ours"), "now exists"),
    ]
    for (identity, xml, words) in cases {
      let definition = DomainDefinition(identity: identity, xml: xml, replacing: nil, expectations: [])
      let failure = try await apply(.defineDomain(definition), on: connection).failure
      #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "it was defined")")
      #expect(failure?.remedy != nil)
      #expect(try await connection.domain(named: theirs.name).stored == held)
      #expect(try await connection.domainRecord(named: ours.name) == nil)
    }
    let renaming = try await apply(.renameDomain(theirs, to: ours.name), on: connection).failure
    #expect(renaming?.message.contains("belongs to the stack theirs") == true)
    // Even a step that has seen the definition does not make it another stack's.
    let seen = DomainDefinition(
      identity: theirs, xml: try xml(theirs, stack: "ours"), replacing: held, expectations: [])
    let failure = try await apply(.defineDomain(seen), on: connection).failure
    #expect(failure?.message.contains("belongs to the stack theirs") == true)
    #expect(try await connection.domain(named: theirs.name).stored == held)
    await Host.remove(theirs.name)
  }

  @Test("networks and pools likewise", arguments: ["name", "uuid"])
  func others(way: String) async throws {
    let connection = try await Host.fake
    let network = try XMLElement.parse(try await connection.network(named: "default").xml())
    let pool = try XMLElement.parse(try await connection.storagePool(named: "default-pool").xml())
    func definition(_ other: XMLElement) -> ObjectDefinition {
      var xml = other
      if way == "uuid" { xml.set("takeover", at: "name") }
      return ObjectDefinition(name: "takeover", xml: xml)
    }
    for operation in [
      Operation.defineNetwork(definition(network)), .definePool(PoolDefinition(definition(pool))),
    ] {
      let failure = try await apply(operation).failure
      #expect(failure?.message.contains(way == "name" ? "names default" : "has the UUID") == true, "\(failure as Any)")
    }
    #expect(try XMLElement.parse(try await connection.network(named: "default").xml()) == network)
    #expect(try XMLElement.parse(try await connection.storagePool(named: "default-pool").xml()) == pool)
  }
}
