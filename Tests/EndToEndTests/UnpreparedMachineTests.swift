// Machines that lack what libvirt's QEMU driver is used to: an embedded root of Vireo's works on them all the same.

import Foundation
import TestSupport
import Testing

extension Machine {
  /// Another /etc/passwd or root folder for one process needs a mount namespace.
  fileprivate static let canMount = geteuid() == 0 && (try? run(["unshare", "--mount", "true"]))?.status == 0
}

@Suite(
  .enabled(if: Machine.runsGuests, Machine.needsGuests),
  .enabled(if: Machine.canMount, "needs root, and the right to make mount namespaces"))
struct UnpreparedMachineTests {
  private static let spec = "stack: bare\ndomains: { guest: { type: qemu, memory: 16 MiB, state: running } }\n"

  /// Runs the program in a mount namespace of its own, which `script` has changed before.
  private func vireo(_ arguments: String..., on host: ScratchHost, after script: String) throws -> Run {
    try host.folder.write(Self.spec, to: "spec.yaml")
    return try run(
      ["unshare", "--mount", "bash", "-euc", script + "\nexec ${enter:-} \"$@\"", "bash", programPath()] + arguments
        + [host.folder.path("spec.yaml"), "--connect", host.uri])
  }

  /// Takes the accounts away that libvirt's builds have for QEMU.
  private func hidingAccounts(_ host: ScratchHost) throws -> String {
    for name in ["passwd", "group"] {
      let lines = try #require(fileText("/etc/\(name)")).split(separator: "\n")
      let others = lines.filter { !["libvirt-qemu", "qemu", "kvm"].contains($0.prefix { $0 != ":" }) }
      try host.folder.write(others.map { $0 + "\n" }.joined(), to: name)
    }
    return """
      for name in passwd group; do mount --bind "\(host.folder.root)/$name" /etc/$name; done
      ! getent passwd libvirt-qemu >/dev/null
      """
  }

  private func expectGuestRuns(on host: ScratchHost, after script: String) throws {
    let applied = try vireo("apply", "--yes", on: host, after: script)
    #expect(applied.status == 0, "\(applied.output)\(applied.errors)")
    #expect(host.guestProcesses.count == 1)
    let planned = try vireo("plan", "--detailed-exitcode", on: host, after: script)
    #expect(planned.status == 0, "\(planned.output)\(planned.errors)")
  }

  @Test("without the accounts that libvirt has for QEMU, guests run as the user whose root it is")
  func withoutAccounts() throws {
    try ScratchHost.with { host in try expectGuestRuns(on: host, after: hidingAccounts(host)) }
  }

  @Test("without these accounts, a root whose own configuration leaves them to libvirt is an error with the remedies")
  func ownConfiguration() throws {
    try ScratchHost.with { host in
      try FileManager.default.createDirectory(atPath: host.root + "/etc", withIntermediateDirectories: true)
      try "#user = \"root\"\nstdio_handler = \"file\"\n".write(
        toFile: host.root + "/etc/qemu.conf", atomically: true, encoding: .utf8)
      let planned = try vireo("plan", on: host, after: hidingAccounts(host))
      #expect(planned.status == 1)
      #expect(planned.errors.contains("Failed to parse user"), "\(planned.errors)")
      #expect(planned.errors.contains("\(host.root)/etc/qemu.conf"))
    }
  }

  @Test("under chroot(2), where libvirt cannot give guests a /dev of their own, guests run without")
  func changedRoot() throws {
    try ScratchHost.with { host in
      let root = host.folder.path("root")
      try expectGuestRuns(
        on: host,
        after: """
          for folder in /*; do
            [ -d "$folder" ] || continue
            if [ -L "$folder" ]; then mkdir -p "\(root)"; cp -Pn "$folder" "\(root)/" || true; continue; fi
            mkdir -p "\(root)$folder"
            mount --rbind "$folder" "\(root)$folder"
          done
          enter="chroot \(root)"
          """)
    }
  }
}
