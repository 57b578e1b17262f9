// Which failure comes as which code: what callers decide upon.

import Libvirt
import TestSupport
import Testing

@Suite("A failed call", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"))
struct LibvirtErrorTests {
  @Test("says what was done, to what, and libvirt's reason")
  func text() async throws {
    let connection = try await EmbeddedHost.connection
    let error = try #require(try await libvirtError { _ = try await connection.domain(named: "nobody") })
    #expect(error.operation == "find domain nobody")
    #expect(error.code == .noDomain)
    #expect(error.domain == .qemu)
    #expect(error.level == .error)
    #expect(error.isNotFound && !error.isUnsupported && !error.isConnectionLost)
    #expect(
      error.description
        == "cannot find domain nobody: Domain not found: no domain with matching name 'nobody' (libvirt error 42)")
  }

  @Test("a definition with a taken name and another UUID is code 9")
  func wrongUUID() async throws {
    try await EmbeddedHost.withGuest("taken") { connection, _ in
      for uuid in [nil, "6a1c4a40-3b4b-4d61-9d0e-0d8a3f4f0001"] {
        let error = try await libvirtError {
          try await connection.defineDomain(guestXML("taken", uuid: uuid), named: "taken")
        }
        #expect(error?.code == .operationFailed)
        #expect(error?.operation == "define domain taken")
      }
    }
  }

  @Test(
    "a definition that libvirt does not take has the code of the reason",
    arguments: [
      ("<domain type='qemu'><name>nonsense</name><nonsense/></domain>", LibvirtError.Code.xmlInvalidSchema),
      (guestXML("bad-device", devices: "<frobnicator/>"), .xmlInvalidSchema),
      ("this is not XML", .xmlDetail),
      ("<domain", .xmlDetail),
      ("", .xmlDetail),
      ("<network/>", .xmlError),
    ])
  func badXML(xml: String, code: LibvirtError.Code) async throws {
    let connection = try await EmbeddedHost.connection
    let error = try await libvirtError { try await connection.defineDomain(xml) }
    #expect(error?.code == code)
    #expect(error?.operation == "define domain")
  }

  @Test("an operation that does not fit the state is code 55")
  func wrongState() async throws {
    try await EmbeddedHost.withGuest("idle") { _, domain in
      let calls: [() async throws -> Void] = [
        { try await domain.suspend() }, { try await domain.resume() }, { try await domain.destroy() },
        { try await domain.shutdown() },
      ]
      for call in calls {
        let error = try await libvirtError(call)
        #expect(error?.code == .operationInvalid)
      }
    }
  }

  @Test("what the driver does not have is unsupported")
  func unsupported() async throws {
    let connection = try await EmbeddedHost.connection
    let calls: [() async throws -> Void] = [
      { _ = try await connection.storagePoolRecords() },
      { _ = try await connection.storagePool(named: "default") },
      { _ = try await connection.networkRecords() },
    ]
    for call in calls {
      let error = try await libvirtError(call)
      #expect(error?.isUnsupported == true)
    }
  }

  @Test("a cancelled task's call is not made")
  func cancelled() async throws {
    let connection = try await EmbeddedHost.connection
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      try await connection.defineDomain(guestXML("never"), named: "never")
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(try await connection.domainRecord(named: "never") == nil)
  }
}
