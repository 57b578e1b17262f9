// Commands of the law of the killed command, continued: what changes guests as they run, what takes away more than a guest,
// and what only a daemon has.

import Foundation
import TestSupport
import Testing

extension KilledCommand {
  // MARK: Guests

  private static let running = web(state: "running", data: 4, more: scsi)

  /// Devices that a guest without an operating system lets go, and one that it keeps.
  private static let devices = """
    \(scsi)
        interfaces: { net: { type: user } }
        inputs: { pointer: { type: tablet, bus: usb } }
        channels: { agent: { type: unix, target.type: virtio, target.name: a.b.c } }
        rngs: { noise: { model: virtio, backend: random, device: /dev/urandom } }
    """

  /// Fields that a running guest takes at once, or that wait where it does not hear of them.
  private static func tuned(vcpus: Int, memory: Int, title: String) -> String {
    """
    \(scsi)
        vcpus: { count: 2, current: \(vcpus) }
        current-memory: \(memory) MiB
        title: \(title)
        autostart: \(vcpus == 2)
    """
  }

  private static func named(_ name: String, _ domain: String) -> String {
    domain.replacing("  web:", with: "  \(name):")
  }

  /// Has nobody own a domain.
  private static func disown(_ host: ScratchHost, isRunning: Bool) throws {
    let places = isRunning ? ["--config", "--live"] : ["--config"]
    for place in places { try host.virsh("metadata", "web", "urn:vireo:stack:1", place, "--remove") }
  }

  static let guestChanges = [
    apply(
      "apply that creates running guests side by side",
      to: ["web", "db", "site"].map { named($0, web(state: "running", size: 24, data: 4)) }.joined(separator: "\n"),
      jobs: 4),
    apply(
      "apply that changes a running guest",
      from: web(state: "running", memory: 32, more: tuned(vcpus: 1, memory: 32, title: "old")),
      to: web(state: "running", memory: 32, more: tuned(vcpus: 2, memory: 24, title: "new"))),
    apply("apply that plugs in many devices", from: running, to: web(state: "running", data: 4, more: devices)),
    apply("apply that unplugs many devices", from: web(state: "running", data: 4, more: devices), to: running),
    apply(
      "apply that grows the disks of a running guest", from: running,
      to: web(state: "running", size: 40, data: 9, more: scsi)),
    apply("apply that grows the disks of a stopped guest", from: web(data: 4), to: web(size: 40, data: 9)),
    apply(
      "apply that adopts a running guest", from: running, to: running, edit: { try disown($0, isRunning: true) }),
    apply(
      "apply that adopts and changes a running guest", from: running,
      to: web(state: "running", size: 30, data: 4, more: devices), edit: { try disown($0, isRunning: true) }),
    apply(
      "apply that adopts a stopped guest", from: web(data: 4), to: web(memory: 24, data: 4),
      edit: { try disown($0, isRunning: false) }),
    apply(
      "apply that renames, changes and starts", from: web(data: 4),
      to: named("site", web(state: "running", memory: 24, size: 30, data: 4, more: "renamed-from: web"))),
    apply(
      "apply that renames a guest with a snapshot", from: web(snapshots: "one: {}"),
      to: named("site", web(snapshots: "one: {}", more: "renamed-from: web"))),
    apply("apply that starts", from: web(data: 4), to: web(state: "running", data: 4)),
    apply("apply that starts and pauses", from: web(), to: web(state: "paused")),
    apply("apply that stops a paused guest", from: web(state: "paused"), to: web()),
    apply("apply that grows and resumes", from: web(state: "paused"), to: web(state: "running", size: 30)),
    apply(
      "apply that restarts guests with more disks and less memory",
      from: [web(state: "running", memory: 24), named("db", web(state: "running", memory: 24))].joined(separator: "\n"),
      to: [web(state: "running", size: 30, data: 4), named("db", web(state: "running", data: 4))]
        .map { $0.replacing("state:", with: "restart-policy: when-needed\n    state:") }.joined(separator: "\n"),
      jobs: 2),
    volumes(
      "apply that creates volumes", from: nil, to: ["data: { size: 4 MiB }", "over: { image: base, size: 20 MiB }"]),
    volumes(
      "apply that grows volumes and takes snapshots", from: ["data: { size: 4 MiB }", "over: { image: base }"],
      to: [
        "data: { size: 8 MiB, snapshots: { one: {} } }", "over: { image: base, size: 20 MiB, snapshots: { one: {} } }",
      ]),
  ]

  private static func volumes(_ name: String, from before: [String]?, to after: [String]) -> KilledCommand {
    func text(_ volumes: [String]) -> String {
      "  {}\nvolumes:\n" + volumes.map { "  \($0)" }.joined(separator: "\n")
    }
    return apply(name, from: before.map(text), to: text(after))
  }

  // MARK: Taking away and bringing back

  /// Removes the stack that its spec declares.
  private static func remove(_ host: ScratchHost, _ domains: String) throws {
    try host.apply(spec(host, domains))
    let run = try host.vireo(["destroy", "--yes"], spec(host, domains))
    guard run.status == 0 else { throw TestError("\(run.errors)") }
  }

