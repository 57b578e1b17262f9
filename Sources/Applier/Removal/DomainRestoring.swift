// Bringing back a domain that was undefined: its definition, its snapshots and checkpoints, whether it starts with the host.

import BlockingWork
public import DiskImage
import Inventory
public import Libvirt
import Planner
import SystemCalls
import SystemPackage
import Vocabulary
import XMLTree

/// Why a removed domain cannot be brought back.
public struct RestoreRefusal: Error, Sendable, Hashable {
  /// Everything that is in the way.
  public var reasons: [String]
  /// What to do about all of them, as an imperative.
  public var remedy: String
}

extension RemovedDomains {
  /// Defines a removed domain again, and forgets the removal once all of it was read back. It is not started.
  ///
  /// One that an earlier run has defined already, in the same form, is finished.
  ///
  /// - Returns: what is not as it was, though the domain can do without: for the reader.
  /// - Parameter patience: how long to wait for the folder of a disk that another process has locked.
  /// - Throws: ``RestoreRefusal`` before anything is done, ``ActionFailure``, `LibvirtError`.
  public func restore(
    _ entry: Entry, on connection: LibvirtConnection, patience: LockPatience = .ofFolders
  ) async throws -> [String] {
    let removal = entry.removal
    // The files that are looked for stay until the definition refers to them.
    let lock = try await connection.lockFolders(of: removal.definition, .shared, patience)
    defer { withExtendedLifetime(lock) {} }
    let present = try await presentDomain(removal, on: connection)
    let files = try Self.requireFiles(of: removal)
    let domain: LibvirtDomain
    if let present {
      domain = present
    } else {
      domain = try await define(removal, on: connection)
    }
    do {
      try await complete(domain, removal)
    } catch {
      guard present == nil else { throw error }
      throw await undo(domain, removal, because: ActionFailure(error))
    }
    try forget(entry)
    return files
  }

  /// The domain, where it is there just as it is to be. Any other of its name or UUID is in the way.
  private func presentDomain(
    _ removal: RemovedDomain, on connection: LibvirtConnection
  ) async throws -> LibvirtDomain? {
    let named = try await ifAny { try await connection.domain(named: removal.name) }
    let other = try await ifAny { try await connection.domain(uuid: removal.uuid) }
    guard let found = named ?? other else { return nil }
    if found.uuid == removal.uuid, found.name == removal.name, try await !found.isActive(),
      definitionDifference(removal.definition, try await connection.storedDefinition(of: found)).isEmpty
    {
      return found
    }
    throw RestoreRefusal(
      reasons: [
        found.name == removal.name
          ? "there is a domain \(found.name) already"
          : "the domain \(found.name) has the UUID \(removal.uuid)"
      ],
      remedy: "rename or remove the other domain first; if it is the same domain, applied again, there is nothing to do"
    )
  }

  private func ifAny(_ find: () async throws -> LibvirtDomain) async throws -> LibvirtDomain? {
    do {
      return try await find()
    } catch let error as LibvirtError where error.isNotFound {
      return nil
    }
  }

  // MARK: Files

  /// Throws unless every disk is there with all that it stands on.
  ///
  /// - Returns: what is missing and can be missing: media, and UEFI variables, which begin again.
  private static func requireFiles(of removal: RemovedDomain) throws(RestoreRefusal) -> [String] {
    var (reasons, notes) = ([String](), [String]())
    let deleted = Set(removal.files.filter(\.isDeleted).map(\.path))
    for disk in removal.definition.devices(Vocabulary.disk) {
      guard let path = DiskSource.path(of: disk) else { continue }
      let name = "disk \(disk.value(at: .diskTarget) ?? "?")"
      let isMedium = ["cdrom", "floppy"].contains(disk[attribute: "device"])
      var waiting = [FileReference(path, format: disk.value(at: .diskFormat) ?? "raw")]
      var seen: Set<String> = []
      while let next = waiting.popLast(), seen.insert(next.path).inserted {
        if isMissing(next.path) {
          let what = next.path == path ? "\(name): \(path)" : "\(name) stands on \(next.path), which"
          if isMedium {
            notes.append("the medium of \(what) does not exist")
          } else {
            reasons.append("\(what) \(deleted.contains(next.path) ? "was deleted with the domain" : "does not exist")")
          }
        } else if let below = try? next.references() {
          waiting += below
        }
      }
    }
    for file in removal.files where file.role == .nvram && !FileNames.exists(file.path) {
      notes.append("the UEFI variables \(file.path) are gone; the guest begins with new ones")
    }
    guard reasons.isEmpty else {
      throw RestoreRefusal(
        reasons: reasons,
        remedy: "nothing brings back a disk that was deleted; put a copy of it in its place if you have one")
    }
    return notes
  }

