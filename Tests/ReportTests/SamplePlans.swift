// Plans that the tests show: a new lab, a change with drift and waiting values, texts that mean harm.

import Applier
import Diagnostics
import DiskImage
import Planner
import Vocabulary
import XMLTree

enum SamplePlans {
  static let file = SourceFile(path: "lab.yaml", text: String(repeating: "\n", count: 60))

  static func line(_ number: Int) -> SourceRange {
    SourceRange(
      file: file, start: SourcePosition(line: number, column: 5), end: SourcePosition(line: number, column: 9))
  }

  /// A pool, an image, `count` equal domains and one of its own.
  static func creation(count: Int) -> Plan {
    var plan = Plan(stack: "lab", uri: "qemu:///system")
    let pool = ObjectReference(.pool, "vms")
    plan.objects.append(
      ObjectPlan(
        pool, .create,
        changes: [
          FieldChange(
            "path", new: .string("/srv/vms"), effect: .define, reason: .spec, detail: "make the folder", range: line(4))
        ], range: line(3)))
    plan.actions.append(Action(pool, .createDirectory(path: "/srv/vms"), after: [], effect: .define))
    plan.actions.append(
      Action(
        pool, .definePool(PoolDefinition(ObjectDefinition(name: "vms", xml: XMLElement("pool", ["type": "dir"])))),
        after: [0], effect: .define))
    let image = ObjectReference(.image, "debian-12")
    let copy = "/srv/vms/debian-12-" + String(repeating: "0a", count: 32) + ".qcow2"
    plan.objects.append(
      ObjectPlan(
        image, .create,
        changes: [
          FieldChange(
            "source", new: .string("/srv/images/debian-12-generic-amd64.qcow2"), effect: .define, reason: .spec,
            detail: "copy 412 MiB to \(copy)", range: line(7))
        ], range: line(6)))
    plan.actions.append(
      Action(
        image,
        .importImage(
          ImageImport(
            source: "/srv/images/debian-12-generic-amd64.qcow2", destination: copy, format: .qcow2,
            sha256: String(repeating: "0a", count: 32), length: 412 << 20)), after: [1], effect: .define))
    for number in 1...count { add(domain: "web-\(number)", number: number, copy: copy, to: &plan) }
    add(domain: "db", number: 77, copy: copy, to: &plan)
    plan.objects.append(ObjectPlan(ObjectReference(.domain, "old"), .none, range: line(40)))
    plan.notes = (1...count).map {
      Diagnostic(
        .note, "domain-type", "the host has no KVM, so the domain is emulated", at: nil, subject: "domain web-\($0)",
        suggestion: "say `type: qemu` to make it so everywhere")
    }
    plan.notes.append(
      Diagnostic(
        .warning, "undeclared-device", "the device `usb-stick` is not in the spec and stays", at: line(12),
        subject: "domain db"))
    return plan
  }

  static func add(domain name: String, number: Int, copy: String, to plan: inout Plan) {
    let object = ObjectReference(.domain, name)
    let uuid = "2b1d3c64-6f0e-5a3b-9f1e-" + String(100_000_000_000 + number)
    func spec(_ field: String, _ value: Value, _ place: Int, detail: String? = nil) -> FieldChange {
      FieldChange(field, new: value, effect: .define, reason: .spec, detail: detail, range: line(place))
    }
    func byDefault(_ field: String, _ value: Value) -> FieldChange {
      FieldChange(field, new: value, effect: .define, reason: .default, range: line(10))
    }
    plan.objects.append(
      ObjectPlan(
        object, .create,
        changes: [
          spec("memory", .bytes(2 << 30), 11), spec("vcpus.count", .integer(2), 12),
          spec("state", .string("running"), 13), byDefault("type", .string("kvm")),
          byDefault("machine", .string("q35")), byDefault("uuid", .string(uuid)),
          spec("disks.root.image", .string("debian-12"), 15, detail: "overlay on debian-12"),
          spec("disks.root.size", .bytes(20 << 30), 15), byDefault("disks.root.bus", .string("virtio")),
          byDefault("disks.root.target", .string("vda")),
          byDefault("disks.root.serial", .string("vr-\(number * 7919)")),
          spec("interfaces.lan.network", .string("default"), 17),
          byDefault("interfaces.lan.mac", .string("52:54:00:12:34:\(number % 90 + 10)")),
        ], range: line(10)))
    let identity = DomainIdentity(name: name, uuid: uuid)
    let first = plan.actions.count
    plan.actions.append(
      Action(
        object,
        .createImage(
          path: "/srv/vms/\(name)-root.qcow2",
          ImageCreation(format: .qcow2, virtualSize: 20 << 30, backing: .init(name: copy, format: .qcow2)),
          device: "disks.root"),
        after: [2], effect: .define))
    plan.actions.append(
      Action(
        object,
        .defineDomain(
          DomainDefinition(
            identity: identity, xml: XMLElement("domain", ["type": "kvm"], children: [XMLElement("name", text: name)]),
            replacing: nil,
            expectations: [
              Expectation(field: "memory", value: .bytes(2 << 30), device: nil, entry: Vocabulary.domain[.memory])
            ])),
        after: [first], effect: .define))
    plan.actions.append(Action(object, .startDomain(identity), after: [first + 1], effect: .live))
  }

