// The law of marked secrets that are imported: whatever a spec marks and an apply records, the imported spec marks too, so that
// nothing that was concealed is shown afterwards.

import Diagnostics
import Importer
import Inventory
import Planner
import Report
import Spec
import Testing
import XMLTree
import YAMLTree

@testable import Vocabulary

@Suite("importing marked secrets")
struct SensitiveImportTests {
  private static let canary = "Canary7Tweets"

  /// A value that has the canary in all its texts; nil for a kind of which no text can be one.
  private static func value(of type: ValueType) -> Value? {
    switch type {
    case .text:
      return [canary, "/" + canary, "http://" + canary, "0x" + canary].lazy.compactMap { try? type.parse($0) }.first
    case .list(let element): return value(of: element).map { .list([$0]) }
    case .table(let key, let element):
      let keys = ["TOKEN", "opt/com.example/token", "1", "52:54:00:00:00:01", "10.0.0.1", "token"]
      guard let key = keys.lazy.compactMap({ try? key.normalised($0) }).first else { return nil }
      return value(of: element).map { .table([key: $0]) }
    default: return nil
    }
  }

  /// A host on which a plan was applied, in thought.
  private static func host(after plan: Plan) throws -> Inventory {
    var inventory = Inventory(host: .init(uri: "qemu:///embed"))
    inventory.networks = [:]
    for action in plan.actions {
      switch action.operation {
      case .defineDomain(let definition):
        inventory.domains["web"] = ObservedDomain(
          name: "web", uuid: definition.identity.uuid, state: .stopped, isActive: false, inactive: definition.xml)
      case .defineNetwork(let definition):
        inventory.networks?["web"] = ObservedNetwork(
          name: "web", uuid: definition.xml.value(at: "uuid") ?? "", isActive: true, inactive: definition.xml)
      default: break
      }
    }
    return inventory
  }

  /// Imports what a stack made, and expects that the canary is nowhere in what a plan of that shows and records.
  ///
  /// - Returns: whether the spec could be applied and imported at all.
  private func expectHidden(_ spec: StackSpec, _ kind: ObjectReference.Kind, _ what: String) throws -> Bool {
    var inventory = Inventory(host: .init(uri: "qemu:///embed"))
    inventory.networks = [:]
    guard let plan = try? Plan(for: spec, on: inventory), plan.refused.isEmpty else { return false }
    let host = try Self.host(after: plan)
    let definition = host.domains["web"]?.inactive ?? host.networks?["web"]?.inactive
    guard definition?.serialised().contains(Self.canary) ?? false else { return false }
    let importer = Importer(stack: spec.name)
    let result = importer.read([ObjectReference(kind, "web")], from: host)
    let text = importer.head.serialised() + Importer.merged(result.documents).serialised()
    guard !result.documents.isEmpty, text.contains(Self.canary) else { return false }
    #expect(text.contains("sensitive:"), "\(what): \(text)")
    #expect(result.isConfidential, "\(what)")
    let loaded = SpecLoader().load([SourceFile(path: "x.yaml", text: text)])
    let messages = DiagnosticFormat.render(loaded.diagnostics, as: .text(color: false, width: nil))
    guard let stack = loaded.stack else {
      Issue.record("\(what): \(text)\n\(messages)")
      return true
    }
    #expect(!messages.contains(Self.canary), "\(what)")
    let again = try Plan(for: stack, on: host)
    let shown = again.json() + again.text(TextStyle(color: false, width: 100))
    #expect(!shown.contains(Self.canary), "\(what): \(text)\n\(shown)")
    for action in again.actions {
      let xml: XMLElement? =
        switch action.operation {
        case .defineDomain(let definition): definition.xml
        case .defineNetwork(let definition): definition.xml
        default: nil
        }
      let record = xml?.first("metadata")?.elements.first { $0.name == "stack" }
      #expect(record?.serialised().contains(Self.canary) == false, "\(what): \(text)")
    }
    return true
  }

  private static func stack(_ text: String) throws -> StackSpec {
    let loaded = SpecLoader().load([SourceFile(path: "x.yaml", text: text)])
    return try #require(loaded.stack, "\(loaded.diagnostics)")
  }

  @Test("what is marked stays marked: every text field of a domain, of its devices and of a network")
  func everyField() throws {
    let domain = try Self.stack("stack: lab\ndomains: { web: { type: qemu, memory: 1 GiB, defaults: libvirt } }\n")
    var tried = 0
    for collection in [nil] + Vocabulary.domain.collections.filter({ $0.type.device != nil }) {
      for field in (collection?.type ?? Vocabulary.domain).fields where field.holdsSecrets {
        guard let value = Self.value(of: field.type) else { continue }
        // The mark is in the domain's list, or in the device's own.
        for isOuter in collection == nil ? [true] : [true, false] {
          var spec = domain
          let range = spec.domains[0].range
          let name = collection.map { isOuter ? "\($0.key).extra.\(field.name)" : field.name } ?? field.name
          let mark = Setting(Value.list([.string(name)]), at: range)
          if isOuter { spec.domains[0].set(.sensitive, to: mark) }
          if let collection {
            var device = ObjectSpec(collection.type, "extra", at: range)
            device.settings[field] = Setting(value, at: range)
            if !isOuter { device.set(.sensitive, to: mark) }
            spec.domains[0].members[collection.key] = [device]
          } else {
            spec.domains[0].settings[field] = Setting(value, at: range)
          }
          if try expectHidden(spec, .domain, "\(collection?.key ?? ""): \(name)") { tried += 1 }
        }
      }
    }
    let network = try Self.stack("stack: lab\nnetworks: { web: { mode: isolated } }\n")
    for field in Vocabulary.network.fields where field.holdsSecrets {
      guard let value = Self.value(of: field.type) else { continue }
      var spec = network
      let range = spec.networks[0].range
      spec.networks[0].settings[field] = Setting(value, at: range)
      spec.networks[0].set(.sensitive, to: Setting(.list([.string(field.name)]), at: range))
      if try expectHidden(spec, .network, "network: \(field.name)") { tried += 1 }
    }
    // A device that is only marked is none, where its kind requires more.
    #expect(tried > 35, "\(tried)")
  }

  @Test(
    "and every place in libvirt's XML, also where a field says it in the imported spec",
    arguments: [
      ("xml/description", "<description>CANARY</description>"),
      ("xml/os/initenv[@name='a']", "<os><initenv name='a'>CANARY</initenv></os>"),
      ("xml/devices/newdevice/@name", "<devices><newdevice name='CANARY'/></devices>"),
      (
        "xml/sysinfo/oemStrings/entry",
        "<sysinfo type='smbios'><oemStrings><entry>CANARY</entry></oemStrings></sysinfo>"
      ),
      ("xml", "<newelement>CANARY</newelement>"),
      (
        "xml/devices/disk/serial",
        "<devices><disk type='file'><target dev='vdz'/><serial>CANARY</serial></disk></devices>"
      ),
    ])
  func places(path: String, fragment: String) throws {
    let text = """
      stack: lab
      domains:
        web:
          type: qemu
          memory: 1 GiB
          defaults: libvirt
          xml: "\(fragment.replacing("CANARY", with: Self.canary))"
          sensitive: ["\(path)"]

      """
    #expect(try expectHidden(Self.stack(text), .domain, path))
  }

  @Test("an object without marks gets none")
  func unmarked() throws {
    let result = Importer(stack: "lab").read(
      [ObjectReference(.domain, "web")], from: try ImporterTests.inventory(ImporterTests.web))
    #expect(!Importer.merged(result.documents).serialised().contains("sensitive"))
  }
}
