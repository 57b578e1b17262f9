// Every step names what it is about as the spec does.

import DiskImage
import Foundation
import Inventory
import Planner
import SystemCalls
import TestSupport
import Testing
import Vocabulary
import XMLTree

@testable import Report

@Suite("steps in words")
struct OperationTextTests {
  /// A step, the object that it is about, and the key of the part of it that the spec knows it by; nil where it is about
  /// the object itself, which stands before the step's text.
  struct Sample: CustomTestStringConvertible, Sendable {
    let object: ObjectReference
    let operation: Planner.Operation
    let key: String?

    init(_ kind: ObjectReference.Kind, _ operation: Planner.Operation, key: String? = nil) {
      object = ObjectReference(kind, "thing")
      self.operation = operation
      self.key = key
    }

    var testDescription: String { operation.name + (key.map { " \($0)" } ?? "") }
  }

  private static let guest = DomainIdentity(name: "thing", uuid: "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42")
  private static let xml = XMLElement("domain", ["type": "qemu"])
  private static let image = ImageCreation(format: .qcow2, virtualSize: 1 << 30)
  private static let device = DeviceIdentity(element: "disk", identity: .alias, value: "ua-disk-root")
  private static let definition = ObjectDefinition(name: "thing", xml: xml, replacing: nil, expectations: [])

  private static let archived = ArchivedDomain(
    path: "/var/lib/vireo/removed/0/thing.xml",
    removal: RemovedDomain(
      uri: "qemu:///system", stack: "lab", name: "thing", uuid: guest.uuid, autostart: true, removed: 1_764_350_487,
      definition: xml, snapshots: [XMLElement("domainsnapshot", children: [XMLElement("name", text: "one")])],
      currentSnapshot: "one", files: [.init("/srv/a.qcow2", .disk, inode: 7)]))

  private static let unneeded = GarbageCollection(
    FileCensus(
      uri: "qemu:///system", moment: 0,
      files: [
        "/srv/a.qcow2": .init(
          path: "/srv/a.qcow2", identity: FileIdentity(device: 1, inode: 2), bytes: 4096,
          origin: FileOrigin(
            host: HostIdentity(uri: "qemu:///system", embeddedRoot: nil), stack: "lab", object: "domain a"))
      ])
  ).deletions[0]

  /// One of every kind of step, and of those that can be about an object or a part of it, one of each.
  static let samples: [Sample] = [
    Sample(.pool, .createDirectory(path: "/srv/vms")),
    Sample(.network, .defineNetwork(definition)),
    Sample(
      .network, .updateNetwork(name: "thing", fields: [FieldReference(Vocabulary.network, .dhcpHosts)]),
      key: "dhcp.hosts"),
    Sample(.network, .setNetworkAutostart(name: "thing", true)), Sample(.network, .startNetwork(name: "thing")),
    Sample(.network, .stopNetwork(name: "thing")), Sample(.network, .undefineNetwork(name: "thing")),
    Sample(.pool, .definePool(PoolDefinition(definition, isBuilt: false, isStarted: true, autostart: true))),
    Sample(.pool, .setPoolAutostart(name: "thing", true)), Sample(.pool, .startPool(name: "thing")),
    Sample(
      .image,
      .importImage(
        ImageImport(source: "/a.qcow2", destination: "/srv/a.qcow2", format: .qcow2, sha256: "00", length: 1 << 20))),
    Sample(.volume, .createImage(path: "/srv/v.qcow2", image)),
    Sample(.domain, .createImage(path: "/srv/a.qcow2", image, device: "disks.root"), key: "disks.root"),
    Sample(
      .domain,
      .createImage(
        path: "/srv/a.qcow2", ImageCreation(format: .qcow2, backing: .init(name: "base.qcow2", format: .qcow2)),
        device: "disks.root"), key: "disks.root"),
    Sample(.volume, .growImage(path: "/srv/v.qcow2", format: .qcow2, from: 1 << 20, to: 2 << 20)),
    Sample(
      .domain, .growImage(path: "/srv/a.qcow2", format: .qcow2, from: 1 << 20, to: 2 << 20, device: "disks.root"),
      key: "disks.root"),
    Sample(
      .domain, .defineDomain(DomainDefinition(identity: guest, xml: xml, replacing: nil, expectations: []))),
    Sample(
      .domain,
      .resizeBlockDevice(domain: guest, target: "vda", path: "/srv/a.qcow2", to: 2 << 20, device: "disks.root"),
      key: "disks.root"),
    Sample(.domain, .attachDevice(domain: guest, device: device, name: "disks.root"), key: "disks.root"),
    Sample(.domain, .detachDevice(domain: guest, device: device, name: "disks.root"), key: "disks.root"),
    Sample(
      .domain,
      .changeRunning(
        domain: guest,
        [
          LiveChange(
            field: "interfaces.lan.link", entry: Vocabulary.interface[.link], value: .string("up"), way: .device)
        ]),
      key: "interfaces.lan.link"),
    Sample(
      .domain,
      .takeSnapshot(domain: guest, SnapshotCreation(name: "before-upgrade")), key: "before-upgrade"),
    Sample(.domain, .deleteSnapshot(domain: guest, name: "before-upgrade"), key: "before-upgrade"),
    Sample(.domain, .revertToSnapshot(domain: guest, name: "before-upgrade"), key: "before-upgrade"),
    Sample(.volume, .takeImageSnapshot(path: "/srv/v.qcow2", name: "pristine"), key: "pristine"),
    Sample(.image, .narrowMode(path: "/srv/a.qcow2", to: 0o400, file: PlannedImage())),
    Sample(
      .domain, .narrowMode(path: "/srv/a.one.qcow2", to: 0o600, device: "snapshots.one", file: PlannedImage()),
      key: "snapshots.one"),
    Sample(.domain, .setAutostart(domain: guest, true)), Sample(.domain, .startDomain(guest)),
    Sample(.domain, .resumeDomain(guest)), Sample(.domain, .pauseDomain(guest)),
    Sample(.domain, .stopDomain(guest, Shutdown(timeout: 60, forceOff: false))),
    Sample(.domain, .restartDomain(guest, Shutdown(timeout: 60, forceOff: false))),
    Sample(.domain, .renameDomain(guest, to: "other"), key: "other"),
    Sample(.domain, .undefineDomain(guest, Undefinition(seen: xml))),
    Sample(.domain, .deleteFile(path: "/srv/a.qcow2", device: "disks.root"), key: "disks.root"),
    Sample(.volume, .deleteFile(path: "/srv/v.qcow2")),
    Sample(.file, .deleteFile(path: "/srv/a.qcow2", unneeded: unneeded)),
    Sample(.domain, .restoreDomain(archived)), Sample(.removal, .discardRemoval(archived)),
    Sample(.domain, .discardSavedState(guest)), Sample(.domain, .awaitReady(guest, Readiness(agent: true), Shutdown())),
  ]