  /// An update with every reason, values that wait, an adoption.
  static let change: Plan = {
    var plan = Plan(stack: "lab", uri: "qemu+ssh://root@host.example.org/system")
    let object = ObjectReference(.domain, "db")
    let identity = DomainIdentity(name: "db", uuid: "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42")
    plan.objects = [
      ObjectPlan(ObjectReference(.pool, "vms"), .none, range: line(3)),
      ObjectPlan(
        object, .update,
        changes: [
          FieldChange(
            "memory", old: .bytes(1 << 30), new: .bytes(2 << 30), effect: .nextBoot, reason: .drift, range: line(21)),
          FieldChange(
            "title", old: .string("the old database of the accounting department, kept until the audit"),
            new: .string("the database of the accounting department"), effect: .define, reason: .spec, range: line(22)),
          FieldChange("cpu.mode", old: .string("host-model"), effect: .nextBoot, reason: .dropped),
          FieldChange(
            "disks.data.size", old: .bytes(10 << 30), new: .bytes(20_000_000_000), effect: .live, reason: .spec,
            detail: "grown while the guest runs", range: line(25)),
          FieldChange(
            "disks.scratch.source",
            new: .string("/srv/very/long/path/that/goes/on/and/on/through/many/folders/to/the/scratch-disk.raw"),
            effect: .nextBoot, reason: .spec, range: line(27)),
          FieldChange("boot", new: .list([.string("hd"), .string("network")]), effect: .nextBoot, reason: .default),
        ],
        pending: [PendingValue("vcpus.count", running: .integer(2), stored: .integer(4))], range: line(20)),
      ObjectPlan(
        ObjectReference(.domain, "mail"), .none,
        pending: [
          PendingValue("memory", running: .bytes(1 << 30), stored: .bytes(2 << 30)),
          PendingValue("title", running: nil, stored: .string("")),
        ], range: line(30)),
      ObjectPlan(ObjectReference(.domain, "legacy"), .adopt, range: line(34)),
    ]
    let xml = XMLElement("domain", ["type": "kvm"])
    let legacy = ObjectReference(.domain, "legacy")
    plan.actions = [
      Action(
        object,
        .resizeBlockDevice(
          domain: identity, target: "vdb", path: "/srv/vms/db-data.qcow2", to: 20_000_000_000, device: "disks.data"),
        after: [], effect: .live),
      Action(
        object,
        .defineDomain(DomainDefinition(identity: identity, xml: xml, replacing: xml, expectations: [])), after: [0],
        effect: .nextBoot),
      Action(object, .stopDomain(identity, Shutdown(timeout: 120, forceOff: false)), after: [1], effect: .restart),
      Action(object, .startDomain(identity), after: [2], effect: .live),
      Action(
        legacy,
        .defineDomain(
          DomainDefinition(
            identity: DomainIdentity(name: "legacy", uuid: "x"), xml: xml, replacing: xml, expectations: [])),
        after: [], effect: .define),
    ]
    return plan
  }()

