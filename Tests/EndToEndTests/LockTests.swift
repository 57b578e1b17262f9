// What keeps commands apart: the daemon's stack, however the URI is spelled, and the folders of disks.

import Foundation
import TestSupport
import Testing

@Suite(
  "locks of a daemon", .enabled(if: SystemDaemon.obstacle == nil, "needs root, namespaces, libvirtd and dnsmasq"),
  .serialized)
struct LockTests {
  private static let spellings = [
    "qemu:///system", "qemu+unix:///system", "qemu:///system?", "qemu+unix:///system?socket=/run/libvirt/libvirt-sock",
    "qemu:///system?mode=legacy",
  ]

  private func spec(_ folder: TemporaryFolder, _ stack: String) -> String {
    """
    stack: \(stack)
    pools: { vms: { path: "\(folder.path("pool"))" } }
    domains: { \(stack)-web: { type: qemu, memory: 32 MiB, disks: { root: { size: 1 MiB } } } }

    """
  }

  @Test("every command that changes something keeps out of what another has, by any spelling of the URI")
  func commands() throws {
    try TemporaryFolder.with { folder in
      let daemon = try SystemDaemon()
      let file = folder.path("lab.yaml")
      try folder.write(spec(folder, "lab"), to: "lab.yaml")
      func vireo(_ uri: String, _ arguments: [String]) throws -> Run {
        try daemon.runInside([programPath()] + arguments + (arguments[0] == "image" ? [] : ["--connect", uri]))
      }
      for command in [["apply", "--yes", file], ["destroy", "--yes", file]] {
        let run = try vireo("qemu:///system", command)
        #expect(run.status == 0, "\(run.output)\(run.errors)")
      }
      let restored = try vireo("qemu:///system", ["restore", "lab-web"])
      #expect(restored.status == 0, "\(restored.errors)")
      // A second removed domain, to be restored and collected.
      try folder.write(spec(folder, "lab").replacing("lab-web", with: "lab-old"), to: "old.yaml")
      #expect(try vireo("qemu:///system", ["apply", "--yes", folder.path("old.yaml")]).status == 0)
      #expect(try vireo("qemu:///system", ["apply", "--yes", "--prune", file]).status == 0)

      let disk = folder.path("pool/lab-web.root.qcow2")
      let stackCommands = [
        ["apply", "--yes", file], ["destroy", "--yes", file], ["gc", "--yes", file], ["gc", "--yes"],
        ["restore", "lab-old"], ["snapshot", "take", "lab-web", "one"],
        ["snapshot", "revert", "--yes", "lab-web", "one"], ["snapshot", "delete", "--yes", "lab-web", "one"],
      ]
      let holder = try daemon.startInside("for f in /run/vireo/*.lock; do flock $f sleep 1000 & done; wait")
      try waitUntil("the stack is locked") {
        try daemon.runInside(["bash", "-c", "flock -n /run/vireo/*.lock true"]).status != 0
      }
      for (index, command) in stackCommands.enumerated() {
        for uri in index == 0 ? Self.spellings : [Self.spellings[index % Self.spellings.count]] {
          let run = try vireo(uri, command)
          #expect(
            run.status == 1 && run.errors.contains("is being applied by another process"),
            "\(uri) \(command): \(run.output)\(run.errors)")
        }
      }
      try daemon.end(holder)

      // A folder from which somebody removes files.
      let removing = try daemon.startInside("flock \(folder.path("pool")) sleep 1000")
      try waitUntil("the folder is locked") {
        try daemon.runInside(["flock", "-n", folder.path("pool"), "true"]).status != 0
      }
      for command in [
        ["restore", "lab-old"], ["gc", "--yes"], ["snapshot", "take", "lab-web", "one"],
        ["image", "create", folder.path("pool/new.qcow2"), "1MiB"], ["image", "resize", disk, "2MiB"],
        ["image", "snapshot", "create", disk, "one"], ["image", "rebase", disk, "--no-backing"],
        ["image", "convert", disk, folder.path("pool/copy.qcow2")], ["image", "commit", disk],
        ["image", "check", "--repair", "all", disk],
      ] {
        let run = try vireo("qemu:///system", command + ["--lock-timeout", "0s"])
        #expect(run.status == 1 && run.errors.contains("is locked by"), "\(command): \(run.output)\(run.errors)")
      }
      try daemon.end(removing)
      #expect(try vireo("qemu:///system", ["gc", "--yes"]).status == 0)
    }
  }

  @Test("one daemon does not give up what another with the same URI has removed")
  func twoDaemons() throws {
    try TemporaryFolder.with { folder in
      try FileManager.default.createDirectory(atPath: folder.path("state"), withIntermediateDirectories: true)
      let (first, second) = (
        try SystemDaemon(state: folder.path("state")), try SystemDaemon(state: folder.path("state"))
      )
      try folder.write(spec(folder, "lab"), to: "lab.yaml")
      let file = folder.path("lab.yaml")
      #expect(try first.vireo("apply", "--yes", file).status == 0)
      #expect(try first.vireo("destroy", "--yes", file).status == 0)
      #expect(try second.vireo("restore", "--list").output.contains("lab-web") == false)
      let run = try second.vireo("gc", "--yes", "--folder", folder.path("pool"))
      #expect(run.status == 0, "\(run.output)\(run.errors)")
      #expect(FileManager.default.fileExists(atPath: folder.path("pool/lab-web.root.qcow2")))
      // The same daemon, after it was started again.
      try first.crash()
      try first.restart()
      let restored = try first.vireo("restore", "lab-web")
      #expect(restored.status == 0, "\(restored.output)\(restored.errors)")
    }
  }
}
