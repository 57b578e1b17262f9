// Starting a guest, again where the cause of a failure may be gone already.

import Libvirt
import Vocabulary
import XMLTree

extension LibvirtConnection {
  /// Starts the guest of a domain.
  ///
  /// libvirt looks for a free port for each display that states none, and QEMU takes it a moment later: another guest of
  /// another libvirt may have it by then. Nobody asked for that port, so libvirt chooses again. A start is also tried again
  /// where libvirt came too late to hear why QEMU ended: the next time it usually hears. A guest that another one excludes
  /// is not started.
  func startGuest(of domain: LibvirtDomain) async throws {
    try await requireAlone(domain)
    for _ in 0..<4 {
      do {
        return try await domain.start()
      } catch let error as LibvirtError {
        if Phrase.monitorRefused.occurs(in: error.message) { continue }
        guard await chosePort(of: domain, error) else { throw error }
      }
    }
    try await domain.start()
  }

  /// Whether a guest did not start for want of a port that libvirt itself may have chosen.
  private func chosePort(of domain: LibvirtDomain, _ error: LibvirtError) async -> Bool {
    guard FailureCause(startMessage(error).text) == .portTaken,
      let definition = try? await storedDefinition(of: domain)
    else { return false }
    return definition.devices(Vocabulary.graphics).contains { $0[attribute: "autoport"] == "yes" }
  }
}
