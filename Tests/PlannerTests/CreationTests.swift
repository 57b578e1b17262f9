import Inventory
import Planner
import TestSupport
import Testing
import Vocabulary
import XMLTree

private let lab = """
  stack: lab
  pools: { vms: { path: /vms } }
  images: { base: { source: /images/base.qcow2 } }
  domains:
    web:
      memory: 1 GiB
      vcpus: 2
      disks:
        root: { image: base, size: 20 GiB }
        data: { size: 5 GiB, format: raw, bus: scsi }
        iso: { device: cdrom }
      interfaces: { lan: { network: default } }
      graphics: { vnc: }
      state: running
      autostart: true
  """

@Suite("creating")
struct CreationTests {
  @Test("a new domain has good hardware where libvirt's defaults are of another time")
  func rendering() throws {
    let plan = try ImaginedHost().plan(lab)
    let definition = try #require(plan.definition(of: "web"))
    try expectGolden(definition.xml.serialised(), "new-domain.xml")
    #expect(definition.replacing == nil)
  }

  @Test("steps come in the order in which they depend on each other")
  func order() throws {
    var host = ImaginedHost()
    host.inventory.files["/vms"] = .missing
    host.inventory.pools = [:]
    let plan = try host.plan(lab)
    #expect(
      plan.actions.map { name($0.operation) } == [
        "createDirectory", "definePool", "createImage", "createImage", "defineDomain", "setAutostart", "startDomain",
      ])
    #expect(plan.actions.map(\.after) == [[], [0], [1], [1], [1, 2, 3], [4], [4]])
    #expect(plan.objects.map(\.verb) == [.create, .none, .create])
  }

  @Test("the type is KVM where the host has it, and the plan says so")
  func type() throws {
    var host = ImaginedHost()
    let with = try host.plan(lab)
    #expect(with.change("web", "type")?.new == .string("kvm"))
    #expect(with.change("web", "type")?.detail == "this host has KVM")
    host.inventory.host.capabilities = Capabilities(arch: "x86_64", domainTypes: ["x86_64": ["qemu"]])
    let without = try host.plan(lab)
    #expect(without.change("web", "type")?.new == .string("qemu"))
    #expect(try #require(without.definition(of: "web")).xml.value(at: "cpu/@mode") == "maximum")
  }

  @Test("two plans of one spec are one plan, and names alone decide identities")
  func determinism() throws {
    let first = try #require(try ImaginedHost().plan(lab).definition(of: "web"))
    let second = try #require(try ImaginedHost().plan(lab).definition(of: "web"))
    #expect(first.xml == second.xml)
    let other = try #require(
      try ImaginedHost().plan(lab.replacing("stack: lab", with: "stack: farm")).definition(of: "web"))
    for path in ["uuid", "devices/disk/serial", "devices/interface/mac/@address"] as [XMLPath] {
      #expect(first.xml.value(at: path) != other.xml.value(at: path))
    }
  }

  @Test("derived identities are what they have always been")
  func identities() throws {
    let xml = try #require(try ImaginedHost().plan(lab).definition(of: "web")).xml
    let values = ["uuid", "devices/interface/mac/@address", "devices/disk/serial"].map {
      xml.value(at: XMLPath(stringLiteral: $0)) ?? ""
    }
    try expectGolden(values.joined(separator: "\n") + "\n", "identities.txt")
  }

  @Test("an image in a pool is copied under its checksum, and overlays wait for it")
  func imageImport() throws {
    var host = ImaginedHost()
    host.inventory.baseImages[ImaginedHost.copied] = host.inventory.baseImages[ImaginedHost.inPlace]
    host.inventory.baseImages[ImaginedHost.copied]?.sha256 = ImaginedHost.sha256
    let plan = try host.plan(lab.replacing("base: { source", with: "base: { pool: vms, source"))
    guard case .importImage(let copy) = plan.actions[0].operation else {
      Issue.record("the first step is \(plan.actions[0].operation)")
      return
    }
    #expect(copy.destination == "/vms/base-\(ImaginedHost.sha256).qcow2")
    guard case .createImage(let path, let creation, _) = plan.actions[1].operation else {
      Issue.record("the second step is \(plan.actions[1].operation)")
      return
    }
    #expect(path == "/vms/web.root.qcow2")
    #expect(creation.backing?.name == "base-\(ImaginedHost.sha256).qcow2", "in one folder the name is enough")
    #expect(plan.actions[1].after == [0])
  }

  @Test("one file may be a base image where it is and be copied into a pool")
  func twoUsesOfAnImage() throws {
    var host = ImaginedHost()
    host.inventory.baseImages[ImaginedHost.copied] = host.inventory.baseImages[ImaginedHost.inPlace]
    host.inventory.baseImages[ImaginedHost.copied]?.sha256 = ImaginedHost.sha256
    let plan = try host.plan(
      """
      stack: lab
      pools: { vms: { path: /vms } }
      images:
        place: { source: /images/base.qcow2 }
        base: { source: /images/base.qcow2, pool: vms }
      domains: { web: { memory: 1 GiB, disks: { a: { image: place }, b: { image: base } } } }
      """)
    let bases = plan.actions.compactMap { action -> String? in
      guard case .createImage(_, let creation, _) = action.operation else { return nil }
      return creation.backing?.path
    }
    #expect(bases == ["/images/base.qcow2", "/vms/base-\(ImaginedHost.sha256).qcow2"])
  }

  @Test("what an existing domain could only get by being made anew is nothing special for a new one")
  func effects() throws {
    let plan = try ImaginedHost().plan(
      lab.replacing("vcpus: 2", with: "arch: x86_64\n    uuid: 2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42"))
    #expect(plan.object("web")?.changes.map(\.effect).max() == .define)
  }

  @Test("a new device is told with all that the spec says of it")
  func deviceSummaries() throws {
    let plan = try ImaginedHost().plan(
      lab.replacing("{ size: 5 GiB, format: raw, bus: scsi }", with: "{ size: 5 GiB, bus: scsi, cache: none }")
        .replacing("{ network: default }", with: "{ network: default, model: e1000e, mac: '52:54:00:00:00:01' }"))
    #expect(plan.change("web", "disks.data")?.new == .string("blank qcow2, 5 GiB, bus scsi, cache none"))
    #expect(
      plan.change("web", "interfaces.lan")?.new
        == .string("network default, model e1000e, mac 52:54:00:00:00:01"))
  }

  @Test("after what is planned is done, nothing is to be done")
  func twiceIsOnce() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab))
    let again = try host.plan(lab)
    #expect(again.isEmpty)
    #expect(
      again.objects.allSatisfy { $0.verb == .none && $0.changes.isEmpty && $0.pending.isEmpty }, "\(again.objects)")
    #expect(again.notes.isEmpty)
  }

  @Test("a run that was cut off goes on where it stopped", arguments: 1...6)
  func resumes(steps: Int) throws {
    var host = ImaginedHost()
    host.inventory.files["/vms"] = .missing
    var plan = try host.plan(lab)
    plan.actions.removeSubrange(min(steps, plan.actions.count)...)
    host.apply(plan)
    host.apply(try host.plan(lab))
    #expect(try host.plan(lab).isEmpty)
  }

  private func name(_ operation: Operation) -> String {
    String("\(operation)".prefix { $0 != "(" })
  }
}

extension Plan {
  func definition(of domain: String) -> DomainDefinition? {
    for action in actions where action.object == ObjectReference(.domain, domain) {
      if case .defineDomain(let definition) = action.operation { return definition }
    }
    return nil
  }

  func object(_ name: String) -> ObjectPlan? { objects.first { $0.object.name == name } }

  func change(_ domain: String, _ field: String) -> FieldChange? {
    object(domain)?.changes.first { $0.field == field }
  }
}
