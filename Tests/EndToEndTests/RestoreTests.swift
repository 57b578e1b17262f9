// Domains that were undefined, brought back: all that they had, judged by virsh and by a plan that has nothing to do.

import Foundation
import TestSupport
import Testing

@Suite("restore", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct RestoreTests {
  private static func spec(_ host: ScratchHost, _ more: String = "") -> String {
    """
    stack: restore
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains:
      web:
        type: qemu
        memory: 32 MiB
        autostart: true
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { image: base, size: 20 MiB } }
        \(more)

    """
  }

  @Test("what is undefined comes back as it was, with snapshots of either kind", arguments: ["internal", "external"])
  func snapshots(kind: String) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host)
      try host.apply(spec)
      for name in ["one", "two"] {
        #expect(try host.vireo("snapshot", "take", "web", name, "--\(kind)").status == 0)
      }
      let before = try host.virsh("dumpxml", "--inactive", "--security-info", "web")
      let documents = try ["one", "two"].map { try host.virsh("snapshot-dumpxml", "web", $0) }
      let list = try host.vireo("snapshot", "list", "web").output
      let destroyed = try host.vireo(["destroy", "--yes"], spec)
      #expect(destroyed.status == 0 && destroyed.output.contains("vireo restore"), "\(destroyed.output)")
      #expect(try host.virsh("list", "--all", "--name").contains("web") == false)

      let listed = try host.vireo("restore", "--list")
      #expect(listed.output.contains("web") && listed.output.contains("restore"), "\(listed.output)")
      #expect(!listed.output.contains("missing"), "\(listed.output)")
      let restored = try host.vireo("restore", "web")
      #expect(
        restored.status == 0 && restored.output.contains("snapshots one, two"), "\(restored.output)\(restored.errors)")
      #expect(try host.virsh("dumpxml", "--inactive", "--security-info", "web") == before)
      #expect(try ["one", "two"].map { try host.virsh("snapshot-dumpxml", "web", $0) } == documents)
      #expect(try host.vireo("snapshot", "list", "web").output == list)
      #expect(try host.virsh("dominfo", "web").contains("enable"), "it starts with the host again")
      #expect(try host.plan(spec).output.contains("No changes"))
      #expect(
        try host.vireo("restore", "--list").output == "no removed domain is kept for \(host.uri)\n",
        "what was restored is no removal any more")
      #expect(try host.vireo("snapshot", "revert", "web", "two", "--yes").status == 0)
    }
  }

  @Test("a guest that ran comes back stopped, and a plan has only its state to change")
  func state() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host, "state: running")
      try host.apply(spec)
      try host.apply(Self.spec(host, "state: absent"))
      #expect(try host.vireo("restore", "web").status == 0)
      #expect(try host.state("web") == "shut off")
      let plan = try host.plan(spec)
      #expect(plan.status == 2 && plan.output.contains("state  stopped → running"), "\(plan.output)")
      #expect(plan.output.contains("steps: start\n"), "\(plan.output)")
    }
  }

  @Test("checkpoints are shown before libvirt forgets them, and come back")
  func checkpoints() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host, "state: running")
      try host.apply(spec)
      try host.folder.write("<domaincheckpoint><name>backup</name></domaincheckpoint>", to: "checkpoint.xml")
      try host.virsh("checkpoint-create", "web", host.folder.path("checkpoint.xml"))
      let before = try host.virsh("checkpoint-dumpxml", "web", "backup")
      let destroyed = try host.vireo(["destroy", "--yes"], spec)
      #expect(destroyed.status == 0 && destroyed.output.contains("checkpoints  backup"), "\(destroyed.output)")
      #expect(try host.vireo("restore", "web").status == 0)
      #expect(try host.virsh("checkpoint-dumpxml", "web", "backup") == before)
    }
  }

  @Test("UEFI variables and the state of a TPM stay until they are to go", .enabled(if: hasFirmware && hasTPM))
  func variables() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(
        host, "firmware: uefi\n    tpms: { main: { backend: emulator, version: '2.0' } }\n    state: running")
      try host.apply(spec)
      let variables = host.root + "/lib/qemu/nvram/web_VARS.fd"
      let uuid = try host.virsh("domuuid", "web").trimmingCharacters(in: .whitespacesAndNewlines)
      let state = host.root + "/lib/swtpm/\(uuid)/tpm2/tpm2-00.permall"
      #expect(FileManager.default.fileExists(atPath: state))
      let destroyed = try host.vireo(["destroy", "--yes"], spec)
      let said = destroyed.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      #expect(said.contains("nvram \(variables) (stays)"), "\(destroyed.output)\(destroyed.errors)")
      #expect(FileManager.default.fileExists(atPath: variables))
      // What the guest has kept in it by the time that it was stopped.
      let contents = try #require(FileManager.default.contents(atPath: state))
      #expect(try host.vireo("restore", "--list").output.contains("web_VARS.fd"))
      #expect(try host.vireo("restore", uuid).status == 0)
      #expect(FileManager.default.contents(atPath: state) == contents)
      try host.apply(spec)
      #expect(try host.state("web") == "running")

      let all = try host.vireo(["destroy", "--yes", "--delete-disks"], spec)
      #expect(all.status == 0 && all.output.contains("nvram"), "\(all.output)\(all.errors)")
      #expect(!FileManager.default.fileExists(atPath: variables))
      #expect(!FileManager.default.fileExists(atPath: state))
    }
  }

  @Test("nothing brings back a deleted disk, and a domain of the name is not replaced")
  func refusals() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host)
      let unknown = try host.vireo("restore", "web")
      #expect(unknown.status == 1 && unknown.errors.contains("no removal of web"), "\(unknown.errors)")

      try host.apply(spec)
      #expect(try host.vireo(["destroy", "--yes"], spec).status == 0)
      try host.apply(Self.spec(host, "title: another"))
      let taken = try host.vireo("restore", "web")
      #expect(taken.status == 1 && taken.errors.contains("there is a domain web"), "\(taken.errors)")
      #expect(try host.definition("web")("/domain/title") == "another")

      #expect(try host.vireo(["destroy", "--yes", "--delete-disks"], spec).status == 0)
      let listed = try host.vireo("restore", "--list", "--format", "json")
      let entries = try #require(
        try JSONSerialization.jsonObject(with: Data(listed.output.utf8)) as? [[String: Any]])
      #expect(entries.count == 2)
      let files = try #require(entries[0]["files"] as? [[String: Any]])
      #expect(files.map { $0["present"] as? Bool } == [false] && files[0]["deleted"] as? Bool == true, "\(files)")
      let deleted = try host.vireo("restore", "web")
      #expect(deleted.status == 1 && deleted.errors.contains("was deleted with the domain"), "\(deleted.errors)")
      // Of the removal before nobody deleted a disk; it is missing all the same.
      let time = try #require(entries[1]["removed"] as? String)
      let before = try host.vireo("restore", "web", "--removed", time)
      #expect(before.status == 1, "\(before.output)")
      #expect(try host.virsh("list", "--all", "--name").contains("web") == false)
    }
  }

  @Test("a restore that was cut off is finished by the next")
  func interrupted() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host)
      try host.apply(spec)
      #expect(try host.vireo("snapshot", "take", "web", "one").status == 0)
      try host.folder.write(try host.virsh("dumpxml", "--inactive", "--security-info", "web"), to: "web.xml")
      #expect(try host.vireo(["destroy", "--yes"], spec).status == 0)
      // As far as a run gets that is killed right after it has defined the domain.
      try host.virsh("define", host.folder.path("web.xml"))
      let restored = try host.vireo("restore", "web")
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try host.virsh("snapshot-list", "--name", "web").contains("one"))
      #expect(try host.virsh("dominfo", "web").contains("enable"))
      #expect(try host.vireo("restore", "--list").output == "no removed domain is kept for \(host.uri)\n")
    }
  }

  @Test("the archive is for its owner alone, passwords and all")
  func archive() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.folder.write("s3cr3t-w\n", to: "password")
      let spec = Self.spec(
        host, "graphics: { vnc: { password-file: \"\(host.folder.path("password"))\" } }")
      try host.apply(spec)
      #expect(try host.vireo(["destroy", "--yes"], spec).status == 0)
      let folder = host.root + "/lib/vireo/removed"
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(names.count == 1)
      func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      }
      #expect(try mode(folder) == 0o700)
      #expect(try mode(folder + "/" + names[0]) == 0o600)
      #expect(try host.vireo("restore", "web").status == 0)
      #expect(try host.virsh("dumpxml", "--inactive", "--security-info", "web").contains("s3cr3t-w"))
      try host.expectNoChanges(spec)
    }
  }

  private static let hasFirmware = FileManager.default.fileExists(atPath: "/usr/share/OVMF")
  private static let hasTPM = FileManager.default.isExecutableFile(atPath: "/usr/bin/swtpm")
}

extension ScratchHost {
  /// Runs a command that takes no spec.
  func vireo(_ arguments: String...) throws -> Run { try vireo(arguments) }

  func vireo(_ arguments: [String]) throws -> Run {
    let whole = try [programPath()] + arguments + ["--connect", uri]
    return try run(daemon?.inside(whole) ?? whole)
  }
}
