// What an apply refuses or fails at: one clear message, nothing touched that is concerned, all else done.

import Foundation
import TestSupport
import Testing

@Suite("refusals and failures", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct RefusalTests {
  private static func spec(_ host: ScratchHost, stack: String = "lab", images: String = "", _ domains: String) -> String
  {
    """
    stack: \(stack)
    pools: { vms: { path: "\(host.pool)" } }
    images: { \(images) }
    profiles: { tiny: { type: qemu, memory: 16 MiB } }
    domains:
    \(domains.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))

    """
  }

  /// A message with a place, and nothing else that looks like an accident.
  private func expectMessage(
    _ run: Run, _ words: [String], line: Int? = nil, status: Int32 = 3,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let text = run.output + run.errors
    #expect(run.status == status, sourceLocation: sourceLocation)
    for word in words { #expect(text.contains(word), "no \(word) in \(text)", sourceLocation: sourceLocation) }
    if let line { #expect(run.errors.contains("spec.yaml:\(line):"), "\(text)", sourceLocation: sourceLocation) }
  }

  @Test("a guest on a network is refused where the connection has none, before anything is made")
  func noNetworks() throws {
    try ScratchHost.with { host in
      let text = Self.spec(host, "web: { profiles: [tiny], state: running, interfaces: { lan: { network: default } } }")
      for command in [["plan"], ["apply", "--yes"]] {
        let run = try host.vireo(command, text)
        expectMessage(run, ["interfaces.lan needs the network default", "`type: user`", "qemu:///system"], line: 6)
      }
      #expect(!FileManager.default.fileExists(atPath: host.pool))
      #expect(try host.virsh("list", "--all", "--name").allSatisfy(\.isNewline))
      try host.apply(text.replacing("network: default", with: "type: user"))
    }
  }

  @Test(
    "a daemon that a root's own configuration asks for is named, with what the root can do without it",
    .enabled(if: SystemDaemon.obstacle == nil, "needs root and namespaces"))
  func noLogDaemon() throws {
    try ScratchHost.with { host in
      // The root gets its configuration, and then one of the user's.
      _ = try host.vireo(["plan"], Self.spec(host, "web: { profiles: [tiny] }"))
      let root = try #require(host.uri.split(separator: "=").last.map(String.init))
      try "user = \"root\"\ngroup = \"root\"\n".write(
        toFile: "\(root)/etc/qemu.conf", atomically: true, encoding: .utf8)
      try host.folder.write(Self.spec(host, "web: { profiles: [tiny], state: running }"), to: "spec.yaml")
      let run = try TestSupport.run([
        "unshare", "--mount", "bash", "-c", "mount -t tmpfs tmpfs /run && exec \"$@\"", "vireo", programPath(), "apply",
        "--yes", "--connect", host.uri, host.folder.path("spec.yaml"),
      ])
      expectMessage(run, ["virtlogd is not running", "stdio_handler = \"file\"", "\(root)/etc/qemu.conf"], status: 1)
      #expect(!run.output.contains("restore the file"))
    }
  }

  @Test("a smaller size is refused before anything is touched")
  func shrink() throws {
    try ScratchHost.with { host in
      func spec(_ size: String, title: String) -> String {
        Self.spec(
          host,
          "web: { profiles: [tiny], title: \(title), disks: { root: { size: \(size) } } }\nother: { profiles: [tiny], title: \(title) }"
        )
      }
      try host.apply(spec("2 MiB", title: "old"))
      let before = host.footprint()
      expectMessage(try host.refused(spec("1 MiB", title: "new")), ["disks.root is 2 MiB", "only grows"], line: 6)
      #expect(host.footprint() == before)
    }
  }

  @Test("a disk grown by hand refuses its domain and what depends on it; --keep-going applies the rest")
  func keepGoing() throws {
    try ScratchHost.with { host in
      func spec(_ title: String) -> String {
        Self.spec(
          host,
          """
          web: { profiles: [tiny], title: \(title), disks: { root: { size: 1 MiB } } }
          user: { profiles: [tiny], title: \(title), depends-on: web }
          other: { profiles: [tiny], title: \(title) }
          """)
      }
      try host.apply(spec("old"))
      try output(of: "qemu-img", "resize", "-q", host.pool + "/web.root.qcow2", "3M")
      let before = host.footprint()

      let plan = try host.plan(spec("new"))
      expectMessage(
        plan, ["! domain web: refused", "disks.root is 3 MiB", "needs domain web, which is refused"], line: 6)
      #expect(plan.output.contains("0 to create, 1 to update, 0 to adopt, 2 refused"), "\(plan.output)")
      #expect(plan.errors.contains("domain web: disks.root"), "\(plan.errors)")
      let apply = try host.refused(spec("new"))
      expectMessage(apply, ["2 objects are refused, and nothing was changed: domain web, domain user", "--keep-going"])
      #expect(host.footprint() == before)
      let document = try host.vireo(["plan", "--format", "json"], spec("new"))
      #expect(document.status == 3 && document.output.contains("\"refused\": 2"), "\(document.output)")
      let status = try host.vireo(["status"], spec("new"))
      #expect(status.output.contains("cannot be planned"), "\(status.output)")

      let going = try host.vireo(["apply", "--yes", "--keep-going"], spec("new"))
      expectMessage(going, ["Applied: 1 step done.", "refused: domain web, domain user"])
      #expect(try host.definition("other")("/domain/title") == "new")
      #expect(try host.definition("web")("/domain/title") == "old")
      let again = try host.vireo(["apply", "--yes", "--keep-going", "--format", "json"], spec("new"))
      #expect(again.status == 3 && again.output.contains("\"complete\": false"), "\(again.output)")
      try host.apply(spec("new").replacing("1 MiB", with: "3 MiB"))
    }
  }

  @Test(
    "a change that libvirt would refuse is refused before anything is touched",
    arguments: [
      ("machine: pc", "machine: q35", "a board with other buses"),
      (
        "disks: { a: { size: 1 MiB } }", "disks: { a: { size: 1 MiB }, b: { size: 1 MiB, target: vda } }", "vda already"
      ),
      ("uuid: 2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42", "uuid: 2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d43", "cannot become"),
      (
        "disks: { a: { size: 1 MiB } }", "disks: { a: { size: 1 MiB, format: raw } }",
        "web.a"
      ),
    ])
  func impossible(old: String, new: String, words: String) throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host, "web: { profiles: [tiny], \(old) }"))
      let before = host.footprint()
      let changed = Self.spec(host, "web: { profiles: [tiny], title: new, \(new) }\nother: { profiles: [tiny] }")
      expectMessage(try host.refused(changed), [words], line: 6)
      #expect(host.footprint() == before)
    }
  }

  @Test("another stack's domain is refused and left alone")
  func otherStack() throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host, stack: "theirs", "web: { profiles: [tiny] }"))
      let before = host.footprint()
      let ours = Self.spec(host, stack: "ours", "web: { profiles: [tiny], title: ours }")
      expectMessage(try host.refused(ours), ["belongs to the stack theirs"], line: 6)
      #expect(host.footprint() == before)
    }
  }

  @Test("a domain that nobody's stack owns is adopted, and only what the spec names changes")
  func adoption() throws {
    try ScratchHost.with { host in
      try host.apply(
        Self.spec(host, stack: "theirs", "web: { profiles: [tiny], title: theirs, disks: { root: { size: 1 MiB } } }"))
      var text = try host.virsh("dumpxml", "--inactive", "web")
      let metadata = try #require(text.range(of: "<metadata>"))
      let end = try #require(text.range(of: "</metadata>"))
      text.removeSubrange(metadata.lowerBound..<end.upperBound)
      text = text.replacing(/<alias name='ua-[^']*'\/>/, with: "")
      try host.folder.write(text, to: "foreign.xml")
      try host.virsh("define", host.folder.path("foreign.xml"))
      let before = try host.definition("web")

      let spec = Self.spec(
        host, "web: { profiles: [tiny], disks: { root: { source: '\(host.pool)/web.root.qcow2', format: qcow2 } } }")
      let plan = try host.plan(spec)
      #expect(plan.output.contains("1 to adopt"), "\(plan.output)")
      try host.apply(spec)
      try host.expectNoChanges(spec)
      let after = try host.definition("web")
      #expect(try after("/domain/title") == "theirs")
      for path in ["/domain/uuid", "//disk/serial", "//disk/target/@dev"] {
        #expect(try after(path) == before(path))
      }
      #expect(try after.addresses().count == before.addresses().count)
    }
  }

  static let unusable: [(content: String, format: String, words: [String])] = [
    ("missing", "", ["no file"]),
    ("raw", "qcow2", ["qcow2"]),
    ("qcow2", "raw", ["qcow2"]),
    ("vmdk", "qcow2", ["qcow2"]),
    ("random", "qcow2", ["qcow2"]),
    ("truncated", "", ["base.img"]),
    ("folder", "", ["base.img"]),
    ("pipe", "", ["base.img"]),
    ("empty", "qcow2", ["qcow2"]),
  ]

  @Test("a base image that is not what the spec says is refused with its place", arguments: unusable)
  func baseImage(content: String, format: String, words: [String]) throws {
    try ScratchHost.with { host in
      let path = host.folder.path("base.img")
      switch content {
      case "raw", "qcow2", "vmdk": try output(of: "qemu-img", "create", "-q", "-f", content, path, "1M")
      case "random": try output(of: "dd", "if=/dev/urandom", "of=\(path)", "bs=4096", "count=16", "status=none")
      case "truncated":
        try output(of: "qemu-img", "create", "-q", "-f", "qcow2", path, "1M")
        try output(of: "truncate", "--size=60", path)
      case "folder": try output(of: "mkdir", path)
      case "pipe": try output(of: "mkfifo", path)
      case "empty": try host.folder.write("", to: "base.img")
      default: break
      }
      let said = format.isEmpty ? "" : ", format: \(format)"
      for pool in ["", ", pool: vms"] {
        let spec = Self.spec(
          host, images: "base: { source: '\(path)'\(said)\(pool) }",
          "web: { profiles: [tiny], disks: { root: { image: base } } }")
        expectMessage(try host.refused(spec), words, line: 3)
      }
      #expect(!FileManager.default.fileExists(atPath: host.pool))
    }
  }

  /// Whether anybody has a lock on a file. To try with a lock of one's own could keep the other from getting its.
  private func isLocked(_ path: String) throws -> Bool {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    let inode = try #require(attributes[.systemFileNumber] as? NSNumber)
    return try #require(fileText("/proc/locks")).contains(":\(inode) ")
  }

  @Test("an image that another process writes to is not grown; the rest of the stack is applied")
  func locked() throws {
    try ScratchHost.with { host in
      func spec(_ size: String, _ title: String) -> String {
        Self.spec(
          host,
          """
          web: { profiles: [tiny], disks: { root: { size: \(size) } } }
          other: { profiles: [tiny], title: \(title), disks: { root: { size: \(size) } } }
          """)
      }
      try host.apply(spec("1 MiB", "old"))
      let path = host.pool + "/web.root.qcow2"
      let holder = try ChildProcess(["qemu-io", "-f", "qcow2", "-c", "sleep 600000", path])
      defer { holder.signal(SIGKILL) }
      try waitUntil("the image is locked") {
        guard holder.isRunning else { throw TestError("it is not held: \(holder.output)\(holder.errors)") }
        return try isLocked(path)
      }

      let grown = spec("4 MiB", "new")
      let apply = try host.failed(grown)
      expectMessage(apply, ["web.root.qcow2", "\(holder.id)"], status: 1)
      #expect(apply.errors.ranges(of: "is in use by qemu-io").count == 1, "\(apply.errors)")
      #expect(apply.errors.contains("done    domain other"), "\(apply.errors)")
      #expect(try host.virtualSize(path) == 1 << 20)
      #expect(try host.virtualSize(host.pool + "/other.root.qcow2") == 4 << 20)
      #expect(try host.definition("other")("/domain/title") == "new")

      holder.signal(SIGKILL)
      _ = try holder.wait()
      try host.apply(grown)
      try host.expectNoChanges(grown)
      try host.expectSoundPool(["web.root.qcow2", "other.root.qcow2"])
    }
  }

  @Test("a full disk leaves no unfinished file, and the apply goes on once there is space")
  func fullDisk() throws {
    try ScratchHost.with { host in
      try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
      // Enough for the base or for some of the disks, too little for all.
      let mount = try run(["mount", "-t", "tmpfs", "-o", "size=1m", "vireo-test", host.pool])
      guard mount.status == 0 else { try Test.cancel("needs the right to mount: \(mount.errors)") }
      defer { _ = try? run(["umount", "--lazy", host.pool]) }
      let path = try host.makeBase(size: "4M")
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 1 0 768k", path)
      let spec = Self.spec(
        host, images: "base: { source: '\(path)', pool: vms }",
        """
        web: { count: 4, profiles: [tiny], disks: { root: { image: base } } }
        blank: { count: 40, profiles: [tiny], disks: { root: { size: 1 TiB } } }
        other: { profiles: [tiny] }
        """)
      let failed = try host.failed(spec)
      expectMessage(failed, ["no space left"], status: 1)
      let left = try FileManager.default.contentsOfDirectory(atPath: host.pool)
      for name in left where name.hasSuffix(".qcow2") {
        #expect(try run(["qemu-img", "check", "-q", host.pool + "/" + name]).status == 0, "\(name)")
      }
      #expect(left.allSatisfy { !$0.hasSuffix(".partial") }, "\(left)")
      #expect(left.count < 45)
      #expect(try host.virsh("list", "--all", "--name").contains("other"))

      try output(of: "mount", "-o", "remount,size=32m", host.pool)
      try host.apply(spec)
      try host.expectNoChanges(spec)
      try host.expectSoundPool(Set((1...4).map { "web-\($0).root.qcow2" } + (1...40).map { "blank-\($0).root.qcow2" }))
    }
  }

  @Test("a pool where nothing can be written is an error of its own; what does not need it is done")
  func readOnlyPlace() throws {
    try ScratchHost.with { host in
      let spec = Self.spec(
        host, "web: { profiles: [tiny], disks: { root: { size: 1 MiB } } }\nother: { profiles: [tiny] }"
      ).replacing(host.pool, with: "/proc/vireo-test/pool")
      let failed = try host.failed(spec)
      expectMessage(failed, ["/proc/vireo-test"], status: 1)
      #expect(try host.virsh("list", "--all", "--name").split(separator: "\n") == ["other"])
    }
  }

  static let mistakes: [(text: String, line: Int, column: Int)] = [
    ("stack: lab\ndomains: { web: { memory: 2048 } }\n", 2, 27),
    ("stack: lab\ndomains:\n  web:\n    memmory: 2 GiB\n", 4, 5),
    ("stack: lab\ndomains:\n\tweb: {}\n", 3, 1),
    ("stack: lab\ndomains: [web]\n", 2, 10),
    ("stack: lab\nstack: other\n", 2, 1),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, vcpus: -1 } }\n", 2, 41),
    ("stack: lab\ndomains: { 'a/b': { memory: 1 GiB } }\n", 2, 12),
    ("stack: lab\npools: { p: { path: \"\" } }\n", 2, 21),
    ("stack: lab\ndomains: { web: { memory: \"${size}\" } }\n", 2, 27),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, profiles: [none] } }\n", 2, 44),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, disks: { root: { image: none } } } }\n", 2, 58),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, disks: { root: {} } } }\n", 2, 43),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, interfaces: { lan: {} } } }\n", 2, 48),
    ("stack: lab\ndomains: { web: { memory: *nothing } }\n", 2, 27),
    ("stack: lab\ndomains: { web: { memory: 1 GiB }\n", 2, 10),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, title: '' } }\n", 2, 41),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, title: \"a\\nb\" } }\n", 2, 41),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, description: \"a\\rb\" } }\n", 2, 47),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, description: \"\\e[31m\" } }\n", 2, 47),
    ("stack: lab\ndomains: { web: { memory: 1 GiB, state: on } }\n", 2, 41),
  ]

  @Test("a mistake ends every command with 1 and its file, line and column", arguments: mistakes)
  func mistake(text: String, line: Int, column: Int) throws {
    try TemporaryFolder.with { folder in
      try folder.write(text, to: "spec.yaml")
      for command in [
        ["validate"], ["plan", "--connect", "test:///default"], ["apply", "--yes", "--connect", "test:///default"],
      ] {
        let run = try vireo(command + [folder.path("spec.yaml")])
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.errors.contains("spec.yaml:\(line):\(column): error: "), "\(run.errors)")
      }
    }
  }

  /// A file by a name that says what is wrong with it.
  struct HostileFile: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let text: String

    init(_ name: String, _ text: String) { (testDescription, self.text) = (name, text) }
  }

  static let hostile = [
    HostileFile(
      "aliases of aliases",
      "a: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + (1...12).map { level in
          "k\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ","))]\n"
        }.joined()),
    HostileFile("deep nesting", "stack: " + String(repeating: "[", count: 100_000)),
    HostileFile("deep mappings", String(repeating: "{a: ", count: 50_000)),
    HostileFile("a very long value", "stack: " + String(repeating: "x", count: 1 << 20)),
    HostileFile("a very long key", String(repeating: "x", count: 100_000) + ": 1"),
    HostileFile("bytes that are no text", "stack: \u{0}\u{1}\u{2}"),
    HostileFile(
      "an endless number", "stack: lab\ndomains: { web: { memory: \(String(repeating: "9", count: 10_000)) GiB } }\n"),
    HostileFile("too many domains", "stack: lab\ndomains: { web: { count: 99999999999999999999, memory: 1 GiB } }\n"),
    HostileFile("an alias of itself", "stack: lab\ndomains: &d { web: *d }\n"),
  ]

  @Test("a hostile file is refused in bounded memory", arguments: hostile)
  func hostileFile(file: HostileFile) throws {
    try TemporaryFolder.with { folder in
      try folder.write(file.text, to: "spec.yaml")
      let run = try run(
        ["prlimit", "--as=\(2 << 30)", try programPath(), "validate", folder.path("spec.yaml")])
      #expect(run.status == 1, "\(run.errors.prefix(2000))")
      #expect(run.errors.contains("error: "))
      #expect(run.errors.utf8.count < 20_000)
    }
  }

  @Test(
    "a guest that does not start is told with the field of the spec that is to blame",
    arguments: [
      ("interfaces: { lan: { type: user, model: nosuchcard } }", "interfaces.lan.model"),
      ("cpu: { mode: custom, model: NoSuchProcessor }", "cpu.model"),
      // The most that the older board has in every version; q35 has more with each.
      ("machine: pc, vcpus: 300", "vcpus"), ("machine: pc-q35-99.9", "machine"),
      ("memory: 900 TiB", "memory"),
      ("memory-backing: { hugepages: true }", "memory-backing.hugepages"),
      ("serials: { log: { type: file, path: /nowhere/log } }", "serials.log.path"),
      ("graphics: { screen: { type: vnc, port: 5977 } }", "graphics.screen.port"),
      ("kernel: /nowhere/vmlinuz", "kernel"),
    ])
  func faultyField(fields: String, name: String) throws {
    try ScratchHost.with { host in
      // Who has the port already.
      let other = "other: { profiles: [tiny], state: running, graphics: { vnc: { port: 5977 } } }\n"
      if fields.contains("5977") { try host.apply(Self.spec(host, stack: "other", other)) }
      let spec = Self.spec(host, "web: { profiles: [tiny], state: running, \(fields) }")
      let run = try host.vireo(["apply", "--yes"], spec)
      let text = (run.output + run.errors).replacing(#/\n */#, with: " ")
      // What the host's capabilities name is refused; the rest fails when libvirt or QEMU says so.
      let isKnown = ["machine", "cpu.model"].contains(name)
      #expect(run.status == (isKnown ? 3 : 1), "\(text)")
      #expect(text.contains(name) || isKnown, "\(text)")
      #expect(text.contains("(\(name))") || run.errors.contains("spec.yaml:6"), "no (\(name)) in \(text)")
    }
  }
}