  /// Volumes: one that is new, one that grows and gets a snapshot, one that stays.
  static let volumes: Plan = {
    let (fresh, old) = (ObjectReference(.volume, "scratch"), ObjectReference(.volume, "data"))
    var creation = ImageCreation(format: .qcow2, virtualSize: 10 << 30)
    creation.clusterSize = 1 << 20
    return Plan(
      stack: "lab", uri: "qemu:///system",
      objects: [
        ObjectPlan(
          fresh, .create,
          changes: [
            FieldChange("size", new: .bytes(10 << 30), effect: .define, reason: .spec, range: line(5)),
            FieldChange("cluster-size", new: .bytes(1 << 20), effect: .define, reason: .spec, range: line(6)),
          ], range: line(4)),
        ObjectPlan(
          old, .update,
          changes: [
            FieldChange(
              "size", old: .bytes(1 << 30), new: .bytes(2 << 30), effect: .define, reason: .spec,
              detail: "a disk of the stopped domain web", range: line(9)),
            FieldChange(
              "snapshots.before-upgrade", new: .string("internal"), effect: .define, reason: .spec, range: line(11)),
          ], range: line(8)),
        ObjectPlan(ObjectReference(.volume, "archive"), .none, range: line(13)),
      ],
      actions: [
        Action(fresh, .createImage(path: "/srv/vms/scratch.qcow2", creation), after: [], effect: .define),
        Action(
          fresh, .takeImageSnapshot(path: "/srv/vms/scratch.qcow2", name: "pristine"), after: [0], effect: .define),
        Action(
          old, .growImage(path: "/srv/vms/data.qcow2", format: .qcow2, from: 1 << 30, to: 2 << 30), after: [],
          effect: .define),
        Action(
          old, .takeImageSnapshot(path: "/srv/vms/data.qcow2", name: "before-upgrade"), after: [2], effect: .define),
      ],
      notes: [
        Diagnostic(
          .note, "other-snapshot", "the snapshot by-hand of its file is not in the spec, and kept",
          subject: "volume archive")
      ])
  }()

  static let empty = Plan(
    stack: "lab", uri: "qemu:///system",
    objects: [ObjectPlan(ObjectReference(.domain, "web"), .none, range: line(3))])

  /// Every text that can come from outside holds what could act on a terminal or break JSON.
  static func hostile(_ text: String) -> Plan {
    let object = ObjectReference(.domain, text)
    let place = SourceRange(
      file: SourceFile(path: text, text: text), start: SourcePosition(line: 1, column: 1),
      end: SourcePosition(line: 1, column: 2))
    return Plan(
      stack: text, uri: text,
      objects: [
        ObjectPlan(
          object, .update,
          changes: [
            FieldChange(
              text, old: .string(text), new: .string(text), effect: .define, reason: .drift, detail: text, range: place)
          ],
          pending: [PendingValue(text, running: .string(text), stored: .list([.string(text)]))], range: place),
        ObjectPlan(
          ObjectReference(.image, text), .create,
          changes: [FieldChange(text, new: .string(text), effect: .define, reason: .default, detail: text)]),
      ],
      actions: [
        Action(object, .createDirectory(path: text), after: [], effect: .define),
        Action(
          object,
          .defineDomain(
            DomainDefinition(
              identity: DomainIdentity(name: text, uuid: text), xml: XMLElement("domain", text: text), replacing: nil,
              expectations: [])), after: [0], effect: .define),
      ],
      notes: [Diagnostic(.warning, text, text, at: place, subject: text, suggestion: text)])
  }

  static let control =
    String(String.UnicodeScalarView((0...0x9F).compactMap { Unicode.Scalar($0) })) + "\u{202E}\u{2066}"

  /// What came of the creation of two web domains when an overlay could not be made.
  static let failed: (plan: Plan, result: ApplyResult) = {
    let plan = creation(count: 2)
    let full = ActionFailure(
      "cannot write the image: No space left on device", remedy: "make room in the pool's folder, then apply again",
      field: "disks.root.size")
    var outcomes = [ActionOutcome](repeating: .done, count: plan.actions.count)
    outcomes[3] = .failed(full)
    outcomes[4] = .blocked(by: 3)
    outcomes[5] = .blocked(by: 3)
    outcomes[6] = .failed(full)
    outcomes[7] = .blocked(by: 6)
    outcomes[8] = .blocked(by: 6)
    outcomes[11] = .notStarted
    return (plan, ApplyResult(outcomes: outcomes, wasInterrupted: true))
  }()
}
