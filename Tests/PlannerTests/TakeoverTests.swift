import Diagnostics
import Inventory
import Planner
import Testing
import Vocabulary
import XMLTree

/// Another stack's domain, network and pool, and every way to name them from here.
@Suite("nobody's object is taken over")
struct TakeoverTests {
  private static let uuid = "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42"

  private static func host() throws -> ImaginedHost {
    var host = ImaginedHost()
    let record = "<metadata><vireo:stack xmlns:vireo='urn:vireo:stack:1' name='theirs'/></metadata>"
    let identity = "<name>db</name><uuid>\(uuid)</uuid>"
    host.inventory.domains["db"] = ObservedDomain(
      name: "db", uuid: uuid, state: .stopped, isActive: false,
      inactive: try XMLElement.parse(
        "<domain type='qemu'>\(identity)\(record)<memory>1</memory><os><type>hvm</type></os><devices/></domain>"))
    host.inventory.networks = [
      "db": ObservedNetwork(
        name: "db", uuid: uuid, isActive: false,
        inactive: try XMLElement.parse("<network>\(identity)\(record)</network>"))
    ]
    host.inventory.pools = [
      "db": ObservedPool(
        name: "db", isActive: true,
        inactive: try XMLElement.parse(
          "<pool type='dir'>\(identity)<target><path>/theirs</path></target></pool>"))
    ]
    return host
  }

  private static let kinds = [
    ("domains", "type: qemu, memory: 1 GiB"), ("networks", "mode: isolated"), ("pools", "path: /vms"),
  ]
  private static let ways = [
    "xml: \"<name>db</name>\"", "xml: \"<uuid>\(uuid)</uuid>\"",
    "xml: \"<name>db</name><uuid>\(uuid)</uuid>\"",
    "xml: \"<metadata><s:stack xmlns:s='urn:vireo:stack:1' name='theirs'/></metadata>\"",
    "xml: \"<metadata><stack xmlns='urn:vireo:stack:1' name='mine'/></metadata>\"",
    "uuid: \(uuid)", "uuid: \(uuid.uppercased())", "renamed-from: db", "",
  ]

  @Test("no field and no fragment leads to another's object", arguments: kinds, ways)
  func refused(kind: (collection: String, fields: String), way: String) throws {
    guard way != "renamed-from: db" || kind.collection == "domains" else { return }
    let name = way.isEmpty ? "db" : "web"
    let text = "stack: mine\n\(kind.collection): { \(name): { \(kind.fields)\(way.isEmpty ? "" : ", ")\(way) } }\n"
    let loaded = SpecText.load(text)
    guard let stack = loaded.stack else {
      #expect(loaded.rules == ["reserved-xml"] || loaded.rules == ["reserved-xml", "reserved-xml"], "\(loaded.rules)")
      return
    }
    #expect(!way.hasPrefix("xml"), "a fragment is refused where it stands")
    let host = try Self.host()
    let error = #expect(throws: DiagnosticsError.self) { try Plan(for: stack, on: host.inventory) }
    let rules = error?.diagnostics.map(\.rule) ?? []
    #expect(
      !Set(rules).isDisjoint(with: ["owned-by-another-stack", "pool-elsewhere", "renamed-pool"]), "\(rules)")
    #expect(error?.diagnostics.allSatisfy { $0.range != nil && $0.suggestion != nil } == true)
  }

  @Test("a domain's fragment cannot change a device that has an entry")
  func devices() throws {
    let host = ImaginedHost()
    let spec = """
      stack: mine
      pools: { vms: { path: /vms } }
      domains:
        web:
          memory: 1 GiB
          disks: { root: { size: 1 GiB, target: vda } }
          xml: "<devices><disk><source file='/etc/shadow'/><target dev='vda'/></disk></devices>"
      """
    let error = #expect(throws: DiagnosticsError.self) { try host.plan(spec) }
    #expect(error?.diagnostics.map(\.rule) == ["conflict"])
    #expect(error?.diagnostics.first?.message.contains("disks.root") == true)
    let beside = spec.replacing("'vda'/>", with: "'vdb'/>")
    #expect(try host.plan(beside).definition(of: "web")?.xml.first("devices")?.all("disk").count == 2)
  }
}
