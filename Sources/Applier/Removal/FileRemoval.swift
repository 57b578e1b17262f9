// How files leave the host: all of Vireo's removals come through here, and each is proved right before it happens.

import BlockingWork
public import DiskImage
import Inventory
import Libvirt
import SystemCalls

/// Removes files that nothing needs.
///
/// Under the lock of their folders, which everybody takes who makes files or refers to them, what could reach the files is
/// read again: every definition, snapshot, checkpoint and saved state of the host, and what the files of the folders stand on.
/// What has become reachable stays.
struct FileRemoval: Sendable {
  let connection: LibvirtConnection
  var patience = LockPatience.ofFolders
  /// Threads of its own: those of a run may all wait for the lock that is held here.
  private let files = BlockingPool(name: "vireo-removal", threads: 1)

  init(_ connection: LibvirtConnection, patience: LockPatience = .ofFolders) {
    self.connection = connection
    self.patience = patience
  }

  /// What became of each file: nil for one that is gone.
  typealias Outcome = [String: ActionFailure?]

  /// Removes files in the order given. A file that does not go keeps what it stands on.
  ///
  /// - Parameters:
  ///   - request: what to look at; the folders of the files are added.
  ///   - obstacles: why files must stay, by path: from what is on the host at this moment.
  /// - Throws: whatever keeps all of them.
  func remove(
    _ deletions: [FileDeletion], _ request: CensusRequest = CensusRequest(),
    obstacles: @Sendable (FileCensus) async throws -> [String: ActionFailure]
  ) async throws -> Outcome {
    let folders = Set(deletions.map { folder(of: $0.path) })
    let patience = patience
    let lock = try await files.run { try FolderLock.taking(folders, .exclusive, patience) }
    defer { withExtendedLifetime(lock) {} }
    var request = request
    request.folders.formUnion(folders)
    request.files.formUnion(deletions.map(\.path))
    let census = try await FileCensus.take(request, from: connection)
    let obstacles = try await obstacles(census)
    var outcome = Outcome()
    var stays: Set<String> = []
    for deletion in deletions {
      let name = census.names[deletion.path] ?? deletion.path
      do {
        if let obstacle = obstacles[deletion.path] { throw obstacle }
        if stays.contains(name) { throw ActionFailure("it is the backing file of a file that could not be deleted") }
        var deletion = deletion
        // What was proved to be needed by nobody is what goes.
        deletion.identity = deletion.identity ?? census.files[name]?.identity
        let proved = deletion
        _ = try await files.run { try proved.delete() }
        outcome.updateValue(nil, forKey: deletion.path)
      } catch {
        outcome.updateValue(ActionFailure(error), forKey: deletion.path)
        stays.formUnion(census.everything(below: name))
      }
    }
    for folder in folders.sorted() where FileNames.exists(folder) {
      try await files.run { try flushFolder(folder) }
    }
    return outcome
  }

  /// Why a file that belongs to a domain that is being removed has to stay: something else leads to it.
  static func needs(_ deletions: [FileDeletion], _ census: FileCensus) throws -> [String: ActionFailure] {
    // A domain that cannot be read could need anything; one that is gone needs nothing.
    if let failure = census.failures.first(where: {
      $0.subject.hasPrefix("domain ") && $0.message != FileCensus.removedMeanwhile
    }) {
      throw ActionFailure(
        "\(failure.subject) cannot be read and could need the files that would be deleted: \(failure.message)",
        remedy: "nothing was deleted; \(planAgain)")
    }
    let going = Set(deletions.map { census.names[$0.path] ?? $0.path })
    var users: [String: String] = [:]
    for root in census.roots {
      for path in root.files.flatMap({ [$0] + census.everything(below: $0) }) where going.contains(path) {
        users[path] = users[path] ?? root.subject
      }
    }
    for path in census.links.keys.sorted() where !going.contains(path) {
      for below in census.everything(below: path) where going.contains(below) { users[below] = users[below] ?? path }
    }
    return deletions.reduce(into: [:]) { result, deletion in
      guard let user = users[census.names[deletion.path] ?? deletion.path] else { return }
      result[deletion.path] = ActionFailure(
        "\(deletion.path) stays: \(user) needs it", remedy: "\(planAgain), or remove what needs it first")
    }
  }
}

extension FileCensus {
  /// All that a file stands on, near and far.
  func everything(below path: String) -> Set<String> {
    var (found, waiting) = (Set<String>(), [path])
    while let next = waiting.popLast() {
      for below in links[next]?.files ?? [] where found.insert(below).inserted { waiting.append(below) }
    }
    return found
  }
}

extension FolderLock {
  /// Locks folders; who has one of them is named.
  public static func taking(
    _ folders: some Sequence<String>, _ kind: Kind, _ patience: LockPatience = .ofFolders
  ) throws(ActionFailure) -> FolderLock {
    do throws(ImageError) {
      return try FolderLock(folders, kind, patience: patience)
    } catch {
      guard case .locked(let folder, let holders) = error else { throw ActionFailure(error) }
      let names = holders.map { "\($0.program) (process \($0.pid))" }.joined(separator: ", ")
      throw ActionFailure(
        "the folder \(folder) is locked by \(names.isEmpty ? "another process" : names)",
        remedy: "wait until it ends, then try again; `--lock-timeout` sets how long Vireo waits")
    }
  }
}
