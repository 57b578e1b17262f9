// Twice is once: whatever a spec says of a domain, the second apply of it finds nothing to do and writes nothing.

import Foundation
import TestSupport
import Testing

@Suite("twice is once", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct TwiceTests {
  /// Domains by a name that says what is tried, with what they say beside type and memory. Together they name every
  /// field that needs no network of the host's to be defined.
  static let domains: [(name: String, fields: String)] = [
    ("nothing", ""),
    ("any-state", "state: any"),
    ("autostart", "autostart: true"),
    ("no-autostart", "autostart: false"),
    ("shutdown", "shutdown: { timeout: 90 s, force-off: true }"),
    ("uuid", "uuid: 2B1D3C64-6F0E-5A3B-9F1E-0A6C1C7E9D42"),
    ("title", #"title: "<b>R&D</b> 'quoted' \"twice\" – Größe 例 🜁""#),
    ("spaces", #"title: "  two  spaces  ", description: " leading and trailing ""#),
    ("white-space", #"description: "\ta\n\nb\u0085c\u2028d ""#),
    ("description", #"description: "first line\n  second line\n\n]]> & last\n""#),
    ("entities", #"description: "&lt; &amp; &#10; %s ${folder}/x $${name}""#),
    ("current-memory", "memory: 64 MiB, current-memory: 32 MiB"),
    ("odd-memory", "memory: 100 MB"),
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

      // The files of disks stay, and are found again.
      let bare = Self.spec(host) { _ in "memory: 16 MiB" }.replacingOccurrences(
        of: "memory: 16 MiB, memory: 16 MiB", with: "memory: 16 MiB")
      try host.apply(bare)
      try host.expectNoChanges(bare)
      try host.apply(full)
      try host.expectNoChanges(full)
    }
  }

  @Test("the table names every field of the vocabulary")
  func complete() throws {
    let text = Self.domains.map(\.fields).joined(separator: "\n")
    let reference = try output(of: programPath(), "schema", "--reference")
    let sections = reference.split(separator: "\n").reduce(into: (isDomain: false, keys: [Substring]())) {
      state, line in
      if line.hasPrefix("## ") || line.hasPrefix("### ") { state.isDomain = line.contains("`domains.NAME") }
      if state.isDomain, line.hasPrefix("| `"), let key = line.dropFirst(3).split(separator: "`").first {
        state.keys.append(key)
      }
    }
    #expect(sections.keys.count > 50)
    // Those are in every spec here, or need several domains.
    let elsewhere: Set<Substring> = ["type", "count", "profiles"]
    for key in sections.keys where !elsewhere.contains(key) {
      let last = key.split(separator: ".").last ?? key
      #expect(text.contains("\(last):") || (key == "vcpus.count" && text.contains("vcpus: 4")), "nothing says \(key)")
    }
  }
}
