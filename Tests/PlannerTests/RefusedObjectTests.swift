// Two kinds of problem: a mistake in the spec refuses the stack, a state of the host refuses the object and what depends on
// it, by name, and the rest is planned.

import Diagnostics
import DiskImage
import Inventory
import Spec
import Testing
import Vocabulary
import XMLTree

@testable import Planner

private let lab = """
  stack: lab
  networks: { lan: { mode: nat, address: 10.10.0.1/24 } }
  pools: { vms: { path: /vms }, other: { path: /other } }
  images: { base: { source: /images/base.qcow2 } }
  volumes: { shared: { pool: other, size: 1 GiB } }
  domains:
    web:
      type: qemu
      memory: 1 GiB
      disks: { root: { image: base, size: 20 GiB, pool: vms } }
      interfaces: { lan: { network: lan } }
    user:
      type: qemu
      memory: 1 GiB
      depends-on: web
    reader:
      type: qemu
      memory: 1 GiB
      disks: { data: { volume: shared } }
    apart:
      type: qemu
      memory: 1 GiB
      title: one
      interfaces: { lan: { type: user } }
  """

/// A state of the host that forbids what the spec says of one object.
struct HostState: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let rule: String
  /// The objects that are refused, the first for the state itself.
  let refused: [ObjectReference]
  var spec: @Sendable (String) -> String = { $0 }
  let change: @Sendable (inout ImaginedHost) -> Void

  static func domain(_ name: String) -> ObjectReference { ObjectReference(.domain, name) }

  static let all: [HostState] = [
    HostState(testDescription: "a disk that was grown", rule: "shrink", refused: [domain("web"), domain("user")]) {
      $0.inventory.files["/vms/web.root.qcow2"] = .image(
        ImaginedHost.chain([
          image("/vms/web.root.qcow2", size: 30 << 30), image("/images/base.qcow2", size: 1 << 30),
        ]))
    },
    HostState(testDescription: "a file that is gone", rule: "missing-file", refused: [domain("web"), domain("user")]) {
      $0.inventory.files["/vms/web.root.qcow2"] = .missing
    },
    HostState(
      testDescription: "an image that cannot be read", rule: "unusable-file", refused: [domain("web"), domain("user")]
    ) {
      $0.inventory.files["/vms/web.root.qcow2"] = .unusable(
        .permissionDenied(path: "/vms/web.root.qcow2", operation: "open"))
    },
    HostState(
      testDescription: "a folder in the way", rule: "not-an-image", refused: [domain("web"), domain("user")]
    ) { $0.inventory.files["/vms/web.root.qcow2"] = .folder },
    HostState(
      testDescription: "another owner", rule: "owned-by-another-stack", refused: [domain("web"), domain("user")]
    ) {
      $0.edit("web") { xml in
        var record = OwnershipRecord(in: xml) ?? OwnershipRecord(stack: "farm")
        record.stack = "farm"
        record.put(into: &xml)
      }
    },
    HostState(
      testDescription: "a base image that is gone", rule: "missing-image",
      refused: [ObjectReference(.image, "base"), domain("web"), domain("user")]
    ) { $0.inventory.baseImages = [:] },
    HostState(
      testDescription: "a file in the place of a base image's copy that is none", rule: "false-copy",
      refused: [ObjectReference(.image, "base"), domain("web"), domain("user")]
    ) { host in
      for request in host.inventory.baseImages.keys {
        host.inventory.baseImages[request]?.copyProblem = .refused(
          path: "/vms/base.qcow2", reason: "it refers to another file")
      }
    },
    HostState(
      testDescription: "a pool that cannot be looked into", rule: "unusable-folder",
      refused: [ObjectReference(.pool, "other"), ObjectReference(.volume, "shared"), domain("reader")]
    ) { $0.inventory.files["/other"] = .unusable(.permissionDenied(path: "/other", operation: "open")) },
    HostState(
      testDescription: "a volume that was grown", rule: "shrink",
      refused: [ObjectReference(.volume, "shared"), domain("reader")]
    ) {
      $0.inventory.files["/other/shared.qcow2"] = .image(
        ImaginedHost.chain([image("/other/shared.qcow2", size: 2 << 30)]))
    },
    HostState(
      testDescription: "another stack's network", rule: "owned-by-another-stack",
      refused: [ObjectReference(.network, "lan"), domain("web"), domain("user")]
    ) { host in
      var xml = host.inventory.networks?["lan"]?.inactive ?? XMLElement("network")
      OwnershipRecord(stack: "farm").put(into: &xml)
      host.inventory.networks?["lan"]?.inactive = xml
    },
    HostState(
      testDescription: "a domain that cannot be read", rule: "unreadable-domain",
      refused: [domain("web"), domain("user")]
    ) {
      $0.inventory.domains["web"] = nil
      $0.inventory.failures = [Inventory.Failure(subject: "domain web", message: "it went away")]
    },
    HostState(
      testDescription: "a domain that exists and is another architecture's", rule: "cannot-change",
      refused: [domain("web"), domain("user")],
      spec: { $0.replacing("  web:\n    type: qemu\n", with: "  web:\n    type: qemu\n    arch: aarch64\n") },
      change: { _ in }),
    HostState(
      testDescription: "a device that the host does not have", rule: "cannot-run", refused: [domain("more")],
      spec: { $0 + "\n  more: { type: hvf, memory: 1 GiB }\n" }, change: { _ in }),
    HostState(
      testDescription: "a file that another domain writes to", rule: "shared-disk", refused: [domain("more")],
      spec: {
        $0 + "\n  more: { type: qemu, memory: 1 GiB, disks: { a: { source: /vms/web.root.qcow2, format: qcow2 } } }\n"
      }, change: { _ in }),
    HostState(
      testDescription: "a network that is not there", rule: "missing-network", refused: [domain("more")],
      spec: {
        $0
          + "\n  more: { type: qemu, memory: 1 GiB, state: running, interfaces: { lan: { network: nowhere } } }\n"
      }, change: { _ in }),
  ]
}

