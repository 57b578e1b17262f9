// The law of fragments: what a field of the spec says, no piece of libvirt's own XML says otherwise, wherever the two stand. A
// fragment that writes a field's place is refused with a message that names the field, or the field has its value all the same.

import Diagnostics
import Inventory
import Testing
import Vocabulary
import XMLTree

@testable import Planner
@testable import Spec

@Suite("a fragment and a field of one place")
struct FragmentLawTests {
  /// Where a fragment stands.
  enum Place: String, CaseIterable {
    /// In the object or the device that has the field.
    case beside
    /// In the domain that has the device.
    case around
  }

  private static let domain = ImaginedHost.lab + "\n"

  private struct Bed {
    let type: ObjectType
    let base: StackSpec

    func edit(_ change: (inout ObjectSpec) -> Void) -> StackSpec {
      var result = base
      switch type.name {
      case "domain": change(&result.domains[0])
      case "network": change(&result.networks[0])
      default: change(&result.pools[0])
      }
      return result
    }

    func object(in spec: StackSpec) -> ObjectSpec {
      type.name == "domain" ? spec.domains[0] : type.name == "network" ? spec.networks[0] : spec.pools[0]
    }

    /// The stack, whose object says a sample's field, and a fragment.
    func saying(_ sample: FieldSamples.Case, _ fragment: XMLFragment? = nil, _ place: Place = .beside) -> StackSpec {
      edit { object in
        let xml = fragment.map { Setting(.xml($0), at: object.range) }
        let setting = Setting(sample.value, at: object.range)
        guard let collection = sample.collection else {
          object.settings[sample.field] = setting
          return object.set(.xml, to: xml)
        }
        var devices = object.members(collection.key)
        if devices.isEmpty { devices.append(ObjectSpec(collection.type, "extra", at: object.range)) }
        devices[0].settings[sample.field] = setting
        if place == .beside { devices[0].set(.xml, to: xml) }
        object.members[collection.key] = devices
        if place == .around { object.set(.xml, to: xml) }
      }
    }

    var host: ImaginedHost {
      var host = ImaginedHost()
      host.inventory.networks = [:]
      host.inventory.pools = type.name == "pool" ? [:] : nil
      return host
    }

    func definition(in plan: Plan) -> XMLElement? {
      for action in plan.actions {
        switch action.operation {
        case .defineDomain(let definition): return definition.xml
        case .defineNetwork(let definition): return definition.xml
        case .definePool(let pool) where type.name == "pool": return pool.definition.xml
        default: break
        }
      }
      return nil
    }

    /// The element that has a sample's field.
    func element(of sample: FieldSamples.Case, in xml: XMLElement, _ spec: StackSpec) -> XMLElement? {
      guard let collection = sample.collection, let rule = collection.type.device else { return xml }
      return DeviceIdentity(of: object(in: spec).members(collection.key)[0], rule).find(in: xml)
    }
  }

  private static func bed(_ type: ObjectType) throws -> Bed {
    let texts = [
      "domain": domain, "network": "stack: lab\nnetworks: { lan: { mode: nat, address: 10.10.0.1/24 } }\n",
      "pool": "stack: lab\npools: { vms: { path: /vms } }\n",
    ]
    return Bed(type: type, base: try stack(texts[type.name] ?? ""))
  }

  /// Another value of a field than a sample's.
  private static func others(than sample: FieldSamples.Case, of type: ObjectType) -> [Value] {
    let element = sample.collection?.type.device?.element ?? type.name
    return FieldSamples.values(of: sample.field.type, in: element).filter { $0 != sample.value }
  }

  /// What a fragment says to an element: its device's, or the whole domain's around it.
  private static func fragments(
    writing value: Value, _ sample: FieldSamples.Case, into element: XMLElement, of type: ObjectType, _ place: Place
  ) -> [XMLFragment] {
    var changed = element
    sample.field.lens?.put(value, into: &changed)
    var alone = XMLElement(element.name)
    sample.field.lens?.put(value, into: &alone)
    let parts = [XMLFragment.rest(of: changed, beyond: element), alone.isBare ? nil : XMLFragment(alone)]
    return Set(parts.compactMap(\.self)).map { part in
      guard place == .around else { return part }
      var device = part.root
      // Whoever wants to hit a device says what tells it from others.
      let marks: [XMLPath] = ["target/@dev", "mac/@address", "@type", "@index", "@id", "@name"]
      for path in marks + (marks.contains { element.exists(at: $0) } ? [] : ["alias/@name"])
      where device.value(at: path) == nil {
        if let value = element.value(at: path) { device.set(value, at: path) }
      }
      return XMLFragment(XMLElement("domain", children: [XMLElement("devices", children: [device])]))
    }
  }