  // MARK: Defining

  private func define(_ removal: RemovedDomain, on connection: LibvirtConnection) async throws -> LibvirtDomain {
    var definition = DomainDefinition(
      identity: DomainIdentity(name: removal.name, uuid: removal.uuid), xml: removal.definition, replacing: nil,
      expectations: [])
    // libvirt held it, whatever its schema says.
    definition.isOfAnotherHost = true
    let (domain, stored): (LibvirtDomain, XMLElement)
    do {
      (domain, stored) = try await connection.store(definition)
    } catch let dropped as DroppedDefinition {
      throw definitionFailure(dropped.refusal)
    } catch let error as LibvirtError where !error.isConnectionLost {
      throw definitionFailure(error)
    }
    if let first = definitionDifference(removal.definition, stored).first {
      let failure = ActionFailure(
        "libvirt did not keep the definition as it was (\(first.path))",
        remedy: "define it by hand: it is kept in the archive")
      throw await undo(domain, removal, because: failure)
    }
    return domain
  }

  /// What is beside the definition: each is read back.
  private func complete(_ domain: LibvirtDomain, _ removal: RemovedDomain) async throws {
    let snapshots = Set(try await domain.snapshots().map(\.name))
    for document in removal.snapshots {
      guard let name = document.value(at: "name"), !snapshots.contains(name) else { continue }
      try await domain.takeSnapshot(
        document.serialised(), name == removal.currentSnapshot ? [.redefine, .current] : .redefine)
    }
    let checkpoints = Set(try await domain.checkpoints().map(\.name))
    for document in removal.checkpoints {
      guard let name = document.value(at: "name"), !checkpoints.contains(name) else { continue }
      try await domain.redefineCheckpoint(document.serialised())
    }
    if try await domain.autostart() != removal.autostart { try await domain.setAutostart(removal.autostart) }

    let kept = try await domain.snapshots()
    let lost = removal.snapshots.compactMap { $0.value(at: "name") }.filter { name in
      !kept.contains { $0.name == name }
    }
    guard lost.isEmpty else { throw ActionFailure("libvirt did not keep the snapshot \(lost.joined(separator: ", "))") }
    guard removal.currentSnapshot == nil || kept.contains(where: { $0.isCurrent && $0.name == removal.currentSnapshot })
    else { throw ActionFailure("libvirt did not take \(removal.currentSnapshot ?? "") for the current snapshot") }
    guard try await domain.autostart() == removal.autostart else {
      throw ActionFailure("libvirt did not keep whether the domain starts with the host")
    }
  }

  /// Undefines again what could not be made whole; the removal stays in the archive.
  private func undo(
    _ domain: LibvirtDomain, _ removal: RemovedDomain, because failure: ActionFailure
  ) async -> ActionFailure {
    if failure.isConnectionLost { return failure }
    var failure = failure
    var options: DomainUndefineOptions = [.keepNVRAM, .snapshotsMetadata, .checkpointsMetadata]
    if removal.definition.exists(at: "devices/tpm/backend") { options.insert(.keepTPM) }
    do {
      try await domain.undefine(options)
      failure.message += "; the domain was undefined again"
    } catch {
      failure.message += "; it could not be undefined again: \(ActionFailure(error).message)"
    }
    return failure
  }
}

/// Whether there is nothing of a name, for sure.
private func isMissing(_ path: String) -> Bool {
  do throws(Errno) {
    try FileNames.requireExisting(path)
    return false
  } catch {
    return error == .noSuchFileOrDirectory
  }
}
