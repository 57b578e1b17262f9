// Every command that changes something, each with the host that it is killed on.

import Foundation
import TestSupport
import Testing

extension KilledCommand {
  static let all: [KilledCommand] =
    images + removals + snapshots + (Machine.hasUEFI ? [renameWithVariables] : []) + changes + creations
    + guestChanges + furtherRemovals + (Machine.hasUEFI ? withVariables : []) + poolsAndNetworks

  // MARK: Specs

  static func spec(_ host: ScratchHost, _ domains: String) -> String {
    """
    stack: kill
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains:
    \(domains)

    """
  }

  static func web(
    state: String = "stopped", memory: Int = 16, size: Int = 20, data: Int? = nil, snapshots: String = "",
    more: String = ""
  ) -> String {
    """
      web:
        type: qemu
        memory: \(memory) MiB
        state: \(state)
        shutdown: { timeout: 1 s, force-off: true }
        snapshots: { \(snapshots) }
        disks:
          root: { image: base, size: \(size) MiB }
          \(data.map { "data: { size: \($0) MiB, format: raw, bus: scsi }" } ?? "")
        \(more)
    """
  }

  /// An apply that turns one spec into another.
  static func apply(
    _ name: String, from before: String? = nil, to after: String, jobs: Int = 1, options: [String] = [],
    isPlanned: Bool = true, edit: @escaping Work = { _ in }
  ) -> KilledCommand {
    KilledCommand(
      name: name,
      prepare: { host in
        if let before { try host.apply(spec(host, before)) }
        try edit(host)
        try host.folder.write(spec(host, after), to: "spec.yaml")
      },
      arguments: { ["apply", "--yes", "--jobs", "\(jobs)"] + options + [$0.folder.path("spec.yaml")] },
      isPlanned: isPlanned)
  }

  // MARK: Making and changing

  private static let creations = [
    apply(
      "apply that creates",
      to: web(data: 4, more: "autostart: true") + "\n" + web(data: 2).replacing("web:", with: "db:")),
    apply("apply that creates and starts", to: web(state: "running", data: 4)),
    apply("apply that creates and takes a snapshot inside", to: web(snapshots: "one: {}")),
    apply("apply that creates and takes an external snapshot", to: web(snapshots: "one: { kind: external }")),
    apply("apply that creates and pauses", to: web(state: "paused")),
  ]

  private static let changes = [
    apply(
      "apply that grows and redefines", from: web(data: 4), to: web(memory: 24, size: 30, data: 8, more: "title: new")),
    apply(
      "apply that takes an external snapshot", from: web(data: 4), to: web(data: 4, snapshots: "one: {kind: external}")),
    apply(
      "apply that takes an external snapshot of a running guest", from: web(state: "running", data: 4),
      to: web(state: "running", data: 4, snapshots: "one: { kind: external }")),
    apply(
      "apply that takes a snapshot inside of a running guest", from: web(state: "running"),
      to: web(state: "running", snapshots: "one: {}")),
    apply(
      "apply that plugs in and restarts", from: web(state: "running", more: scsi),
      to: web(state: "running", memory: 24, size: 30, data: 4, more: scsi + "\n    restart-policy: when-needed")),
    apply(
      "apply that plugs in", from: web(state: "running", more: scsi),
      to: web(state: "running", size: 30, data: 4, more: scsi + "\n    title: new")),
    apply(
      "apply that unplugs", from: web(state: "running", data: 4, more: scsi),
      to: web(state: "running", more: scsi)),
    apply("apply that stops", from: web(state: "running"), to: web()),
    apply("apply that pauses", from: web(state: "running"), to: web(state: "paused")),
    apply("apply that resumes", from: web(state: "paused"), to: web(state: "running")),
    apply(
      "apply that renames", from: web(data: 4, more: "autostart: true"),
      to: web(data: 4, more: "autostart: true\n    renamed-from: web").replacing("  web:", with: "  site:")),
    apply(
      "apply that restarts", from: web(state: "running"),
      to: web(state: "running", memory: 24, more: "restart-policy: when-needed")),
  ]

  static let scsi = "controllers: { scsi-0: { type: scsi, index: 0, model: virtio-scsi } }"

  private static let renameWithVariables = apply(
    "apply that renames a guest with UEFI", from: web(state: "stopped", more: "firmware: uefi"),
    to: web(more: "firmware: uefi\n    renamed-from: web").replacing("  web:", with: "  site:"),
    edit: { host in
      // The file of variables is made by the first start.
      try host.virsh("start", "web")
      // With so little memory it ends by itself.
      _ = try? host.virsh("destroy", "web")
    })

  // MARK: Taking away and bringing back

  static let db = web(data: 2).replacing("web:", with: "db:")

  static func destroy(_ name: String, _ domains: String, _ options: String...) -> KilledCommand {
    KilledCommand(
      name: name,
      prepare: { try $0.apply(spec($0, domains)) },
      arguments: { ["destroy", "--yes", "--jobs", "1"] + options + [$0.folder.path("spec.yaml")] }, isPlanned: false,
      check: { host, story in
        let names = try host.virsh("list", "--all", "--name").split(separator: "\n")
        guard names.isEmpty else { throw TestError("\(story): \(names) are still there") }
      })
  }