  @Test("a step names what it is about by the spec's key, in the plan and while it runs", arguments: samples)
  func keys(sample: Sample) throws {
    let action = Action(sample.object, sample.operation, after: [], effect: .define)
    let plan = Plan(
      stack: "lab", uri: "qemu:///system", objects: [ObjectPlan(sample.object, .update)], actions: [action])
    let words = { (text: String) in text.split { " ,;:\n".contains($0) }.map(String.init) }
    var lines = ApplyLines(plan)
    let line = lines.line(for: .finished(0, .done))
    let finished = try #require(line)
    for text in [plan.title(of: 0), plan.shortTitle(of: 0), finished, plan.text()] {
      // A plan has files by their names, in a table for each folder.
      let isTable = sample.object.kind == .file && text == plan.text()
      #expect(text.contains(isTable ? sample.object.name : sample.object.description), "\(text)")
      if let key = sample.key { #expect(words(text).contains(key), "\(text)") }
      // What libvirt or QEMU call it is not what the reader knows.
      for name in ["vda", "ua-disk-root", Self.guest.uuid] { #expect(!words(text).contains(name), "\(text)") }
    }
  }

  @Test("a plan with a step survives being saved", arguments: samples)
  func coding(sample: Sample) throws {
    let action = Action(sample.object, sample.operation, after: [], effect: .define)
    try expectRoundTrip(Plan(stack: "lab", uri: "qemu:///system", objects: [], actions: [action]))
  }

  @Test("plans with all else that they can have survive being saved, and are shown alike")
  func plans() throws {
    for plan in [SamplePlans.creation(count: 3), SamplePlans.change, SamplePlans.volumes, SamplePlans.empty] {
      try expectRoundTrip(plan)
      let saved = try JSONDecoder().decode(Plan.self, from: JSONEncoder().encode(plan))
      #expect(saved.text() == plan.text())
      #expect(saved.json() == plan.json())
    }
  }

  @Test("there is a sample of every kind of step that the planner's source declares")
  func complete() throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let source = try String(
      contentsOf: tests.deletingLastPathComponent().appending(path: "Sources/Planner/Plan/Operation.swift"),
      encoding: .utf8)
    let declared = source.matches(of: #/\n  case ([a-zA-Z]+)\(/#).map { match in
      match.1.map { $0.isUppercase ? "-" + $0.lowercased() : String($0) }.joined()
    }
    #expect(declared.count > 30)
    #expect(Set(declared) == Set(Self.samples.map(\.operation.name)))
  }
}
