// Volumes: what is made, grown and given a snapshot, in which order, and what stands in the way.

import Diagnostics
import DiskImage
import Inventory
import Planner
import Testing
import Vocabulary
import XMLTree

private func lab(
  _ volume: String = "size: 2 GiB, snapshots: { pristine: , later: }", disk: String = "{ volume: data }",
  domain: String = ""
) -> String {
  """
  stack: lab
  pools: { vms: { path: /vms } }
  images: { base: { source: /images/base.qcow2 } }
  volumes: { data: { \(volume) } }
  domains: { web: { memory: 1 GiB, disks: { data: \(disk) }\(domain) } }
  """
}

/// What is wrong with a plan.
private func problems(_ text: String, on host: ImaginedHost) throws -> [Diagnostic] {
  let spec = try stack(text)
  do throws(DiagnosticsError) {
    _ = try Plan(for: spec, on: host.inventory)
    return []
  } catch {
    return error.diagnostics
  }
}

extension Plan {
  fileprivate func steps(of name: String) -> [String] {
    actions.filter { $0.object.name == name }.map { String("\($0.operation)".prefix { $0 != "(" }) }
  }
}

@Suite("volumes")
struct VolumeTests {
  private static let path = "/vms/data.qcow2"

  @Test("a volume is made, then given its snapshots, and the domain that has it waits for all of it")
  func order() throws {
    var host = ImaginedHost()
    let plan = try host.plan(lab())
    #expect(plan.objects.map(\.object.kind) == [.pool, .image, .volume, .domain])
    #expect(plan.steps(of: "data") == ["createImage", "takeImageSnapshot", "takeImageSnapshot"])
    #expect(plan.actions.map(\.after) == [[], [0], [1], [2]])
    #expect(plan.definition(of: "web")?.xml.value(at: "devices/disk/source/@file") == Self.path)
    #expect(plan.definition(of: "web")?.xml.value(at: "devices/disk/driver/@type") == "qcow2")
    #expect(plan.change("web", "disks.data")?.new == .string("volume data, qcow2 file \(Self.path)"))
    host.apply(plan)
    let again = try host.plan(lab())
    #expect(again.isEmpty && again.notes.isEmpty)
  }

