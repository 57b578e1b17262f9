// Connections to a daemon: the same calls over a socket, and what happens when the daemon is no more.

import Foundation
import TestSupport
import Testing

@testable import Libvirt

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

  private func limits() -> CallLimits {
    var limits = CallLimits()
    limits.silence = .seconds(6)
    limits.silenceBeforeProbe = .seconds(2)
    limits.connecting = .seconds(6)
    return limits
  }

  @Test("that is stopped is given up, and whatever it owes is an error", .timeLimit(.minutes(5)))
  func stopped() async throws {
    try await SessionDaemon.with { daemon in
      let connection = try await LibvirtConnection.open(uri: daemon.uri, limits: limits())
      let domain = try await connection.defineDomain(guestXML("stopped"))
      let events = try await connection.domainEvents()
      #expect(try await connection.domainRecords().records.count == 1)

      daemon.signal(SIGSTOP)
      let pending = (0..<20).map { index in
        Task {
          try await libvirtError {
            if index % 2 == 0 { _ = try await connection.domainRecords() } else { _ = try await domain.xml() }
          }
        }
      }
      let waiting = Task { try await libvirtError { _ = try await domain.waitUntil(.running, timeout: .seconds(600)) } }
      for task in pending + [waiting] {
        let error = try await task.value
        #expect(error?.isConnectionLost == true && error?.isDaemonSilent == true, "\(String(describing: error))")
      }
      #expect(try await libvirtError { _ = try await domain.state() }?.isDaemonSilent == true)
      #expect(connection.endReason == .keepalive)
      await connection.close()
      for await _ in events {}

      // Nobody waits for ever for a connection either.
      let error = try await libvirtError { _ = try await LibvirtConnection.open(uri: daemon.uri, limits: limits()) }
      #expect(error?.isDaemonSilent == true, "\(String(describing: error))")

      // What comes of the calls after all hurts nobody.
      daemon.signal(SIGCONT)
      let again = try await LibvirtConnection.open(uri: daemon.uri)
      #expect(try await again.domainRecords().records.map(\.name) == ["stopped"])
      await again.close()
    }
  }

  @Test("that stops for a moment is waited for")
  func hesitates() async throws {
    try await SessionDaemon.with { daemon in
      var limits = limits()
      limits.silence = .seconds(3600)
      let connection = try await LibvirtConnection.open(uri: daemon.uri, limits: limits)
      try await connection.defineDomain(guestXML("slow"))
      daemon.signal(SIGSTOP)
      let pending = (0..<6).map { _ in Task { try await connection.domainRecords().records.count } }
      // Longer than it takes to be asked for a sign of life.
      try await Task.sleep(for: .seconds(4))
      daemon.signal(SIGCONT)
      for task in pending { #expect(try await task.value == 1) }
      #expect(connection.endReason == nil)
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

/// A daemon that was killed leaves its socket.
private func somebodyListens(at path: String) -> Bool {
  let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
  guard socket >= 0 else { return false }
  defer { close(socket) }
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
  return withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
    }
  }
}

@Suite(
  "The system's daemon",
  .enabled(if: somebodyListens(at: systemSocket), "no daemon listens at \(systemSocket)"))
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
