// What guests do over time: ready or not, saved, transient, kept before something disruptive; looked at in libvirt.

import Foundation
import TestSupport
import Testing

@Suite("lifecycle", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct LifecycleTests {
  private static func spec(_ host: ScratchHost, _ fields: String) -> String {
    """
    stack: life
    pools: { vms: { path: "\(host.pool)" } }
    domains:
      web:
        type: qemu
        state: running
        restart-policy: when-needed
        shutdown: { timeout: 1 s, force-off: true }
    \(fields.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))

    """
  }

  // MARK: Starting

  @Test("a display's port that another guest takes between libvirt's choice and QEMU's start is chosen anew")
  func takenPort() throws {
    try ScratchHost.with { host in
      let emulator = host.folder.path("emulator")
      // The first start with a display finds its port taken by a QEMU of somebody else's.
      try """
      #!/bin/bash
      for argument; do
        if [ "$option" = -vnc ]; then display=${argument%%,*}; fi
        option=$argument
      done
      if [ -n "$display" ] && mkdir "$0.once" 2>/dev/null; then
        qemu-system-x86_64 -machine none -nodefaults -vnc "$display" -daemonize -pidfile "$0.pid" <&- >&- 2>&-
      fi
      exec qemu-system-x86_64 "$@"
      """.write(toFile: emulator, atomically: true, encoding: .utf8)
      chmod(emulator, 0o755)
      try host.apply(
        Self.spec(host, "emulator: \(emulator)\nmemory: 32 MiB\ngraphics: { screen: { type: vnc } }"))
      #expect(FileManager.default.fileExists(atPath: "\(emulator).once"))
    }
  }

  // MARK: Ready

  @Test("a guest whose port answers is ready, and waiting for it costs nothing once it runs")
  func ready() throws {
    try ScratchHost.with { host in
      let listener = try Listener()
      let spec = Self.spec(
        host, "memory: 32 MiB\nready: { tcp: \(listener.port), address: 127.0.0.1, timeout: 20 s }")
      let run = try host.apply(spec)
      #expect(run.errors.contains("wait until it is ready"), "\(run.errors)")
      try host.expectNoChanges(spec)
    }
  }

  @Test("a restarted guest that is not ready in time runs again with its old definition and its old UEFI variables")
  func notReady() throws {
    try ScratchHost.with { host in
      let listener = try Listener()
      let firmware = Machine.hasUEFI ? "firmware: uefi\n" : ""
      func spec(_ memory: Int, port: UInt16, timeout: Int) -> String {
        Self.spec(
          host,
          "\(firmware)memory: \(memory) MiB\nready: { tcp: \(port), address: 127.0.0.1, timeout: \(timeout) s }")
      }
      try host.apply(spec(64, port: listener.port, timeout: 20))
      let variables = try host.running("web")("/domain/os/nvram")
      // Something that only this guest has, where firmware does not look.
      let mark = Data("a mark of this test".utf8)
      if let variables { try Self.append(mark, to: variables) }
      let guests = host.guestProcesses
      let closed = try Listener.closedPort()
      let apply = try host.start(["apply", "--yes"], spec(80, port: closed, timeout: 4))
      if let variables {
        try waitUntil("the guest is waited for") { !apply.isRunning || apply.errors.contains("waits") }
        try Self.append(Data("what the new guest did".utf8), to: variables)
      }
      let run = try apply.wait()
      #expect(run.status == 1)
      #expect(
        Self.flat(run.output).contains("is not ready after 4 s: port \(closed) accepts no connection"), "\(run.output)")
      #expect(Self.flat(run.output).contains("its old definition was put back"), "\(run.output)")
      #expect(try host.state("web") == "running")
      #expect(host.guestProcesses.count == 1 && host.guestProcesses != guests)
      #expect(try host.definition("web")("/domain/memory") == String(64 << 10))
      #expect(try host.running("web")("/domain/memory") == String(64 << 10))
      if let variables {
        #expect(try Data(contentsOf: URL(fileURLWithPath: variables)).suffix(mark.count) == mark)
      }
      // The old spec still says what there is.
      try host.expectNoChanges(spec(64, port: listener.port, timeout: 20))
    }
  }

  @Test("a new guest that is not ready stays as it is, and whatever depends on it is not started")
  func dependents() throws {
    try ScratchHost.with { host in
      let closed = try Listener.closedPort()
      let database = "type: qemu, memory: 32 MiB, state: running"
      let readiness = "ready: { tcp: \(closed), address: 127.0.0.1, timeout: 1 s }"
      let spec =
        Self.spec(host, "memory: 32 MiB\ndepends-on: db") + "  db: { \(database), \(readiness) }\n"
      let run = try host.vireo(["apply", "--yes"], spec)
      #expect(run.status == 1)
      #expect(Self.flat(run.output).contains("because of domain db: wait until it is ready"), "\(run.output)")
      #expect(try host.state("db") == "running")
      #expect(try host.state("web") == "shut off")
    }
  }

  // MARK: Saved

  @Test("a saved guest keeps its memory until somebody says otherwise, and nothing that is stored is lost")
  func saved() throws {
    try ScratchHost.with { host in
      func spec(_ memory: Int, _ state: String = "any") -> String {
        Self.spec(host, "memory: \(memory) MiB").replacing("state: running", with: "state: \(state)")
      }
      try host.apply(spec(32, "running"))
      try host.virsh("managedsave", "web")
      let plan = try host.plan(spec(40))
      #expect(
        plan.output.contains("next-boot") && plan.output.contains("the guest has a saved state"),
        "\(plan.output)\(plan.errors)")
      try host.apply(spec(40))
      #expect(try host.virsh("dominfo", "web").contains(#/Managed save: +yes/#))
      // Resumed with what it was saved with; what is stored waits.
      try host.apply(spec(40, "running").replacing("when-needed", with: "never"))
      #expect(try host.running("web")("/domain/memory") == String(32 << 10))
      let waiting = try host.plan(spec(40, "running").replacing("when-needed", with: "never"))
      #expect(waiting.output.contains("waits for a restart"), "\(waiting.output)")

      try host.virsh("managedsave", "web")
      let refused = try host.vireo(
        ["apply", "--yes", "--discard-saved-state", "--max-effect", "offline"], spec(40, "running"))
      #expect(refused.status == 3 && refused.errors.contains("saved-state"), "\(refused.errors)")
      let run = try host.vireo(["apply", "--yes", "--discard-saved-state"], spec(40, "running"))
      #expect(run.status == 0, "\(run.output)\(run.errors)")
      #expect(run.output.contains("data-loss"), "\(run.output)")
      #expect(try host.running("web")("/domain/memory") == String(40 << 10))
      try host.expectNoChanges(spec(40, "running"))
    }
  }

  // MARK: Transient

  @Test("a transient domain that the spec names gets a stored definition, and its guest goes on")
  func transient() throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host, "memory: 32 MiB\ntitle: kept")
      try host.apply(spec)
      // Undefined as it runs, it is transient.
      try host.virsh("undefine", "web")
      let guests = host.guestProcesses
      let plan = try host.plan(spec)
      #expect(plan.output.contains("definition") && plan.output.contains("transient"), "\(plan.output)\(plan.errors)")
      try host.apply(spec)
      #expect(host.guestProcesses == guests)
      #expect(try host.virsh("dominfo", "web").contains(#/Persistent: +yes/#))
      try host.expectNoChanges(spec)

      try host.virsh("undefine", "web")
      try host.apply(spec.replacing("state: running", with: "state: absent"))
      #expect(host.guestProcesses.isEmpty)
      #expect(try !host.virsh("list", "--all", "--name").contains("web"))
    }
  }

  // MARK: Renamed

  @Test(
    "a renamed guest has its UEFI variables, which libvirt leaves under the old name", .enabled(if: Machine.hasUEFI))
  func renamedVariables() throws {
    try ScratchHost.with { host in
      func spec(_ name: String, _ more: String, _ state: String = "stopped") -> String {
        Self.spec(host, "firmware: uefi\nmemory: 64 MiB" + more)
          .replacing("  web:", with: "  \(name):").replacing("state: running", with: "state: \(state)")
      }
      try host.apply(spec("web", "", "running"))
      let variables = try #require(try host.running("web")("/domain/os/nvram"))
      try host.apply(spec("web", ""))
      let mark = Data("a mark of this test".utf8)
      try Self.append(mark, to: variables)
      try host.apply(spec("other", "\nrenamed-from: web"))
      #expect(!FileManager.default.fileExists(atPath: variables))
      try host.apply(spec("other", "", "running"))
      let moved = try #require(try host.running("other")("/domain/os/nvram"))
      #expect(moved.hasSuffix("other_VARS.fd"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: moved)).suffix(mark.count) == mark)

      // What a renaming leaves that is cut off right after libvirt's own. Another file of that name is another's.
      let rest = spec("other", "\nrenamed-from: web", "running")
      try FileManager.default.copyItem(atPath: moved, toPath: variables)
      try host.expectNoChanges(rest)
      try FileManager.default.removeItem(atPath: variables)
      try FileManager.default.linkItem(atPath: moved, toPath: variables)
      let plan = try host.plan(rest)
      #expect(plan.status == 2 && plan.output.contains("web_VARS.fd"), "\(plan.output)\(plan.errors)")
      try host.apply(rest)
      #expect(!FileManager.default.fileExists(atPath: variables))
      #expect(FileManager.default.fileExists(atPath: moved))
      try host.expectNoChanges(rest)
    }
  }

  // MARK: Snapshots before something disruptive

  @Test("a snapshot is taken before a restart and before a stop, and only the last ones are kept")
  func automaticSnapshots() throws {
    try ScratchHost.with { host in
      func spec(_ memory: Int, _ state: String = "running") -> String {
        Self.spec(
          host,
          """
          memory: \(memory) MiB
          disks: { root: { size: 1 MiB } }
          snapshot-before: [restart, offline]
          snapshot-retention: { count: 2 }
          """
        ).replacing("state: running", with: "state: \(state)")
      }
      try host.apply(spec(32))
      func snapshots() throws -> [String] {
        try host.virsh("snapshot-list", "web", "--name").split(separator: "\n").map {
          $0.trimmingCharacters(in: .whitespaces)
        }
        .filter { !$0.isEmpty }.sorted()
      }
      for (number, memory) in [40, 48, 56].enumerated() {
        try host.apply(spec(memory))
        #expect(try host.running("web")("/domain/memory") == String(memory << 10))
        #expect(try snapshots().contains("before-restart-\(number + 1)"))
      }
      #expect(try snapshots() == ["before-restart-2", "before-restart-3"])
      try host.apply(spec(56, "stopped"))
      #expect(try snapshots() == ["before-offline-4", "before-restart-3"])
      try host.expectNoChanges(spec(56, "stopped"))
      #expect(try host.state("web") == "shut off")
    }
  }

  @Test("a domain that goes with a snapshot comes back with it")
  func snapshotBeforeRemoval() throws {
    try ScratchHost.with { host in
      let spec = Self.spec(
        host, "memory: 32 MiB\ndisks: { root: { size: 1 MiB } }\nsnapshot-before: delete")
      try host.apply(spec)
      let uuid = try host.definition("web")("/domain/uuid")
      let run = try host.vireo(["destroy", "--yes"], spec)
      #expect(run.status == 0 && run.output.contains("before-delete-1"), "\(run.output)\(run.errors)")
      #expect(try !host.virsh("list", "--all", "--name").contains("web"))
      let restored = try TestSupport.run([programPath(), "restore", "web", "--connect", host.uri])
      #expect(restored.status == 0, "\(restored.output)\(restored.errors)")
      #expect(try host.definition("web")("/domain/uuid") == uuid)
      #expect(try host.virsh("snapshot-list", "web", "--name").contains("before-delete-1"))
      try host.virsh("snapshot-revert", "web", "before-delete-1")
      #expect(try host.state("web") == "running")
    }
  }

  /// A text without its line breaks.
  private static func flat(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private static func append(_ data: Data, to path: String) throws {
    // The file is as long as the flash; its end is free.
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    defer { try? handle.close() }
    let end = try handle.seekToEnd()
    try handle.seek(toOffset: end - UInt64(data.count))
    try handle.write(contentsOf: data)
  }
}

/// A port of this machine that takes connections, for a guest that is imagined to have one.
private final class Listener {
  let port: UInt16
  private let descriptor: Int32

  init() throws {
    (descriptor, port) = try Self.bound()
    guard listen(descriptor, 16) == 0 else { throw TestError("cannot listen") }
  }

  deinit { close(descriptor) }

  /// A port that takes none.
  static func closedPort() throws -> UInt16 {
    let (descriptor, port) = try bound()
    close(descriptor)
    return port
  }

  private static func bound() throws -> (Int32, UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
      }
    }
    guard status else { throw TestError("cannot bind a port") }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }
}
