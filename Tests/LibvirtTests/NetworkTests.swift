// Virtual networks, on libvirt's test driver: a real bridge needs the host's own daemon.

import Libvirt
import Testing

@Suite("Networks")
struct NetworkTests {
  @Test("are listed with whether they are active")
  func lists() async throws {
    let connection = try await openFakeHost()
    #expect(try await connection.networks() == ["default": true])
  }
}