  static let furtherRemovals = [
    destroy("destroy of a paused guest with disks", web(state: "paused", data: 4), "--delete-disks"),
    destroy(
      "destroy of running guests by force", web(state: "running") + "\n" + named("db", web(state: "running")),
      "--force",
      "--delete-disks"),
    destroy("destroy with disks and snapshots inside", web(snapshots: "one: {}, two: {}"), "--delete-disks"),
    apply(
      "apply that removes what is to be absent", from: web(data: 4) + "\n" + db,
      to: web(data: 4) + "\n" + named("db", web(state: "absent", data: 2))),
    KilledCommand(
      name: "gc of a stack", prepare: { try remove($0, web(data: 4) + "\n" + db) },
      arguments: { host in
        ["gc", "--yes", host.folder.path("spec.yaml")]
      }, isPlanned: false),
    KilledCommand(
      name: "gc beside another guest",
      prepare: { host in
        try remove(host, db)
        try host.apply(spec(host, web(data: 4)))
      },
      arguments: { ["gc", "--yes", "--all-stacks", $0.folder.path("spec.yaml")] }),
    KilledCommand(
      name: "restore with an external snapshot",
      prepare: { try remove($0, web(data: 4, snapshots: "one: { kind: external }, two: { kind: external }")) },
      arguments: { _ in ["restore", "web"] }, doneAlready: "no removal of web"),
    KilledCommand(
      name: "import of everything",
      prepare: { try $0.apply(spec($0, web(data: 4, snapshots: "one: { kind: external }") + "\n" + db)) },
      arguments: { ["import", "--all", "--output", $0.folder.path("out")] }),
    KilledCommand(
      name: "import of a running guest without an owner",
      prepare: { host in
        try host.apply(spec(host, web(state: "running", data: 4)))
        try disown(host, isRunning: true)
      },
      arguments: { ["import", "web", "--output", $0.folder.path("out")] }, isPlanned: false),
  ]

  /// Guests with a file of UEFI variables.
  static let withVariables = [
    destroy("destroy of a guest with UEFI and its disks", web(more: "firmware: uefi"), "--delete-disks"),
    KilledCommand(
      name: "restore of a guest with UEFI",
      prepare: { host in
        let domains = web(more: "firmware: uefi")
        try host.apply(spec(host, domains))
        try host.virsh("start", "web")
        _ = try? host.virsh("destroy", "web")
        try remove(host, domains)
      },
      arguments: { _ in ["restore", "web"] }, doneAlready: "no removal of web"),
  ]

  // MARK: Pools and networks

  private static func objects(
    _ name: String, from before: String? = nil, to after: String, command: [String] = ["apply"], isPlanned: Bool = true
  ) -> KilledCommand {
    @Sendable func text(_ host: ScratchHost, _ objects: String) -> String {
      "stack: kill\n\(objects)\n".replacing("POOL", with: host.pool)
    }
    return KilledCommand(
      name: name,
      prepare: { host in
        if let before { try host.apply(text(host, before)) }
        try host.folder.write(text(host, after), to: "spec.yaml")
      },
      arguments: { command + ["--yes", "--jobs", "1", $0.folder.path("spec.yaml")] }, isPlanned: isPlanned,
      needsDaemon: true,
      check: { host, story in
        guard let daemon = host.daemon else { return }
        // What libvirt says of them, which files do not show.
        let (pools, networks) = (try daemon.virsh("pool-list", "--all"), try daemon.virsh("net-list", "--all"))
        let bridges = try daemon.runInside(["ip", "-o", "link", "show", "type", "bridge"]).output
        let active = networks.output.split(separator: "\n").count { $0.contains(" active ") }
        let made = bridges.split(separator: "\n").count
        guard made == active else {
          throw TestError(
            "\(story): \(made) bridges of \(active) networks: \(bridges)\(networks.output)\(pools.output)")
        }
      })
  }

  private static let pools = """
    pools:
      one: { path: POOL/one }
      two: { path: POOL/two, autostart: false, permissions: { mode: "0711" } }
      nas: { type: netfs, path: POOL/nas, source: { hosts: [ nas.example.org ], dir: /export, format: nfs }, state: any }
      disk: { type: fs, path: POOL/disk, source: { devices: [ /dev/vdx ], format: ext4 }, state: any }
    """

  private static let changedPools = """
    pools:
      one: { path: POOL/one, autostart: false }
      two: { path: POOL/two, autostart: true, permissions: { mode: "0711" } }
      nas: { type: netfs, path: POOL/nas, source: { hosts: [ nas.example.org ], dir: /other, format: nfs }, state: any }
      disk: { type: fs, path: POOL/disk, source: { devices: [ /dev/vdy ], format: ext4 }, state: any, autostart: false }
    """

  private static func networks(_ ranges: String, state: String, autostart: Bool, mode: String = "isolated") -> String {
    """
    networks:
      lan:
        mode: \(mode)
        bridge: vlan
        address: 10.63.0.1/24
        dhcp: { ranges: [\(ranges)] }
        state: \(state)
        autostart: \(autostart)
      side: { mode: isolated, bridge: vside, address: 10.64.0.1/24 }
    """
  }
  private static let smallRange = "10.63.0.100-10.63.0.110"
  private static let network = networks(smallRange, state: "active", autostart: true)

  static let poolsAndNetworks = [
    objects("apply that creates pools", to: pools),
    objects("apply that changes pools", from: pools, to: changedPools),
    objects("apply that creates networks", to: network),
    objects(
      "apply that changes a running network", from: network,
      to: networks(smallRange + ", 10.63.0.120-10.63.0.130", state: "active", autostart: false)),
    objects("apply that stops a network", from: network, to: networks(smallRange, state: "inactive", autostart: false)),
    objects(
      "apply that redefines and starts a network", from: networks(smallRange, state: "inactive", autostart: false),
      to: networks(smallRange, state: "active", autostart: true, mode: "route")),
    objects(
      "destroy of pools and networks", from: pools + "\n" + network, to: pools + "\n" + network, command: ["destroy"],
      isPlanned: false),
    objects(
      "apply that prunes a network", from: pools + "\n" + network,
      to: pools + "\n" + network.components(separatedBy: "\n  side")[0],
      command: ["apply", "--prune"]),
  ]
}