  @Test("cannot contradict each other", arguments: ["domain", "network", "pool"])
  func everyField(_ name: String) throws {
    let type = try #require([Vocabulary.domain, Vocabulary.network, Vocabulary.pool].first { $0.name == name })
    let bed = try Self.bed(type)
    var (refused, overruled) = (0, 0)
    for sample in FieldSamples.cases(of: type) where sample.field.lens != nil {
      let plain = bed.saying(sample)
      let host = bed.host
      guard let plan = try? Plan(for: plain, on: host.inventory), plan.refused.isEmpty,
        let definition = bed.definition(in: plan), let element = bed.element(of: sample, in: definition, plain),
        sample.field.isMet(sample.value, in: element)
      else { continue }
      var applied = host
      applied.apply(plan)
      for (place, value) in Place.allCases.flatMap({ place in Self.others(than: sample, of: type).map { (place, $0) } })
      where place == .beside || sample.collection != nil {
        for fragment in Self.fragments(writing: value, sample, into: element, of: type, place) {
          for (situation, host) in [("new", host), ("present", applied)] {
            let spec = bed.saying(sample, fragment, place)
            let what = "\(sample), \(place.rawValue), \(situation): \(fragment)"
            let shown = (sample.collection?.type ?? type).displayName(of: sample.field)
            let names =
              sample.collection.map { collection in
                ["\(collection.key).\(bed.object(in: spec).members(collection.key)[0].name)", shown]
              } ?? [shown]
            var diagnostics: [Diagnostic] = []
            FragmentChecks.check(bed.object(in: spec), into: &diagnostics)
            let outcome = diagnostics.isEmpty ? Result { try Plan(for: spec, on: host.inventory) } : nil
            if case .failure(let error)? = outcome {
              diagnostics = (error as? DiagnosticsError)?.diagnostics ?? []
            }
            if case .success(let plan)? = outcome {
              diagnostics = plan.refused.flatMap(\.problems)
              let result = bed.definition(in: plan) ?? (situation == "present" ? definition : nil)
              if diagnostics.isEmpty {
                overruled += 1
                let element = result.flatMap { bed.element(of: sample, in: $0, spec) }
                #expect(
                  element.map { sample.field.isMet(sample.value, in: $0) } ?? false,
                  "\(what): \(result?.serialised() ?? "no definition")")
                continue
              }
            }
            refused += 1
            let messages = diagnostics.map(\.message)
            #expect(messages.contains { message in names.contains { message.contains($0) } }, "\(what): \(messages)")
          }
        }
      }
    }
    #expect(refused > ["domain": 2000, "network": 100, "pool": 100][name] ?? 0, "\(refused), \(overruled)")
  }
}

/// What a fragment may not bring along, wherever it stands.
@Suite("hostile fragments")
struct HostileFragmentTests {
  /// Where a fragment stands: a spec with a gap for it, and for an indentation of its own.
  enum Place: String, CaseIterable {
    case domain = "domains: { web: { type: qemu, memory: 1 GiB, xml: \"FRAGMENT\" } }"
    case network = "networks: { web: { mode: isolated, xml: \"FRAGMENT\" } }"
    case pool = "pools: { web: { path: /web, xml: \"FRAGMENT\" } }"
    case disk = "domains: { web: { type: qemu, memory: 1 GiB, disks: { root: { device: cdrom, xml: \"FRAGMENT\" } } } }"
    case interface =
      "domains: { web: { type: qemu, memory: 1 GiB, interfaces: { lan: { type: user, xml: \"FRAGMENT\" } } } }"
    case graphics = "domains: { web: { type: qemu, memory: 1 GiB, graphics: { a: { type: vnc, xml: \"FRAGMENT\" } } } }"

    var element: String { self == .graphics ? "graphics" : "\(self)" }
    var isObject: Bool { [.domain, .network, .pool].contains(self) }
  }