@Suite("what the host forbids is refused by itself")
struct RefusedObjectTests {
  private func appliedHost() throws -> ImaginedHost {
    var host = ImaginedHost()
    host.inventory.files["/other"] = .folder
    host.inventory.networks = [:]
    let plan = try host.plan(lab)
    host.apply(plan)
    for action in plan.actions {
      guard case .defineNetwork(let definition) = action.operation else { continue }
      var network = ObservedNetwork(name: definition.name, isActive: true)
      network.inactive = definition.xml
      network.running = definition.xml
      host.inventory.networks?[definition.name] = network
    }
    #expect(try host.plan(lab).isEmpty)
    return host
  }

  @Test("a state of the host refuses its object and what depends on it; the rest is planned", arguments: HostState.all)
  func hostState(state: HostState) throws {
    var host = try appliedHost()
    state.change(&host)
    let spec = try stack(state.spec(lab).replacing("title: one", with: "title: two"))
    let plan = try Plan(for: spec, on: host.inventory, refusingObjects: true)
    #expect(Set(plan.refused.map(\.object)) == Set(state.refused), "\(plan.refused.map(\.object))")
    let first = try #require(plan.refused.first { $0.object == state.refused[0] })
    #expect(first.problems.map(\.rule) == [state.rule])
    #expect(first.problems.allSatisfy { $0.subject == first.object.description && $0.range != nil })
    for dependent in plan.refused where dependent.object != state.refused[0] {
      #expect(dependent.problems.allSatisfy { $0.rule == "depends-on-refused" && $0.message.contains("is refused") })
      let names = state.refused.map(\.description).filter { $0 != dependent.object.description }
      #expect(names.contains { dependent.problems[0].message.contains($0) }, "\(dependent.problems[0].message)")
    }
    // What has nothing to do with it is done, and nothing is done of what is refused.
    #expect(plan.change("apart", "title")?.new == .string("two"))
    #expect(plan.actions.contains { $0.object == HostState.domain("apart") })
    #expect(!plan.actions.contains { state.refused.contains($0.object) })
    for (index, action) in plan.actions.enumerated() { #expect(action.after.allSatisfy { $0 < index }) }
    // Whoever needs a whole plan gets none.
    #expect(throws: DiagnosticsError.self) { try Plan(for: spec, on: host.inventory) }
    // The status says the same.
    let status = HostStatus(of: spec, on: host.inventory)
    for object in state.refused where object.kind == .domain {
      #expect(status.domains.first { $0.name == object.name }?.condition == .refused)
    }
    #expect(status.domains.first { $0.name == "apart" }?.condition == .toChange)
  }

  /// Mistakes that are ones on every host, and limits of the run.
  static let mistakes: [(rule: String, spec: String)] = [
    (
      "base-image", "  more: { type: qemu, memory: 1 GiB, disks: { a: { source: /images/base.qcow2, format: qcow2 } } }"
    ),
    ("cannot-run", "  more: { type: qemu, memory: 1 GiB, cpu: host-passthrough }"),
  ]

  @Test("a mistake in the spec refuses the stack", arguments: mistakes)
  func mistake(rule: String, spec: String) throws {
    let host = try appliedHost()
    do {
      _ = try Plan(for: stack(lab + "\n" + spec), on: host.inventory, refusingObjects: true)
      Issue.record("there is a plan")
    } catch {
      #expect((error as? DiagnosticsError)?.diagnostics.map(\.rule) == [rule])
    }
  }

  @Test("a limit on deletions refuses the stack")
  func deletionLimit() throws {
    let host = try appliedHost()
    let spec = try stack(lab.replacing("  apart:", with: "  other:"))
    #expect(throws: DiagnosticsError.self) {
      try Plan(for: spec, on: host.inventory, deleting: DeletionOptions(.leftovers, most: 0), refusingObjects: true)
    }
    let plan = try Plan(for: spec, on: host.inventory, maxEffect: .delete, deleting: DeletionOptions(.leftovers))
    #expect(plan.objects.contains { $0.verb == .delete && $0.effect == .delete })
  }

