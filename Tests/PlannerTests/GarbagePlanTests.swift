// The plan that deletes what nobody needs: its order, what it leaves, and what keeps all of it.

import DiskImage
import Inventory
import Planner
import SystemCalls
import TestSupport
import Testing
import XMLTree

@Suite("plans that delete garbage")
struct GarbagePlanTests {
  private static let base = "/vms/base-" + String(repeating: "ab", count: 32) + ".qcow2"

  private static func census(_ links: [(String, [String])], stack: String? = "lab") -> FileCensus {
    var census = FileCensus(uri: "qemu:///system", moment: 2_000_000_000, folders: ["/vms"], chains: 1)
    for (index, (path, below)) in links.enumerated() {
      let origin = stack.map {
        FileOrigin(host: HostIdentity(uri: census.uri, embeddedRoot: nil), stack: $0, object: "domain web")
      }
      census.files[path] = .init(
        path: path, identity: FileIdentity(device: 1, inode: UInt64(index + 10)), bytes: 4096, origin: origin)
      census.links[path] = .init(Set(below))
    }
    return census
  }

  private static func archived(_ name: String, files: [RemovedDomain.File], at moment: Int = 1_764_350_487)
    -> ArchivedDomain
  {
    ArchivedDomain(
      path: "/archive/\(name)-\(moment).xml",
      removal: RemovedDomain(
        uri: "qemu:///system", stack: "lab", name: name, uuid: "6f3ef70f-ffb0-58a1-8d07-bc22c30c5e51", autostart: false,
        removed: moment, definition: XMLElement("domain"), files: files))
  }

  private func plan(_ census: FileCensus, _ scope: GarbageScope = GarbageScope()) throws -> Plan {
    let plan = Plan(GarbageCollection(census, scope.options(for: census)), in: scope)
    try expectRoundTrip(plan)
    #expect(plan.purpose == .garbage && plan.garbage?.folders == ["/vms"])
    return plan
  }

  private func deleted(_ plan: Plan) -> [String] {
    plan.actions.compactMap { if case .deleteFile(let path, nil, nil, .some) = $0.operation { path } else { nil } }
  }

  @Test("each file waits for what stands on it, and a removal for all of its files")
  func order() throws {
    let (disk, one, two) = ("/vms/web.root.qcow2", "/vms/web.root.one.qcow2", "/vms/web.root.two.qcow2")
    let census = Self.census([(Self.base, []), (disk, [Self.base]), (one, [disk]), (two, [one]), ("/vms/x.raw", [])])
    var scope = GarbageScope()
    scope.removals = [
      Self.archived("web", files: [.init(disk, .disk, inode: 11), .init(one, .disk), .init("/vms/gone", .disk)]),
      Self.archived("db", files: []), Self.archived("db", files: [], at: 1),
    ]
    let plan = try plan(census, scope)
    func place(_ path: String) throws -> Int { try #require(deleted(plan).firstIndex(of: path)) }
    #expect(deleted(plan).count == 5)
    #expect(plan.actions[try place(two)].after == [])
    #expect(plan.actions[try place(one)].after == [try place(two)])
    #expect(plan.actions[try place(disk)].after == [try place(one)])
    #expect(plan.actions[try place(Self.base)].after == [try place(disk)])
    let forgotten = plan.actions.dropFirst(5)
    #expect(
      forgotten.map(\.object.description) == [
        "removed domain web", "removed domain db of 2025-11-28T17:21:27Z", "removed domain db of 1970-01-01T00:00:01Z",
      ])
    #expect(forgotten.map(\.after) == [[try place(disk), try place(one)].sorted(), [], []])
    #expect(forgotten.map(\.effect) == [.delete, .delete, .delete])
    #expect(plan.objects.filter { $0.verb == .delete }.count == 8)
  }

  @Test("a file that stays is an object without a step, and says why")
  func left() throws {
    var census = Self.census([("/vms/a.raw", [])])
    census.files["/vms/theirs.raw"] = .init(
      path: "/vms/theirs.raw", identity: FileIdentity(device: 1, inode: 5), bytes: 1)
    let plan = try plan(census)
    #expect(deleted(plan) == ["/vms/a.raw"])
    let theirs = try #require(plan.objects.first { $0.object.name == "/vms/theirs.raw" })
    #expect(theirs.verb == .none && theirs.changes.map(\.detail) == ["not Vireo's"])
  }

  @Test(
    "what cannot be read, or is named and needed, keeps everything: the plan is empty, and what would go is refused")
  func obstacles() throws {
    var unreadable = Self.census([("/vms/a.raw", [])])
    unreadable.failures = [.init(subject: "domain x", message: "it cannot be read")]
    var needed = Self.census([("/vms/a.raw", []), ("/vms/b.raw", [])])
    needed.roots = [.init(.domain, "domain x", files: ["/vms/b.raw"])]
    var scope = GarbageScope()
    scope.also = ["/vms/b.raw"]
    scope.removals = [Self.archived("web", files: [])]
    for (census, scope, rule) in [(unreadable, GarbageScope(), "unreadable"), (needed, scope, "needed")] {
      let plan = try plan(census, scope)
      #expect(plan.isEmpty)
      #expect(plan.objects.map(\.verb) == [.refused] && plan.objects[0].problems.map(\.rule) == [rule])
    }
  }

  @Test("removals are given up by age and stack, and others need their files")
  func scope() {
    let entries = [
      Self.archived("old", files: [.init("/vms/old.raw", .disk)], at: 100),
      Self.archived("new", files: [.init("/other/new.raw", .disk)], at: 1000),
    ]
    var scope = GarbageScope()
    scope.giveUp(entries, olderThan: 500, at: 1100)
    #expect(scope.removals.map(\.removal.name) == ["old"])
    let request = scope.request(with: entries)
    #expect(request.removals.map(\.name) == ["new"] && request.files == ["/vms/old.raw"])
    #expect(request.folders == ["/vms", "/other"])
    // One that is gone from the archive is given up all the same, and proves what were its files.
    #expect(scope.request(with: []).files == ["/vms/old.raw"])
    #expect(scope.options(for: FileCensus(uri: "", moment: 0)).removals.map(\.name) == ["old"])
    scope.stack = "other"
    scope.giveUp(entries, olderThan: 0, at: 1100)
    #expect(scope.removals.isEmpty)
  }
}
