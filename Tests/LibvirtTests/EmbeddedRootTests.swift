// What an embedded root does over the lives of several processes. A process can open one root only, so each test's
// processes are children of this one.

import Foundation
import Libvirt
import TestSupport
import Testing

private let hasOwnLogSettings = getenv("LIBVIRT_LOG_OUTPUTS") != nil || getenv("LIBVIRT_DEBUG") != nil

@Suite("An embedded root", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"))
struct EmbeddedRootTests {
  @Test("keeps its guests running without a process, and lists them as they are when it is opened again")
  func reopen() async throws {
    let root = EmbeddedHost.makeRoot("reopen")
    defer { try? FileManager.default.removeItem(atPath: root) }
    await #expect(processExitsWith: .success) { [root = root as String] in
      let connection = try await LibvirtConnection.open(uri: EmbeddedHost.uri(root))
      for name in ["stays", "dies", "pauses"] { try await connection.defineDomain(guestXML(name)).start() }
      try await connection.domain(named: "pauses").suspend()
    }
    // Nobody watches while this one ends.
    let pid = try #require(
      Int32(
        try String(contentsOfFile: root + "/run/qemu/dies.pid", encoding: .utf8)
          .trimmingCharacters(in: .whitespacesAndNewlines)))
    kill(pid, SIGKILL)

    await #expect(processExitsWith: .success) { [root = root as String] in
      let connection = try await LibvirtConnection.open(uri: EmbeddedHost.uri(root))
      let records = try await connection.domainRecords().records
      #expect(connection.unresponsiveDomains.isEmpty)
      #expect(records.map(\.name) == ["dies", "pauses", "stays"])
      #expect(records.map(\.state) == [.shutOff, .paused, .running])
      #expect(records.map(\.isActive) == [false, true, true])
      // Ready for changes at once.
      try await records[1].handle.resume()
      #expect(try await records[1].handle.state() == .running)
      for record in records { await EmbeddedHost.remove(record.handle) }
      #expect(try await connection.domainRecords().records.isEmpty)
      await connection.close()
    }
  }

  @Test("that another process has open is an error that says so")
  func inUse() async throws {
    let root = EmbeddedHost.root
    _ = try await EmbeddedHost.connection
    await #expect(processExitsWith: .success) { [root = root as String] in
      let error = try await libvirtError { _ = try await LibvirtConnection.open(uri: EmbeddedHost.uri(root)) }
      #expect(error?.isEmbeddedRootInUse == true)
      #expect(error?.message.contains("another process has the embedded root \(root) open") == true)
    }
  }

  @Test("prints nothing, whatever fails, and keeps libvirt's messages in its log folder")
  func silence() async throws {
    let root = EmbeddedHost.makeRoot("silence")
    defer { try? FileManager.default.removeItem(atPath: root) }
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent, \.standardOutputContent]
    ) { [root = root as String] in
      let connection = try await LibvirtConnection.open(uri: EmbeddedHost.uri(root))
      _ = try? await connection.domain(named: "nobody")
      _ = try? await connection.defineDomain("<domain><nonsense/></domain>")
      // A disk: libvirt sets its owner in a process of its own.
      try Data(count: 1 << 20).write(to: URL(fileURLWithPath: root + "/noisy.img"))
      let disk = """
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='\(root)/noisy.img'/>
        <target dev='vda' bus='virtio'/></disk>
        """
      let domain = try await connection.defineDomain(guestXML("noisy", devices: disk))
      try await domain.start()
      try? await domain.start()
      await EmbeddedHost.remove(domain)
      _ = try? await LibvirtConnection.open(uri: "qemu+unix:///system?socket=/nonexistent")
      await connection.close()
    }
    #expect(String(decoding: result?.standardErrorContent ?? [], as: UTF8.self) == "")
    #expect(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self) == "")
    let log = try String(contentsOfFile: root + "/log/libvirt.log", encoding: .utf8)
    #expect(log.contains("no domain with matching name 'nobody'"))
  }

  @Test("leaves no trace of its log settings in the environment", .disabled(if: hasOwnLogSettings, "has log settings"))
  func environment() async throws {
    _ = try await EmbeddedHost.connection
    #expect(getenv("LIBVIRT_LOG_OUTPUTS") == nil)
    #expect(getenv("LIBVIRT_DEBUG") == nil)
  }

  @Test("may have escapes in its path")
  func escapedPath() async throws {
    let root = EmbeddedHost.makeRoot("with space")
    defer { try? FileManager.default.removeItem(atPath: root) }
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      [root = root as String] in
      let uri = EmbeddedHost.uri(root.replacingOccurrences(of: " ", with: "%20"))
      let connection = try await LibvirtConnection.open(uri: uri)
      #expect(try await connection.domainRecords().records.isEmpty)
    }
    #expect(String(decoding: result?.standardErrorContent ?? [], as: UTF8.self) == "")
  }
}
