// Taking things away: only what the plan has shown, and nothing that moved since.

import DiskImage
import Glibc
import Libvirt
import Planner
import XMLTree

extension ApplyRun {
  /// Undefines a stopped domain that is still what the plan saw. One that is gone counts as done.
  func undefineDomain(_ identity: DomainIdentity, _ undefinition: Undefinition) async throws {
    guard let domain = try await domainIfAny(named: identity.name), domain.uuid == identity.uuid else { return }
    guard try await !domain.isActive() else {
      throw ActionFailure("domain \(domain.name) runs, and it was planned to be stopped", remedy: planAgain)
    }
    try await requireUnmoved(domain, undefinition.seen)
    var options: DomainUndefineOptions = undefinition.keepsNVRAM ? .keepNVRAM : .nvram
    if undefinition.hasTPM { options.insert(undefinition.keepsNVRAM ? .keepTPM : .tpm) }
    if undefinition.discardsSavedState { options.insert(.managedSave) }
    if undefinition.forgetsSnapshots { options.insert(.snapshotsMetadata) }
    do {
      try await domain.undefine(options)
    } catch let error as LibvirtError where error.code == .operationInvalid {
      throw ActionFailure(
        "domain \(domain.name) has something by now that the plan did not show: \(plainMessage(error))",
        remedy: planAgain)
    }
  }

  func undefineNetwork(_ name: String) async throws {
    guard let network = try await networkIfAny(named: name) else { return }
    try await network.undefine()
  }

  /// Deletes an image that nobody uses. One that is gone counts as done.
  func deleteFile(_ path: String) async throws {
    try await files.run {
      guard access(path, F_OK) == 0 else { return }
      // A process that has it open, and of which libvirt knows nothing, holds its locks.
      let lock = try ImageLock(path: path, for: .write)
      defer { withExtendedLifetime(lock) {} }
      guard unlink(path) == 0 || errno == ENOENT else {
        throw ActionFailure("cannot delete \(path): \(String(cString: strerror(errno)))")
      }
    }
  }
}
