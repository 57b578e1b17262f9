// Twice is once: whatever a spec says of a domain, the second apply of it finds nothing to do and writes nothing.

import Foundation
import TestSupport
import Testing

@Suite("twice is once", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct TwiceTests {
  /// Domains by a name that says what is tried, with what they say beside type and memory. Together they name every
  /// collection and group of fields; each field by itself is tried over libvirt's own documents, by `document-check`.
  static let domains: [(name: String, fields: String)] = [
    ("nothing", ""),
    ("any-state", "state: any"),
    ("autostart", "autostart: true"),
    ("no-autostart", "autostart: false"),
    ("shutdown", "shutdown: { timeout: 90 s, force-off: true, mode: acpi }"),
    ("ready", "ready: { agent: true, lease: true, tcp: 22, address: 192.0.2.1, timeout: 2 min }"),
    ("depends-on", "depends-on: [], exclusive-with: [], unmanage: [cpu]"),
    (
      "snapshot-before",
      "snapshot-before: [restart, offline], snapshot-retention: { count: 2, age: 30 d }, disks: { root: { size: 1 MiB } }"
    ),
    ("uuid", "uuid: 2B1D3C64-6F0E-5A3B-9F1E-0A6C1C7E9D42"),
    ("title", #"title: "<b>R&D</b> 'quoted' \"twice\" – Größe 例 🜁""#),
    ("spaces", #"title: "  two  spaces  ", description: " leading and trailing ""#),
    ("a marked title", "title: hushed, sensitive: [title]"),
    ("white-space", #"description: "\ta\n\nb\u0085c\u2028d ""#),
    ("description", #"description: "first line\n  second line\n\n]]> & last\n""#),
    ("entities", #"description: "&lt; &amp; &#10; %s ${folder}/x $${name}""#),
    ("current-memory", "memory: 64 MiB, current-memory: 32 MiB"),
    ("odd-memory", "memory: 102400 kB"),
    ("vcpus", "vcpus: { count: 4, current: 2 }"),
    ("topology", "vcpus: 4, cpu: { mode: maximum, topology: { sockets: 1, cores: 2, threads: 2 } }"),
    ("topology-alone", "vcpus: 4, cpu: { topology: { sockets: 2, cores: 2, threads: 1 } }"),
    ("cpu-custom", "cpu: { mode: custom, model: qemu64 }"),
    ("cpu-model", "cpu: { mode: custom, model: Nehalem }"),
    ("machine-pc", "machine: pc, disks: { root: { size: 1 MiB }, d: { device: cdrom } }"),
    ("machine-q35", "machine: q35"),
    ("machine-version", "machine: pc-q35-7.0"),
    ("arch", "arch: x86_64"),
    ("boot", "boot: [network, hd, cdrom], disks: { root: { size: 1 MiB } }"),
    ("boot-one", "boot: hd"),
    (
      "boot-order",
      """
      disks: { a: { size: 1 MiB, boot-order: 3 }, b: { size: 1 MiB, boot-order: 1 } },
            interfaces: { lan: { type: user, boot-order: 2 } }
      """
    ),
    ("bios", "firmware: bios"),
    ("uefi", "firmware: uefi"),
    ("virtio", "disks: { root: { size: 1 MiB, bus: virtio } }"),
    ("scsi", "disks: { a: { size: 1 MiB, bus: scsi }, b: { size: 1 MiB, bus: scsi } }"),
    ("sata", "disks: { root: { size: 1 MiB, bus: sata } }"),
    ("ide", "machine: pc, disks: { root: { size: 1 MiB, bus: ide } }"),
    ("usb", "disks: { root: { size: 1 MiB, bus: usb } }"),
    ("raw", "disks: { root: { size: 1 MiB, format: raw } }"),
    ("backing-chain", "disks: { root: { size: 1 MiB, backing-chain: { ends: true } } }"),
    ("no-usb", "usb: none"),
    ("overlay", "disks: { a: { image: base }, b: { image: base, size: 32 MiB, pool: vms } }"),
    ("overlay-on-raw", "disks: { a: { image: raw-base }, b: { image: raw-base, size: 32 MiB } }"),
    ("empty-cdrom", "disks: { tray: { device: cdrom } }"),
    ("medium", "disks: { tray: { device: cdrom, source: '${folder}/install.iso' } }"),
    ("image-medium", "disks: { tray: { device: cdrom, image: raw-base, bus: scsi } }"),
    ("source", "disks: { root: { source: '${folder}/existing.qcow2', format: qcow2 } }"),
    ("read-only", "disks: { root: { source: '${folder}/shared.raw', format: raw, read-only: true, bus: scsi } }"),
    ("target", "disks: { a: { size: 1 MiB, target: vdc }, b: { size: 1 MiB } }"),
    ("disk-serial", "disks: { root: { size: 1 MiB, serial: 'WD 40+EZ_x.1-2' } }"),
    ("disk-driver", "disks: { root: { size: 1 MiB, cache: none, io: native, discard: ignore } }"),
    ("disk-cache", "disks: { root: { size: 1 MiB, cache: writeback, io: threads, discard: unmap } }"),
    ("no-disks", "disks: {}"),
    ("user", "interfaces: { lan: { type: user } }"),
    ("user-address", "interfaces: { lan: { type: user, ips: [{ address: 10.9.0.4, prefix: 24 }] } }"),
    ("network", "interfaces: { lan: { network: nowhere } }"),
    ("bridge", "interfaces: { lan: { bridge: br-nowhere } }"),
    ("direct", "interfaces: { a: { direct: eth-nowhere }, b: { direct: eth-nowhere, mode: vepa } }"),
    (
      "interface",
      "interfaces: { lan: { network: nowhere, model: e1000e, mac: '52:54:00:AB:CD:EF', mtu: 9000, link: down } }"
    ),
    ("rtl8139", "interfaces: { a: { type: user, model: rtl8139 }, b: { type: user, model: virtio, link: up } }"),
    ("no-serials", "serials: {}"),
    ("serial-file", "serials: { log: { type: file, path: '${folder}/serial.txt' } }"),
    ("serials", "serials: { a: { type: pty, log: '${folder}/a.log' }, b: { type: file, path: '${folder}/b.txt' } }"),
    ("consoles", "consoles: { a: {}, b: { type: file, path: '${folder}/c.txt' } }"),
    ("console-log", "consoles: { a: { type: pty, log: '${folder}/console.log' } }"),
    ("vnc", "graphics: { vnc: {} }"),
    ("vnc-port", "graphics: { display: { type: vnc, listen: 127.0.0.1, port: 5977 } }"),
    ("vga", "graphics: { vnc: {} }, videos: { card: { model: vga } }"),
    ("spice", "graphics: { spice: {}, vnc: {} }"),
    ("two-videos", "videos: { a: { model: vga }, b: { model: virtio } }"),
    ("no-video", "graphics: { vnc: {} }, videos: { card: { model: none } }"),
    ("bochs", "videos: { card: { model: bochs } }"),
    ("identity", "genid: 43dc0cf8-809b-4adb-9bea-a9abb5f3d90e, os: 'http://debian.org/debian/12'"),
    (
      "max-memory",
      "memory: 64 MiB, max-memory: { size: 1 GiB, slots: 4 }, numa: { cells: { 0: { cpus: 0, memory: 64 MiB } } }"
    ),
    ("memory-backing", "memory-dump-core: false, memory-backing: { source: memfd, access: shared, locked: true }"),
    ("memtune", "memtune: { hard-limit: 1 GiB, soft-limit: 512 MiB }"),
    ("numatune", "vcpus: { count: 4, placement: static, cpuset: 0 }, numatune: { mode: strict, nodeset: 0 }"),
    ("cputune", "vcpus: 2, iothreads: 2, cputune: { shares: 2048, vcpupin: { 0: 0, 1: '0' }, emulatorpin: 0 }"),
    ("blkiotune", "blkiotune: { weight: 500 }"),
    (
      "cpu-features",
      "cpu: { mode: custom, model: Nehalem, match: exact, fallback: allow, features: { vmx: disable, aes: require } }"
    ),
    (
      "features",
      "features: { acpi: true, apic: true, pae: true, vmport: false, hyperv: { mode: custom, relaxed: true, spinlocks: { retries: 8191 } } }"
    ),
    (
      "clock",
      "clock: { offset: timezone, timezone: Europe/Berlin, timers: { rtc: { tickpolicy: catchup }, hpet: { present: false } } }"
    ),
    ("lifecycle", "on-poweroff: destroy, on-reboot: destroy, on-crash: preserve, on-lockfailure: poweroff"),
    ("pm", "pm: { suspend-to-mem: false, suspend-to-disk: true }, perf: { cpu_cycles: true }"),
    ("boot-menu", "boot-menu: { enable: true, timeout: 3000 }, bios: { use-serial: true }"),
    ("kernel", "kernel: /boot/vmlinuz, initrd: /boot/initrd.img, cmdline: 'console=ttyS0 quiet'"),
    ("smbios", "smbios: { mode: sysinfo, system: { manufacturer: Us, serial: '42' } }"),
    ("seclabels", "seclabels: [{ type: none, model: dac }]"),
    ("resource", "resource: { partition: /machine }, emulator: /usr/bin/qemu-system-x86_64"),
    ("qemu", "qemu: { args: [-no-hpet], env: { NAME: value } }"),
    ("fragment", "xml: \"<memtune><swap_hard_limit unit='GiB'>2</swap_hard_limit></memtune>\""),
    (
      "device-fragment",
      "interfaces: { lan: { type: user, xml: \"<driver name='qemu' queues='4'/><rom bar='off'/>\" } }"
    ),
    (
      "controllers",
      "controllers: { scsi: { type: scsi, index: 0, model: virtio-scsi }, usb: { type: usb, index: 0, model: qemu-xhci } }"
    ),
    ("parallels", "machine: pc, parallels: { a: { type: pty } }"),
    ("channels", "channels: { org: { type: unix, target: { type: virtio, name: org.example.0 } } }"),
    ("smartcards", "smartcards: { card: { mode: host } }"),
    ("inputs", "inputs: { tablet: { type: tablet, bus: usb }, mouse: { type: mouse, bus: virtio } }"),
    ("hubs", "hubs: { hub: { type: usb } }"),
    ("watchdogs", "machine: pc, watchdogs: { dog: { model: i6300esb, action: poweroff } }"),
    ("memballoons", "memballoons: { balloon: { model: virtio, auto-deflate: true } }"),
    (
      "rngs",
      "rngs: { random: { model: virtio, backend: random, device: /dev/urandom, rate: { bytes: 1024, period: 1000 } } }"
    ),
    ("panics", "panics: { panic: { model: isa } }"),
    ("vsocks", "vsocks: { vsock: { model: virtio, cid: { auto: true } } }"),
    ("shmems", "machine: pc, shmems: { shm: { name: shm0, model: ivshmem-plain, size: 4 MiB } }"),
    ("filesystems", "filesystems: { share: { type: mount, dir: '${folder}', target: share } }"),
    ("hostdevs", "hostdevs: { usb: { type: usb, source: { vendor: '0x1234', product: '0xbeef' } } }"),
    ("redirdevs", "graphics: { spice: {} }, redirdevs: { redir: { bus: usb, type: spicevmc } }"),
    ("sounds", "sounds: { card: { model: ich9 } }, audios: { none: { id: 1, type: none } }"),
    (
      "memory-devices",
      "memory: 1 GiB, max-memory: { size: 4 GiB, slots: 4 }, numa: { cells: { 0: { cpus: 0, memory: 1 GiB } } }, memory-devices: { dimm: { model: dimm, size: 512 MiB, node: 0 } }"
    ),
    (
      "disk-limits",
      "disks: { root: { size: 1 MiB, iotune: { read-bytes: 1000000, write-iops: 100 }, wwn: 5000c50015ea71ac, bus: scsi } }"
    ),
    (
      "disk-network",
      "disks: { root: { network: { protocol: nbd, name: export, hosts: [{ name: example.org, port: 10809 }] }, format: raw } }"
    ),
    ("not-protected", "protect: false, renamed-from: never-there"),
    ("limits", "max-effect: live, restart-policy: when-needed"),
    ("snapshots", "disks: { root: { size: 1 MiB } }, snapshots: { pristine: { description: \"as made\" }, later: {} }"),
    (
      "interface-details",
      "interfaces: { lan: { network: nowhere, inbound: { average: 1000 }, vlans: [{ id: 42 }], rom: { bar: false } } }"
    ),
  ]

  static func spec(_ host: ScratchHost, fields: (Int) -> String) -> String {
    """
    stack: twice
    variables: { folder: "\(host.folder.root)" }
    pools: { vms: { path: "${folder}/pool" } }
    images:
      base: { source: "${folder}/base.qcow2", pool: vms }
      raw-base: { source: "${folder}/base.raw", format: raw }
    domains:

    """
      + domains.indices.map { index in
        let memory = domains[index].fields.contains("memory:") ? "" : "memory: 16 MiB, "
        return "  \(domains[index].name): { type: qemu, \(memory)\(fields(index)) }\n"
      }.joined()
  }

  private func withHost(_ body: (ScratchHost) throws -> Void) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.makeBase("base.raw", format: "raw")
      try host.makeBase("install.iso", format: "raw")
      try host.makeBase("existing.qcow2")
      try host.makeBase("shared.raw", format: "raw")
      try body(host)
    }
  }

  @Test("a second apply of every field writes nothing, and leaving the fields out again is done in one apply, too")
  func everyField() throws {
    try withHost { host in
      let full = Self.spec(host) { Self.domains[$0].fields }
      try host.apply(full)
      try host.expectNoChanges(full)
      let before = host.footprint()
      try host.apply(full)
      #expect(host.footprint() == before)
      // What each apply records of a field reads back as the value that the host has.
      let recorded = try vireo(["status", "--detailed-exitcode", "--connect", host.uri])
      #expect(recorded.status == 0, "\(recorded.output)\(recorded.errors)")

      // The files of disks stay, and are found again.
      let bare = Self.spec(host) { _ in "memory: 16 MiB" }.replacingOccurrences(
        of: "memory: 16 MiB, memory: 16 MiB", with: "memory: 16 MiB")
      try host.apply(bare)
      try host.expectNoChanges(bare)
      try host.apply(full)
      try host.expectNoChanges(full)
    }
  }

  @Test("the table names every collection and every group of a domain's fields")
  func complete() throws {
    let text = Self.domains.map(\.fields).joined(separator: "\n")
    let explanation = try output(of: programPath(), "explain", "domains")
    let keys = explanation.split(separator: "\n").compactMap { line -> Substring? in
      guard line.hasPrefix("  "), let first = line.dropFirst(2).first, first.isLowercase else { return nil }
      return line.dropFirst(2).prefix { $0 != " " }
    }
    #expect(keys.count > 70)
    // Those are in every spec here, need several domains, or hardware that few hosts have.
    let elsewhere: Set<Substring> = [
      "type", "count", "profiles", "defaults", "secure-boot", "enrolled-keys", "loader", "nvram", "dtb", "acpi-tables",
      "fwcfg", "idmap", "redirfilter", "launch-security", "keywrap", "tpms", "iommus", "cryptos",
      // Not every libvirt knows these: see what newer versions brought.
      "shim", "throttle-groups", "hardware-uuid", "iommufd", "pstores",
    ]
    for key in keys where !elsewhere.contains(key) {
      #expect(text.contains("\(key):"), "nothing says \(key)")
    }
  }
}
