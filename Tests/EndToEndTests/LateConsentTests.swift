// A question takes a while to be answered: what came to need a file meanwhile keeps it.

import Foundation
import TestSupport
import Testing

@Suite(
  "a yes to what is no longer so",
  .enabled(if: SystemDaemon.obstacle == nil, "needs root, namespaces, libvirtd and dnsmasq"), .serialized)
struct LateConsentTests {
  enum Newcomer: String, CaseIterable {
    case nobody, domainOnTheFile, domainOnAnOverlay
  }

  /// A host with a domain of a stack, and a domain of others that is about to be defined on its disk.
  private struct Scene {
    let daemon: SystemDaemon
    let disk: String
    let spec: String
    /// What happens while the program asks.
    var meanwhile: String

    init(_ folder: TemporaryFolder, _ newcomer: Newcomer) throws {
      daemon = try SystemDaemon()
      disk = folder.path("pool/lab-web.root.qcow2")
      spec = folder.path("lab.yaml")
      try folder.write(
        """
        stack: lab
        pools: { vms: { path: "\(folder.path("pool"))" } }
        domains: { lab-web: { type: qemu, memory: 32 MiB, disks: { root: { size: 1 MiB } } } }

        """, to: "lab.yaml")
      let overlay = folder.path("elsewhere.qcow2")
      let used = newcomer == .domainOnAnOverlay ? overlay : disk
      try folder.write(
        """
        <domain type='qemu'><name>theirs</name><memory unit='MiB'>32</memory><os><type>hvm</type></os><devices>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='\(used)'/>
        <target dev='vda' bus='virtio'/></disk></devices></domain>
        """, to: "theirs.xml")
      let define = "virsh -c qemu:///system define \(folder.path("theirs.xml"))"
      meanwhile =
        switch newcomer {
        case .nobody: "true"
        case .domainOnTheFile: define
        case .domainOnAnOverlay: "qemu-img create -q -f qcow2 -b \(disk) -F qcow2 \(overlay); \(define)"
        }
      let run = try daemon.vireo("apply", "--yes", spec)
      try #require(run.status == 0, "\(run.output)\(run.errors)")
    }

    /// Runs a command that asks, and has things happen before the yes.
    func agree(to command: [String]) throws -> (run: Run, text: String) {
      let run = try daemon.runInside(
        ["env", "TERM=dumb"]
          + QuestionTerminal.running(
            [try programPath()] + command + ["--connect", "qemu:///system"], answering: "y\\n", meanwhile: meanwhile))
      return (run, (run.output + run.errors).split(whereSeparator: \.isWhitespace).joined(separator: " "))
    }

    var domains: Set<Substring> {
      get throws { Set(try daemon.virsh("list", "--all", "--name").output.split(whereSeparator: \.isWhitespace)) }
    }

    var hasDisk: Bool { FileManager.default.fileExists(atPath: disk) }

    /// The newcomer goes again, so that a repeated command has nothing in its way.
    func clear(_ folder: TemporaryFolder) throws {
      try daemon.virsh("undefine", "theirs")
      try? FileManager.default.removeItem(atPath: folder.path("elsewhere.qcow2"))
    }
  }

  @Test(
    "destroy --delete-disks leaves a disk that another domain came to need while it asked", arguments: Newcomer.allCases
  )
  func destroy(newcomer: Newcomer) throws {
    try TemporaryFolder.with { folder in
      let scene = try Scene(folder, newcomer)
      let (run, text) = try scene.agree(to: ["destroy", "--delete-disks", scene.spec])
      #expect(text.contains("Destroy all of this, and the disks?"), "\(text)")
      guard newcomer != .nobody else {
        #expect(run.status == 0 && !scene.hasDisk, "\(text)")
        return #expect(try scene.domains.isEmpty)
      }
      #expect(run.status == 1, "\(text)")
      #expect(text.contains("stays: domain theirs needs it"), "\(text)")
      #expect(scene.hasDisk)
      #expect(try scene.domains == ["lab-web", "theirs"])
      try scene.clear(folder)
      let again = try scene.daemon.vireo("destroy", "--yes", "--delete-disks", scene.spec)
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      #expect(try !scene.hasDisk && scene.domains.isEmpty)
    }
  }

  @Test("gc leaves a file that another domain came to need while it asked", arguments: Newcomer.allCases)
  func collect(newcomer: Newcomer) throws {
    try TemporaryFolder.with { folder in
      let scene = try Scene(folder, newcomer)
      let destroyed = try scene.daemon.vireo("destroy", "--yes", scene.spec)
      try #require(destroyed.status == 0 && scene.hasDisk, "\(destroyed.output)\(destroyed.errors)")
      let (run, text) = try scene.agree(to: ["gc"])
      #expect(text.contains("[y/N]"), "\(text)")
      guard newcomer != .nobody else {
        #expect(run.status == 0 && !scene.hasDisk, "\(text)")
        return
      }
      #expect(run.status == 1, "\(text)")
      #expect(text.contains("is kept: domain theirs needs it"), "\(text)")
      #expect(scene.hasDisk)
      try scene.clear(folder)
      // A removal that was not given up whole still knows its files.
      let again = try scene.daemon.vireo("gc", "--yes", "--folder", folder.path("pool"))
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      #expect(!scene.hasDisk, "\(again.output)")
    }
  }

  @Test(
    "what somebody else has removed meanwhile counts as done",
    arguments: [["gc", "--all-stacks"], ["destroy", "--delete-disks"]])
  func removedByOthers(meanwhile: [String]) throws {
    try TemporaryFolder.with { folder in
      var scene = try Scene(folder, .nobody)
      let destroyed = try scene.daemon.vireo("destroy", "--yes", scene.spec)
      try #require(destroyed.status == 0 && scene.hasDisk, "\(destroyed.output)\(destroyed.errors)")
      let spec = meanwhile[0] == "gc" ? [] : [scene.spec]
      let other = try [programPath()] + meanwhile + spec + ["--yes", "--connect", "qemu:///system"]
      scene.meanwhile = other.joined(separator: " ")
      let (run, text) = try scene.agree(to: ["gc"])
      #expect(run.status == 0, "\(text)")
      #expect(!scene.hasDisk, "\(text)")
      let again = try scene.daemon.vireo("gc", "--yes", "--folder", folder.path("pool"))
      #expect(again.status == 0, "\(again.output)\(again.errors)")
    }
  }
}
