// Flushes of folders, shared: while one is under way, all who come wait for the next one together.

import BlockingWork
import DiskImage

/// Makes new names in folders durable, as few flushes as possible for many names.
actor FolderFlush {
  private enum Turn {
    /// The folder was flushed after the caller's name was made.
    case flushed(Result<Void, any Error>)
    /// The one before is done: flush now, for these others as well.
    case lead([Waiter])
  }

  private typealias Waiter = CheckedContinuation<Turn, Never>

  private let files: BlockingPool
  /// Those who wait for the next flush, by folder; a folder is here while a flush of it is under way.
  private var waiting: [String: [Waiter]] = [:]

  init(files: BlockingPool) {
    self.files = files
  }

  /// Returns when every name that was in `folder` at the time of the call is durable.
  func flush(_ folder: String) async throws {
    guard waiting[folder] != nil else {
      waiting[folder] = []
      return try await lead(folder, for: []).get()
    }
    let turn = await withCheckedContinuation { waiting[folder, default: []].append($0) }
    switch turn {
    case .flushed(let result): try result.get()
    case .lead(let others): try await lead(folder, for: others).get()
    }
  }

  private func lead(_ folder: String, for others: [Waiter]) async -> Result<Void, any Error> {
    let result: Result<Void, any Error>
    do {
      try await files.run { try flushFolder(folder) }
      result = .success(())
    } catch {
      result = .failure(error)
    }
    for other in others { other.resume(returning: .flushed(result)) }
    let next = waiting[folder] ?? []
    if let first = next.first {
      waiting[folder] = []
      first.resume(returning: .lead(Array(next.dropFirst())))
    } else {
      waiting[folder] = nil
    }
    return result
  }
}