  /// What is refused wherever it stands, at any depth.
  private static let everywhere = [
    "<v:stack xmlns:v='urn:vireo:stack:1' name='theirs'/>", "<stack xmlns='urn:vireo:stack:1' name='mine'/>",
    "<x:a xmlns:x='urn:other'><v:stack xmlns:v='urn:vireo:stack:1'/></x:a>",
    "<a xmlns:unused='urn:vireo:stack:1'/>", "<v:removed xmlns:v='urn:vireo:removed:1'/>",
    "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='/etc/passwd' parse='text'/>",
    "<x:source xmlns:x='urn:other' file='/etc/passwd'/>", "<name xmlns='urn:other'>db</name>",
    "<!DOCTYPE x><a/>", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", "<a>&e;</a>",
    "<?xml version='1.0'?><a/>", String(repeating: "<a>", count: 20) + String(repeating: "</a>", count: 20),
    String(repeating: "<a/>", count: 20_001), "</xml><name>db</name><xml>", "text", "<![CDATA[text]]>", "",
    "<a b='1' b='2'/>", "<q:a/>",
  ]

  /// What is refused as a child of the object.
  private static let identities = [
    "<name>db</name>", "<name><![CDATA[db]]></name>", "<name>d<!-- -->b</name>", "<name xmlns=''>db</name>",
    "<name>web</name><name>db</name>", "<uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>",
    "<?x?><uuid><?x?>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>",
    "<metadata><v:stack xmlns:v='urn:vireo:stack:1' name='theirs'/></metadata>",
    "<metadata/><metadata><stack xmlns='urn:vireo:stack:1' name='theirs'/></metadata>",
    "<metadata><x:a xmlns:x='urn:other'><v:stack xmlns:v='urn:vireo:stack:1' name='theirs'/></x:a></metadata>",
    "<title>a</title><name>db</name>",
  ]

  private func rules(_ place: Place, _ fragment: String) -> [String] {
    SpecText.load("stack: mine\n" + place.rawValue.replacing("FRAGMENT", with: fragment) + "\n").rules
  }

  @Test("is refused where it is read", arguments: Place.allCases)
  func refused(_ place: Place) {
    #expect(rules(place, "<a/>") == [], "what is nobody's is merged")
    let within = place.isObject ? "devices" : "source"
    for text in Self.everywhere {
      let wholes = [text, "<\(place.element)>\(text)</\(place.element)>", "<\(within)><b>\(text)</b></\(within)>"]
      for fragment in text.isEmpty || text.contains("text") ? [text] : wholes {
        #expect(!rules(place, fragment).isEmpty, "\(fragment.prefix(200))")
      }
    }
    for text in place.isObject ? Self.identities : [] {
      for fragment in [text, "<\(place.element)>\(text)</\(place.element)>"] {
        #expect(rules(place, fragment).contains("reserved-xml"), "\(fragment)")
      }
    }
    for text in place.isObject ? [] : ["<alias name='ua-x'/>", "<alias name='ua-disk-root'/><alias/>"] {
      #expect(rules(place, text).contains("reserved-xml"), "\(text)")
    }
  }

  @Test("what stands in comments, processing instructions and the metadata of others is nobody's identity")
  func harmless() throws {
    for fragment in [
      "<!-- <name>db</name> --><title>a</title>", "<title><![CDATA[<name>db</name>]]></title>",
      "<?x <name>db</name>?><title>a</title>",
      "<metadata><x:name xmlns:x='urn:other'>db</x:name></metadata>",
      "<qemu:commandline><qemu:arg value='-S'/></qemu:commandline>",
    ] {
      let text = "stack: mine\n" + Place.domain.rawValue.replacing("FRAGMENT", with: fragment) + "\n"
      let xml = try #require(try ImaginedHost().plan(text).definition(of: "web")?.xml, "\(fragment)")
      #expect(xml.all("name").map(\.text) == ["web"])
      #expect(xml.all("metadata").count == 1)
      #expect(OwnershipRecord(in: xml)?.stack == "mine", "\(xml.serialised())")
    }
  }

