// The folders of the pools during an apply: each is the one that the plan has seen, and below it no link is followed.

import DiskImage
import Synchronization
import SystemCalls

/// Finds files in the folders that a plan is about.
///
/// The path of a pool may contain symbolic links: somebody has stated it. Which folder it leads to is settled when it is
/// looked at, and stays so for the whole apply. Below a pool's folder nothing is reached by a link.
final class PoolFolders: Sendable {
  private let known: Mutex<[String: FileIdentity]>
  /// The pools' paths, the shortest first.
  private let pools: [String]

  /// - Parameter folders: the paths of the pools, with the folders that were there when the plan was made.
  init(_ folders: [String: FileIdentity?]) {
    known = Mutex(folders.compactMapValues(\.self))
    pools = folders.keys.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
  }

  /// The place of a file that Vireo has named itself.
  ///
  /// - Throws: ``ImageError/refused(path:reason:)`` for a folder that is another one now, or reached by a link.
  func place(of path: String) throws(ImageError) -> FilePlace {
    let parent = DiskImage.folder(of: path)
    let name = String(path.dropFirst(parent == "/" ? 1 : parent.utf8.count + 1))
    let pool = pools.first { parent == $0 || parent.hasPrefix($0 == "/" ? "/" : $0 + "/") } ?? parent
    let folder = try open(pool)
    let rest = parent.dropFirst(pool.count).drop { $0 == "/" }
    return FilePlace(in: rest.isEmpty ? folder : try folder.folder(String(rest)), name)
  }

  /// The folder of a pool, or another one that files of the run are in.
  private func open(_ path: String) throws(ImageError) -> OpenFolder {
    let folder = try OpenFolder(path, links: .own)
    let first = known.withLock { known in
      let first = known[path] ?? folder.identity
      known[path] = first
      return first
    }
    guard first == folder.identity else {
      throw .refused(
        path: path, reason: "it is not the folder that the plan has seen; find out who replaced it, then plan again")
    }
    return folder
  }
}
