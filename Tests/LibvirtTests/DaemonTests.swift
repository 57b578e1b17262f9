// Connections to a daemon: the same calls over a socket, and what happens when the daemon is no more.

import Foundation
import Libvirt
import TestSupport
import Testing

@Suite("A daemon", .enabled(if: SessionDaemon.isAvailable, "needs libvirtd and setpriv"))
struct DaemonTests {
  @Test("serves the same records as the embedded driver")
  func records() async throws {
    try await SessionDaemon.with { daemon in
      let connection = try await LibvirtConnection.open(uri: daemon.uri)
      let domain = try await connection.defineDomain(guestXML("remote"), named: "remote")
      let record = try #require(try await connection.domainRecords().records.first)
      #expect(record.name == "remote" && record.uuid == domain.uuid && record.state == .shutOff)
      #expect(record.isPersistent && !record.isActive && record.runningXML == nil)
      #expect(record.inactiveXML == (try await domain.xml([.inactive, .secure])))
      try await domain.undefine()
      await connection.close()
    }
  }

  @Test("that is killed fails pending and later calls instead of hanging them")
  func killed() async throws {
    try await SessionDaemon.with { daemon in
      let connection = try await LibvirtConnection.open(uri: daemon.uri)
      let domain = try await connection.defineDomain(guestXML("orphan"))
      let events = try await connection.domainEvents()
      #expect(try await connection.domainRecords().records.count == 1)

      // A stopped daemon holds the calls; then it dies with them.
      daemon.signal(SIGSTOP)
      let pending = (0..<6).map { _ in Task { try await libvirtError { _ = try await connection.domainRecords() } } }
      let waiting = Task { try await libvirtError { _ = try await domain.waitUntil(.running, timeout: .seconds(600)) } }
      try await Task.sleep(for: .milliseconds(100))
      daemon.signal(SIGKILL)
      for task in pending { #expect(try await task.value?.isConnectionLost == true) }
      #expect(try await waiting.value?.isConnectionLost == true)

      for call in [{ _ = try await domain.state() }, { _ = try await connection.hostname() }] {
        #expect(try await libvirtError(call)?.isConnectionLost == true)
      }
      // The event loop tells it; by then the calls may long have failed.
      for _ in 0..<500 where connection.endReason == nil { try await Task.sleep(for: .milliseconds(10)) }
      #expect(connection.endReason != nil)
      await connection.close()
      for await _ in events {}
    }
  }
}

private let systemSocket = "/run/libvirt/libvirt-sock"

@Suite(
  "The system's daemon",
  .enabled(if: FileManager.default.isWritableFile(atPath: systemSocket), "no daemon listens at \(systemSocket)"))
struct SystemDaemonTests {
  @Test("lists domains, pools and networks")
  func lists() async throws {
    // With the transport named it is the daemon even where this process has an embedded driver, which would answer else.
    let connection = try await LibvirtConnection.open(uri: "qemu+unix:///system?socket=\(systemSocket)")
    #expect(try await connection.domainRecords().failures.isEmpty)
    _ = try await connection.storagePoolRecords()
    _ = try await connection.networkRecords()
    await connection.close()
  }
}