  /// A host with another stack's domain, and a pool of its disks.
  private static func host() throws -> ImaginedHost {
    var host = ImaginedHost()
    host.inventory.domains["db"] = ObservedDomain(
      name: "db", uuid: "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42", state: .stopped, isActive: false,
      inactive: try XMLElement.parse(
        """
        <domain type='qemu'><name>db</name><uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>
        <metadata><v:stack xmlns:v='urn:vireo:stack:1' name='theirs'/></metadata><memory>1</memory>
        <devices><disk type='file'><source file='/vms/db.root.qcow2'/><target dev='vda'/></disk></devices></domain>
        """))
    host.inventory.pools = [
      "store": ObservedPool(
        name: "store", isActive: true,
        inactive: try XMLElement.parse(
          "<pool type='dir'><name>store</name><target><path>/vms</path></target></pool>"))
    ]
    return host
  }

  private static let files = [
    ("file", "<source file='/vms/db.root.qcow2'/>"), ("file", "<source file='/vms/x/..//./db.root.qcow2'/>"),
    ("volume", "<source pool='store' volume='db.root.qcow2'/>"), ("file", "<source file='/images/base.qcow2'/>"),
  ]

  @Test("no fragment gives a domain the disk of another one, or a base image", arguments: files)
  func disks(type: String, source: String) throws {
    let head = """
      stack: mine
      images: { base: { source: /images/base.qcow2 } }
      domains:
        web:
          type: qemu
          memory: 1 GiB

      """
    let disk = "<disk type='\(type)'>\(source)<target dev='vdz' bus='virtio'/></disk>"
    let ways = [
      "    xml: \"<devices>\(disk)</devices>\"\n", "    xml: \"<domain><devices><disk/>\(disk)</devices></domain>\"\n",
      "    disks: { x: { bus: virtio, xml: \"\(disk)\" } }\n",
      "    disks: { x: { target: vdz } }\n    xml: \"<devices>\(disk)</devices>\"\n",
    ]
    let host = try Self.host()
    for way in ways {
      let text = head + way
      guard let stack = SpecText.load(text).stack else { continue }
      let error = #expect(throws: DiagnosticsError.self, "\(text)") { try Plan(for: stack, on: host.inventory) }
      let rules = error?.diagnostics.map(\.rule) ?? []
      #expect(!Set(rules).isDisjoint(with: ["shared-disk", "base-image", "conflict"]), "\(text): \(rules)")
    }
    // Media may be shared, and so may disks of which both definitions say so.
    let medium = ways[0].replacing("<target", with: "<readonly/><target")
    #expect(try host.plan(head + medium).definition(of: "web") != nil)
    guard !source.contains("base.qcow2") else { return }
    let shared = head + ways[0].replacing("<target", with: "<shareable/><target")
    #expect(throws: DiagnosticsError.self) { try host.plan(shared) }
    var sharing = host
    sharing.edit("db") { $0.update("devices") { $0.updateAll("disk") { $0.set("", at: "shareable") } } }
    #expect(try sharing.plan(shared).definition(of: "web") != nil)
    // What a definition has already is adopted as it is.
    sharing = host
    var adopted = ObservedDomain(
      name: "web", uuid: "00000000-6f0e-5a3b-9f1e-0a6c1c7e9d42", state: .stopped, isActive: false,
      inactive: try XMLElement.parse(
        "<domain type='qemu'><name>web</name><memory>1048576</memory><os/><devices>\(disk)</devices></domain>"))
    adopted.inactive.set("hvm", at: "os/type")
    sharing.inventory.domains["web"] = adopted
    #expect(throws: Never.self) { try sharing.plan(head + ways[0]) }
  }

  @Test("a disk's file has one source, whatever a fragment calls it")
  func sources() {
    for field in ["source: /vms/a.qcow2, format: qcow2", "size: 1 GiB, pool: vms", "image: base, pool: vms"] {
      for fragment in [
        "<source file='/vms/x.qcow2'/>", "<source dev='/dev/sda'/>", "<source/><source file='/vms/x.qcow2'/>",
        "<source pool='a' volume='b'/>", "<source protocol='nbd' name='a'/>", "<source path='/x'/>",
        "<source namespace='1'/>", "<disk type='block'/>", "<disk type='network'><source protocol='nbd'/></disk>",
      ] {
        let text = """
          stack: mine
          pools: { vms: { path: /vms } }
          images: { base: { source: /images/base.qcow2 } }
          domains: { web: { type: qemu, disks: { root: { \(field), xml: "\(fragment)" } } } }

          """
        let rules = SpecText.load(text).rules
        #expect(!Set(rules).isDisjoint(with: ["reserved-xml", "conflict"]), "\(field), \(fragment): \(rules)")
      }
    }
  }
}
