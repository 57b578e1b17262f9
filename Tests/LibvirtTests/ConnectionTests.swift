// Opening, closing, and what a connection says about itself.

import Foundation
import Libvirt
import TestSupport
import Testing
import Versions

@Suite("A connection")
struct ConnectionTests {
  @Test("says where it leads to")
  func identity() async throws {
    let connection = try await LibvirtConnection.open(uri: "test:///default")
    #expect(connection.uri == "test:///default")
    #expect(connection.isReadOnly == false)
    #expect(connection.endReason == nil)
    #expect(try await connection.hostname() == ProcessInfo.processInfo.hostName)
    #expect(connection.libvirtVersion >= LibvirtVersion(6, 0))
    #expect(try await connection.capabilities().hasPrefix("<capabilities>"))
    await connection.close()
  }

  @Test("has the host's domain capabilities", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"))
  func domainCapabilities() async throws {
    let connection = try await EmbeddedHost.connection
    let xml = try await connection.domainCapabilities(architecture: "x86_64", machine: "q35", type: "qemu")
    #expect(xml.hasPrefix("<domainCapabilities>"))
    #expect(xml.contains("<domain>qemu</domain>"))
    #expect(xml.contains("q35"))
  }

  @Test(
    "that cannot be made is an error that names the URI",
    arguments: ["qemu+unix:///system?socket=/nonexistent/socket", "nonsense:///", "qemu:///embed"])
  func failure(uri: String) async throws {
    let error = try await libvirtError { _ = try await LibvirtConnection.open(uri: uri) }
    #expect(error?.operation == "connect to \(uri)")
    #expect(error?.message.isEmpty == false)
    #expect(error?.isEmbeddedRootInUse == false)
    #expect(error?.isConnectionLost == false)
  }

  @Test("that is closed refuses further calls, of its domains too")
  func closed() async throws {
    let connection = try await openFakeHost()
    let domain = try await connection.domain(named: "test")
    await connection.close()
    await connection.close()
    for call in [{ _ = try await connection.hostname() }, { _ = try await domain.state() }] {
      let error = try await libvirtError(call)
      #expect(error?.code == .invalidConnection)
      #expect(error?.isConnectionLost == true)
    }
  }

  @Test("that is read-only reads records without secrets and changes nothing")
  func readOnly() async throws {
    let connection = try await openFakeHost(readOnly: true)
    let listing = try await connection.domainRecords()
    #expect(listing.records.map(\.name) == ["test"])
    #expect(listing.failures.isEmpty)
    let error = try await libvirtError { try await listing.records[0].handle.destroy() }
    #expect(error?.code == .operationDenied)
    #expect(try await connection.domainRecord(named: "test")?.state == .running)
  }

  @Test("serves many tasks at a time")
  func manyTasks() async throws {
    let connection = try await openFakeHost()
    let states = try await withThrowingTaskGroup(of: DomainState.self) { group in
      for _ in 0..<300 { group.addTask { try await connection.domain(named: "test").state() } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(states.count == 300)
    #expect(Set(states) == [.running])
  }

  @Test("versions are numbers, not text")
  func versions() {
    #expect(LibvirtVersion(10, 0) > LibvirtVersion(9, 10, 1))
    #expect(LibvirtVersion(number: 9_000_000).description == "9.0.0")
    #expect(LibvirtVersion(number: 11_003_000) == LibvirtVersion(11, 3))
  }
}
