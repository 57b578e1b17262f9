// What running guests and libvirt have refused, noted with the guests themselves, so that the next plan does not ask again. What
// is not noted was not asked for, or by a run that was cut off before it had its answer.

import Inventory
import Libvirt
import Planner
import Vocabulary

/// The notes that a run makes. Steps of one guest run side by side, and the note is one text: they write it one after the other.
actor RefusalNotes {
  private let connection: LibvirtConnection
  private var last: Task<Void, any Error>?

  init(connection: LibvirtConnection) { self.connection = connection }

  /// Notes what came of values that a guest was to get.
  func note(_ answers: [(change: LiveChange, isRefused: Bool)], on domain: LibvirtDomain) async throws {
    try await change(domain) { refused in
      for (change, isRefused) in answers { refused.note(change, isRefused: isRefused, salt: Inventory.drawSalt()) }
    }
  }

  /// Notes what came of plugging a device in or out.
  func note(
    _ plugging: RefusedValues.Plugging, of device: String, isRefused: Bool, on domain: LibvirtDomain
  ) async throws {
    try await change(domain) { $0.note(plugging, of: device, isRefused: isRefused) }
  }

  private func change(_ domain: LibvirtDomain, _ note: @escaping @Sendable (inout RefusedValues) -> Void) async throws {
    let task = Task { [connection, last] in
      _ = await last?.result
      // A guest that ended meanwhile needs no note.
      guard try await domain.isActive() else { return }
      let before = RefusedValues(in: try await connection.runningDefinition(of: domain))
      var refused = before
      note(&refused)
      guard refused != before else { return }
      try await domain.setMetadata(
        .element(namespace: RefusedValues.namespace), refused.isEmpty ? nil : refused.element.serialised(),
        prefix: RefusedValues.prefix, scope: .live)
    }
    last = task
    try await task.value
  }
}