  @Test(
    "a limit on effects refuses what goes beyond it and what depends on that, and the rest is planned",
    arguments: [true, false])
  func effectLimit(isOfTheRun: Bool) throws {
    var host = try appliedHost()
    host.start("web")
    host.start("apart")
    let changed = lab.replacing(
      "memory: 1 GiB\n    disks: { root", with: "memory: 2 GiB\n    vcpus: 2\n    disks: { root"
    )
    .replacing("title: one", with: "title: two")
    .replacing("  web:\n", with: isOfTheRun ? "  web:\n" : "  web:\n    max-effect: live\n")
    let plan = try Plan(
      for: stack(changed), on: host.inventory, maxEffect: isOfTheRun ? .live : nil, refusingObjects: true)
    #expect(plan.refused.map(\.object.name) == ["web", "user"])
    let reasons = try #require(plan.object("web")?.problems)
    #expect(reasons.allSatisfy { $0.rule == "beyond-max-effect" && $0.range != nil })
    let asked = isOfTheRun ? "`--max-effect live`" : "the domain's `max-effect: live`"
    #expect(reasons.count == 2 && reasons.contains { $0.message.hasPrefix("vcpus") })
    #expect(
      reasons.contains { $0.message == "memory from 1 GiB to 2 GiB requires `next-boot`, which is beyond \(asked)" })
    #expect(plan.object("user")?.problems.map(\.message) == ["needs domain web, which is refused"])
    #expect(plan.change("apart", "title")?.effect == .live)
    #expect(Set(plan.actions.map(\.object.name)) == ["apart"])
  }

  @Test(
    "what would be deleted is bound by the limit of the run and by the one that is recorded with it",
    arguments: [true, false])
  func effectLimitOfDeletions(isOfTheRun: Bool) throws {
    var host = try appliedHost()
    if !isOfTheRun {
      host.edit("apart") { xml in
        var record = OwnershipRecord(in: xml)
        record?[OwnershipRecord.itself, Vocabulary.domain[.maxEffect]] = "restart"
        record?.put(into: &xml)
      }
    }
    for scope in [DeletionOptions.Scope.leftovers, .everything] {
      let plan = try Plan(
        for: stack(lab.replacing("  apart:", with: "  other:")), on: host.inventory,
        maxEffect: isOfTheRun ? .restart : nil, deleting: DeletionOptions(scope), refusingObjects: true)
      let message =
        "deleting it requires `delete`, which is beyond "
        + (isOfTheRun ? "`--max-effect restart`" : "the domain's `max-effect: restart`")
      #expect(plan.object("apart")?.problems.map(\.message) == [message])
      #expect(!plan.actions.contains { $0.object.name == "apart" })
    }
  }

  @Test("with a protected domain its network stays, too, and what does not need it goes")
  func protectedDomain() throws {
    var host = try appliedHost()
    host.edit("web") { xml in
      var record = OwnershipRecord(in: xml)
      record?[OwnershipRecord.itself, Vocabulary.domain[.protect]] = "true"
      record?.put(into: &xml)
    }
    let plan = try Plan(
      for: stack(lab), on: host.inventory, deleting: DeletionOptions(.everything), refusingObjects: true)
    #expect(Set(plan.refused.map(\.object.name)) == ["web", "lan"])
    #expect(Set(plan.objects.filter { $0.verb == .delete }.map(\.object.name)) == ["user", "reader", "apart"])
  }

  @Test("a domain that is needed by one that is refused is not pruned")
  func prunedNeed() throws {
    var host = ImaginedHost()
    func spec(_ domains: String) -> String { "stack: lab\npools: { vms: { path: /vms } }\ndomains:\n\(domains)" }
    let web = "  web: { type: qemu, memory: 1 GiB, depends-on: db, disks: { root: { size: 2 GiB } } }\n"
    let db = "  db: { type: qemu, memory: 1 GiB }\n"
    host.apply(try host.plan(spec(web + db)))
    let rest = spec(web.replacing("depends-on: db, ", with: "").replacing("2 GiB", with: "1 GiB"))
    let plan = try Plan(
      for: stack(rest), on: host.inventory, deleting: DeletionOptions(.leftovers), refusingObjects: true)
    #expect(plan.refused.map(\.object.name) == ["web", "db"])
    #expect(plan.actions.isEmpty)
  }
}
