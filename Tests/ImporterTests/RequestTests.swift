// What an import asks a host is what the plan of its specs asks: the proof is such a plan.

import Importer
import Inventory
import Planner
import Spec
import Testing
import XMLTree
import YAMLTree

@Suite("what an import asks")
struct RequestTests {
  /// A host with a domain, a network, and active pools of every kind that has a folder.
  private static func host() throws -> Inventory {
    var host = try ImporterTests.inventory(ImporterTests.web)
    host.networks = try [
      "default": ObservedNetwork(
        name: "default", uuid: "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d41", isActive: true,
        inactive: XMLElement.parse(
          "<network><name>default</name><uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d41</uuid><bridge name='virbr0'/></network>"
        ))
    ]
    host.pools = [:]
    for (index, (name, type, source)) in [
      ("default", "dir", ""), ("fs", "fs", "<device path='/dev/sdb1'/>"),
      ("nfs", "netfs", "<host name='server'/><dir path='/export'/>"),
    ].enumerated() {
      host.pools?[name] = ObservedPool(
        name: name, isActive: true,
        inactive: try .parse(
          """
          <pool type='\(type)'><name>\(name)</name><uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d4\(index)</uuid>
          <capacity unit='bytes'>1</capacity><source>\(source)</source>
          <target><path>/var/lib/libvirt/\(name)</path></target></pool>
          """))
    }
    return host
  }

  static let cases: [[ObjectReference]?] = [
    nil, [ObjectReference(.pool, "default")], [ObjectReference(.pool, "fs")], [ObjectReference(.pool, "nfs")],
    [ObjectReference(.domain, "web")], [ObjectReference(.network, "default")],
    [ObjectReference(.pool, "default"), ObjectReference(.domain, "web"), ObjectReference(.network, "default")],
  ]

  @Test("covers what the plan of the specs asks, so that it changes nothing", arguments: cases)
  func covered(objects: [ObjectReference]?) throws {
    var inventory = try Self.host()
    inventory.supposeFiles(for: InventoryRequest(importing: objects))
    let everything =
      ["default", "fs", "nfs"].map { ObjectReference(.pool, $0) }
      + [ObjectReference(.network, "default"), ObjectReference(.domain, "web")]
    let importer = Importer(stack: "imported")
    let result = importer.read(objects ?? everything, from: inventory)
    #expect(result.messages.filter { $0.severity == .error }.isEmpty, "\(result.messages.map(\.message))")
    #expect(result.documents.count == (objects ?? everything).count)
    // An empty source is libvirt's way to write none.
    for case (let object, .mapping(let document)) in result.documents where object.kind == .pool {
      #expect(!"\(document)".contains("source>"))
    }
    let spec = try ImporterTests.spec(importer, result)
    let asked = InventoryRequest(for: spec)
    #expect(Set(asked.files.keys).isSubset(of: inventory.files.keys))
  }
}