  @Test("growth comes before a snapshot that is missing")
  func growth() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab()))
    let plan = try host.plan(lab("size: 3 GiB, snapshots: { pristine: , later: , third: }"))
    #expect(plan.steps(of: "data") == ["growImage", "takeImageSnapshot"])
    #expect(plan.actions.map(\.after) == [[], [0]])
    #expect(plan.change("data", "size")?.detail == "a disk of the stopped domain web")
    #expect(plan.steps(of: "web").isEmpty)
  }

  @Test("a guest that starts on a volume waits for its steps, even where the definition stays")
  func start() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab()))
    let plan = try host.plan(lab("size: 3 GiB, snapshots: { pristine: , later: }", domain: ", state: running"))
    let start = try #require(plan.actions.firstIndex { if case .startDomain = $0.operation { true } else { false } })
    let growth = try #require(plan.actions.firstIndex { if case .growImage = $0.operation { true } else { false } })
    // Through the definition, or at once.
    var before = Set(plan.actions[start].after)
    for step in before { before.formUnion(plan.actions[step].after) }
    #expect(before.contains(growth))
  }

  @Test("an overlay stands on its base and keeps it")
  func overlay() throws {
    var host = ImaginedHost()
    let text = lab("image: base, cluster-size: 128 KiB, extended-l2: true, permissions: { mode: '0640', owner: 7 }")
    let plan = try host.plan(text)
    guard case .createImage(_, let creation, _) = plan.actions.first?.operation else {
      Issue.record("\(plan.actions)")
      return
    }
    #expect(creation.backing?.path == ImaginedHost.base && creation.virtualSize == 1 << 30)
    #expect(creation.clusterSize == 128 << 10 && creation.extendedL2)
    #expect(creation.access == FileAccess(mode: 0o640, owner: .init(user: 7, group: .max)))
    host.apply(plan)
    host.inventory.files[Self.path] = .image(
      ImaginedHost.chain([image(Self.path, size: 1 << 30), image("/images/old.qcow2", size: 1 << 30)]))
    let kept = try host.plan(text)
    #expect(kept.isEmpty && kept.notes.map(\.rule) == ["base-kept"])
  }

  static let obstacles: [(volume: String, disk: String, rule: String)] = [
    ("size: 1 GiB, snapshots: { pristine: , later: }", "{ volume: data }", "shrink"),
    ("size: 2 GiB, snapshots: { 'pristine': , later: , third: }", "{ volume: data }", "image-in-use"),
    ("size: 3 GiB, snapshots: { pristine: , later: }", "{ volume: data }", "image-in-use"),
  ]

  @Test("what a running guest stands in the way of is refused beforehand, in words", arguments: obstacles)
  func refusals(volume: String, disk: String, rule: String) throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab()))
    host.start("web")
    #expect(try problems(lab(), on: host).isEmpty, "nothing to do is no obstacle")
    let found = try problems(lab(volume, disk: disk), on: host)
    #expect(found.map(\.rule) == [rule])
    #expect(found.first?.subject == "volume data" && found.first?.range?.start.line == 4)
  }

  @Test("a guest grows its volume as it runs where its disk says the size, too")
  func live() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab()))
    host.start("web")
    let text = lab("size: 3 GiB, snapshots: { pristine: , later: }", disk: "{ volume: data, size: 3 GiB }")
    let plan = try host.plan(text)
    #expect(plan.steps(of: "data").isEmpty && plan.steps(of: "web") == ["resizeBlockDevice"])
    host.apply(plan)
    #expect(try host.plan(text).isEmpty)
    // Stopped, it is grown once and not by both.
    host.inventory.domains["web"]?.isActive = false
    host.inventory.domains["web"]?.running = nil
    let offline = try host.plan(text.replacing("3 GiB", with: "4 GiB"))
    #expect(offline.steps(of: "data") == ["growImage"] && offline.steps(of: "web").isEmpty)
  }

  @Test("an image that a guest's disk stands on is neither grown nor given a snapshot")
  func below() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab()))
    host.edit("web") { $0.set("/vms/data.one.qcow2", at: "devices/disk/source/@file") }
    host.start("web")
    host.inventory.domains["web"]?.running?.update(at: "devices/disk") { disk in
      disk.append(
        XMLElement("backingStore", ["type": "file"], children: [XMLElement("source", ["file": Self.path])]))
    }
    let found = try problems(lab("size: 3 GiB, snapshots: { pristine: , later: }", disk: "{ volume: data }"), on: host)
    #expect(found.contains { $0.rule == "image-below" && $0.message.contains("/vms/data.one.qcow2") }, "\(found)")
  }

  @Test("a saved guest's disk does not grow under it")
  func savedState() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab()))
    host.inventory.domains["web"]?.hasManagedSave = true
    #expect(
      try problems(lab("size: 3 GiB, snapshots: { pristine: , later: }"), on: host).map(\.rule) == ["saved-state"])
  }

  @Test("a file that a domain had and that is gone is not made anew")
  func gone() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab()))
    host.inventory.files[Self.path] = .missing
    let found = try problems(lab(), on: host)
    #expect(found.map(\.rule) == ["missing-file"] && found[0].message.contains("domain web"))
  }

  @Test("a volume that moves does not leave its guest with an empty disk; another volume may take its place")
  func moved() throws {
    var host = ImaginedHost()
    host.inventory.files["/fast"] = .folder
    func text(_ volumes: String, _ name: String) -> String {
      """
      stack: lab
      pools: { vms: { path: /vms }, fast: { path: /fast } }
      volumes: { \(volumes) }
      domains: { web: { memory: 1 GiB, disks: { data: { volume: \(name) } } } }
      """
    }
    host.apply(try host.plan(text("data: { size: 2 GiB, pool: vms }", "data")))
    let found = try problems(text("data: { size: 2 GiB, pool: fast }", "data"), on: host)
    #expect(found.map(\.rule) == ["other-file"] && found[0].suggestion?.contains("/fast/data.qcow2") == true)
    let other = text("data: { size: 2 GiB, pool: vms }, new: { size: 1 GiB, pool: fast }", "new")
    let plan = try host.plan(other)
    #expect(plan.change("web", "disks.data.source")?.new == .string("/fast/new.qcow2"))
    host.apply(plan)
    #expect(try host.plan(other).isEmpty)
  }

  @Test("a place that cannot be has its words")
  func places() throws {
    var host = ImaginedHost()
    host.inventory.files["/srv"] = .folder
    func rules(_ volume: String) throws -> [String] {
      try problems(
        """
        stack: lab
        pools: { vms: { path: /vms } }
        images: { base: { source: /images/base.qcow2 } }
        volumes: { data: { \(volume) } }
        domains: { web: { memory: 1 GiB, disks: { root: { size: 1 GiB } } } }
        """, on: host
      ).map(\.rule)
    }
    #expect(try rules("path: /srv/data.qcow2, size: 1 GiB") == [])
    #expect(try rules("path: /vms/other.qcow2, size: 1 GiB") == [], "a pool's folder will be there")
    #expect(try rules("path: /nowhere/data.qcow2, size: 1 GiB") == ["missing-folder"])
    #expect(try rules("path: /srv/data.qcow2") == ["missing-file"])
    #expect(
      try rules("path: /dev/none, size: 1 GiB, format: raw") == ["missing-file"], "no file is made in a device's place")
    #expect(try rules("path: /images/base.qcow2") == ["base-image"])
    #expect(try rules("path: /vms/web.root.qcow2, size: 1 GiB") == ["shared-disk"])
    #expect(try rules("path: /srv, size: 1 GiB") == ["missing-folder"] || rules("path: /srv") == ["not-an-image"])
  }

  @Test("snapshots that the spec does not name are kept and told, unless they are a domain's")
  func others() throws {
    var host = ImaginedHost()
    let alone = "stack: lab\npools: { vms: { path: /vms } }\nvolumes: { data: { size: 2 GiB } }\n"
    host.inventory.files[Self.path] = .image(ImaginedHost.chain([image(Self.path, size: 2 << 30)]))
    host.inventory.imageSnapshots[Self.path] = .success([ObservedImageSnapshot(id: "1", name: "by-hand")])
    let plan = try host.plan(alone)
    #expect(plan.isEmpty && plan.notes.map(\.rule) == ["other-snapshot"])
    #expect(plan.notes.first?.message == "the snapshot by-hand of its file is not in the spec and kept")
    host.apply(try host.plan(lab("size: 2 GiB")))
    #expect(try host.plan(lab("size: 2 GiB")).notes.isEmpty)
    #expect(try host.plan(alone).notes.map(\.rule).contains("used-volume"))
  }

  @Test("an id is not taken for a name, nor an unreadable table for an empty one")
  func tables() throws {
    var host = ImaginedHost()
    host.inventory.files[Self.path] = .image(ImaginedHost.chain([image(Self.path, size: 2 << 30)]))
    host.inventory.imageSnapshots[Self.path] = .success([ObservedImageSnapshot(id: "pristine", name: "x")])
    #expect(try problems(lab("size: 2 GiB, snapshots: { pristine: }"), on: host).map(\.rule) == ["snapshot"])
    host.inventory.imageSnapshots[Self.path] = .failure(.notFound(path: Self.path))
    #expect(try problems(lab("size: 2 GiB, snapshots: { pristine: }"), on: host).map(\.rule) == ["unusable-file"])
  }

  @Test("destroying a stack says which volumes stay")
  func destroyed() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab()))
    let plan = try Plan(for: stack(lab()), on: host.inventory, deleting: DeletionOptions(.everything))
    #expect(plan.notes.map(\.message) == ["its file is kept: \(Self.path)"])
    #expect(plan.objects.map(\.object.kind) == [.domain])
  }
}
