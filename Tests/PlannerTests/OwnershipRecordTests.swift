import Planner
import Testing
import Vocabulary
import XMLTree

/// The record that a domain carries of what its spec owns.
@Suite("the record of what is owned")
struct OwnershipRecordTests {
  @Test("holds any text through libvirt's XML")
  func anyText() throws {
    let spec = #"""
      stack: lab
      domains:
        web:
          memory: 1 GiB
          description: "lines\n\tand \"quotes\" of 'both' <kinds> & é"
          disks: { root: { source: /vms/root.raw, format: raw }, cd: { device: cdrom } }
      """#
    var host = ImaginedHost()
    host.inventory.files["/vms/root.raw"] = .image(
      ImaginedHost.chain([image("/vms/root.raw", .raw, size: 1 << 30)]))
    host.apply(try host.plan(spec))
    let inactive = try #require(host.inventory.domains["web"]?.inactive)
    host.inventory.domains["web"]?.inactive = try XMLElement.parse(inactive.serialised())
    #expect(try host.plan(spec).isEmpty)
    let record = try #require(inactive.first("metadata")?.elements.first { $0.name == "stack" })
    #expect(record.elements.map { $0[attribute: "object"] ?? "" } == ["", "disks.cd", "disks.root"])
  }

  @Test("names an object by an attribute that no field has")
  func objectAttribute() {
    let types = [Vocabulary.domain, Vocabulary.network] + Vocabulary.domain.collections.map(\.type)
    #expect(types.allSatisfy { $0.field("object") == nil })
  }
}