  private static let removals = [
    apply("apply that prunes", from: web(data: 4) + "\n" + db, to: web(data: 4), options: ["--prune"]),
    apply(
      "apply that prunes a running guest", from: web() + "\n" + db.replacing("stopped", with: "running"), to: web(),
      options: ["--prune"]),
    destroy("destroy", web(data: 4) + "\n" + db),
    destroy("destroy of a running guest", web(state: "running", data: 4)),
    destroy("destroy with disks", web(data: 4, snapshots: "one: { kind: external }") + "\n" + db, "--delete-disks"),
    destroy("destroy of a running guest with disks", web(state: "running", data: 4), "--delete-disks"),
    KilledCommand(
      name: "gc",
      prepare: { host in
        try host.apply(spec(host, web(data: 4)))
        let run = try host.vireo(["destroy", "--yes"], spec(host, web(data: 4)))
        guard run.status == 0 else { throw TestError("\(run.errors)") }
      },
      arguments: { ["gc", "--yes", "--folder", $0.pool] }, isPlanned: false),
    KilledCommand(
      name: "restore",
      prepare: { host in
        let spec = spec(
          host, web(data: 4, snapshots: "one: {}", more: "autostart: true").replacing("raw", with: "qcow2"))
        try host.apply(spec)
        let run = try host.vireo(["destroy", "--yes"], spec)
        guard run.status == 0 else { throw TestError("\(run.errors)") }
      },
      arguments: { _ in ["restore", "web"] }, doneAlready: "no removal of web"),
    KilledCommand(
      name: "import",
      prepare: { try $0.apply(spec($0, web(data: 4) + "\n" + db)) },
      arguments: { ["import", "web", "db", "--output", $0.folder.path("out")] }),
    KilledCommand(
      name: "import over files",
      prepare: { host in
        try host.apply(spec(host, web(data: 4) + "\n" + db))
        try host.folder.write("old\n", to: "out/domains/web.yaml")
      },
      arguments: { ["import", "web", "db", "--force", "--output", $0.folder.path("out")] }),
  ]

  // MARK: Snapshots

  static func snapshot(
    _ verb: String, _ kind: String, state: String = "stopped", isPlanned: Bool = true, doneAlready: String? = nil,
    memory: Bool = false
  ) -> KilledCommand {
    let options = ["--\(kind)"] + (memory ? ["--memory"] : [])
    return KilledCommand(
      name: "snapshot \(verb), \(kind), \(state)\(memory ? ", with memory" : "")",
      prepare: { host in
        try host.apply(spec(host, web(state: state, data: kind == "external" ? 4 : nil)))
        if verb != "take" {
          let run = try host.vireo(["snapshot", "take", "web", "one"] + options)
          guard run.status == 0 else { throw TestError("\(run.errors)") }
        }
      },
      arguments: { _ in
        ["snapshot", verb, "web", "one"] + (verb == "take" ? options : ["--yes"])
      },
      isPlanned: isPlanned, doneAlready: doneAlready,
      check: { host, story in
        let names = try host.virsh("snapshot-list", "--name", "web").split(separator: "\n")
        guard names == (verb == "delete" ? [] : ["one"]) else { throw TestError("\(story): snapshots \(names)") }
      })
  }

  private static let snapshots =
    ["stopped", "running"].flatMap { state in
      ["internal", "external"].flatMap { kind in
        [
          snapshot("take", kind, state: state, doneAlready: "already has a snapshot one"),
          snapshot("delete", kind, state: state, doneAlready: "has no snapshot one"),
        ] + (kind == "external" && state == "running" ? [] : [snapshot("revert", kind, state: state)])
      }
    } + [
      snapshot("take", "external", state: "running", doneAlready: "already has a snapshot one", memory: true),
      snapshot("delete", "external", state: "running", doneAlready: "has no snapshot one", memory: true),
    ]

  // MARK: Images

  private static func image(
    _ name: String, doneAlready: String? = nil, _ arguments: [String], prepare: @escaping Work = { _ in }
  ) -> KilledCommand {
    KilledCommand(
      name: "image " + name,
      prepare: { host in
        try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
        try output(of: "qemu-img", "create", "-q", "-f", "qcow2", host.pool + "/disk.qcow2", "8M")
        try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 0x11 0 1M", host.pool + "/disk.qcow2")
        try output(
          of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", "disk.qcow2", "-F", "qcow2", host.pool + "/over.qcow2")
        try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 0x22 512k 1M", host.pool + "/over.qcow2")
        // qemu-img lets everybody read what it makes.
        for name in ["disk", "over"] { chmod("\(host.pool)/\(name).qcow2", 0o600) }
        try prepare(host)
      },
      arguments: { host in
        ["image"] + arguments.map { $0.replacing("POOL", with: host.pool) }
      }, isPlanned: false, doneAlready: doneAlready)
  }

  private static func take(_ host: ScratchHost) throws {
    try output(of: "qemu-img", "snapshot", "-c", "one", host.pool + "/disk.qcow2")
    try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 0x33 0 1M", host.pool + "/disk.qcow2")
  }

  private static let images = [
    image("create", doneAlready: "exists", ["create", "POOL/new.qcow2", "8MiB", "--preallocation", "full"]),
    image("convert", doneAlready: "exists", ["convert", "POOL/over.qcow2", "POOL/new.raw"]),
    image("resize", ["resize", "POOL/disk.qcow2", "700GiB"]),
    image("commit", ["commit", "POOL/over.qcow2"]),
    image("rebase", ["rebase", "POOL/over.qcow2", "--no-backing"]),
    image(
      "snapshot create", doneAlready: "is already the name or id of a snapshot",
      ["snapshot", "take", "POOL/disk.qcow2", "one"]),
    image("snapshot revert", ["snapshot", "revert", "POOL/disk.qcow2", "one"], prepare: take),
    image(
      "snapshot delete", doneAlready: "does not exist", ["snapshot", "delete", "POOL/disk.qcow2", "one"], prepare: take),
    image(
      "snapshot rename", doneAlready: "does not exist",
      ["snapshot", "rename", "POOL/disk.qcow2", "one", "--to", "two"],
      prepare: take),
  ]
}
