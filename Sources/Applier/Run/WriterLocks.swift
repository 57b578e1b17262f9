// Which folders a step locks: all where it makes or changes files, or makes a definition refer to them.

import BlockingWork
import DiskImage
import Libvirt
import Planner
import Vocabulary
import XMLTree

/// The locks that steps take beside other writers.
struct WriterLocks: Sendable {
  let context: ApplyContext

  /// Locks the folders of a step together with other writers; nobody removes files from them meanwhile. Nil for a step that
  /// has to do with no file, or with files of another host.
  ///
  /// A base image on its way into a pool is left out: it refers to nothing, and nothing refers to it yet.
  func take(for operation: Operation) async throws -> FolderLock? {
    let folders: Set<String>
    switch operation {
    case .createImage(let path, let creation, _):
      folders = [folder(of: path), creation.backing.map { folder(of: $0.path ?? $0.name) } ?? folder(of: path)]
    case .growImage(let path, _, _, _, _, _), .takeImageSnapshot(let path, _, _): folders = [folder(of: path)]
    case .resizeBlockDevice(_, _, let path, _, _): folders = [folder(of: path)]
    case .defineDomain(let definition): folders = definition.xml.diskFolders
    case .attachDevice(let domain, _, _): folders = try await diskFolders(of: domain)
    default: return nil
    }
    guard !folders.isEmpty, !context.connection.isRemote else { return nil }
    return try await context.files.run { try FolderLock.taking(folders, .shared, context.patience) }
  }

  private func diskFolders(of identity: DomainIdentity) async throws -> Set<String> {
    let connection = context.connection
    guard let domain = try await connection.domainIfAny(named: identity.name) else { return [] }
    return try await connection.storedDefinition(of: domain).diskFolders
  }
}

extension XMLElement {
  /// The folders of a domain's disks and UEFI variables that are files.
  var diskFolders: Set<String> {
    let disks = devices(Vocabulary.disk).filter { ($0[attribute: "type"] ?? "file") == "file" }
    return Set(
      (disks.compactMap(DiskSource.path) + [value(at: .nvramPath)].compactMap(\.self)).filter { $0.hasPrefix("/") }
        .map { folder(of: $0) })
  }
}

extension LibvirtConnection {
  /// Locks the folders of a domain's disks; nil where they are on another host.
  func lockFolders(
    of definition: XMLElement, _ kind: FolderLock.Kind, _ patience: LockPatience
  ) async throws -> FolderLock? {
    guard !isRemote else { return nil }
    let folders = definition.diskFolders
    return try await BlockingPool(name: "locks", threads: 1).run { try FolderLock.taking(folders, kind, patience) }
  }

  /// Whether the files of the host are out of reach from here.
  var isRemote: Bool {
    guard let start = uri.firstRange(of: "://") else { return false }
    return uri[start.upperBound...].first.map { $0 != "/" } ?? false
  }
}
