// Many items through the queue: a thread takes a run of items at a time, so that an item costs no continuation of its own.

import Synchronization

final class MapWork<T: Sendable, R: Sendable>: Sendable {
  typealias Results = [Result<R, any Error>]

  private struct Progress {
    var nextRun = 0
    var unfinished: Int
    var results: [Results]
    var continuation: CheckedContinuation<Results, Never>?
  }

  private let items: [T]
  private let body: @Sendable (T, AwaitedWork) throws -> R
  private let runLength: Int
  private let runs: Int
  private let threads: Int
  private let isCancelled = Atomic(false)
  private let progress: Mutex<Progress>

  init(items: [T], threads: Int, body: @escaping @Sendable (T, AwaitedWork) throws -> R) {
    self.items = items
    self.body = body
    self.threads = threads
    // Many short runs, so that the threads end at about the same time and other work gets through in between.
    runLength = max(1, min(8, items.count / (threads * 16)))
    runs = (items.count + runLength - 1) / runLength
    progress = Mutex(Progress(unfinished: runs, results: Array(repeating: [], count: runs)))
  }

  func start(on queue: WorkQueue, resuming continuation: CheckedContinuation<Results, Never>) {
    progress.withLock { $0.continuation = continuation }
    for index in 0..<min(threads, runs) {
      do {
        try queue.add { self.work(on: queue) }
      } catch {
        // The threads that took an earlier share finish the rest; without any, every item fails.
        if index == 0 { continuation.resume(returning: items.map { _ in .failure(error) }) }
        return
      }
    }
  }

  func cancel() {
    isCancelled.store(true, ordering: .relaxed)
  }

  /// Does one run and goes back to the end of the queue for the next.
  private func work(on queue: WorkQueue) {
    let claimed: Int? = progress.withLock { progress in
      guard progress.nextRun < runs else { return nil }
      defer { progress.nextRun += 1 }
      return progress.nextRun
    }
    guard let run = claimed else { return }

    let range = run * runLength..<min((run + 1) * runLength, items.count)
    let done = Mutex(Results())
    let work = AwaitedWork { error in
      // What the thread had done of the run counts.
      let results = done.withLock { $0 } + Array(repeating: .failure(error), count: range.count)
      guard self.end(run, with: Array(results.prefix(range.count))) else { return }
      queue.threadIsStuck()
      try? queue.add { self.work(on: queue) }
    }
    for item in items[range] {
      let result =
        isCancelled.load(ordering: .relaxed) ? .failure(CancellationError()) : Result { try body(item, work) }
      done.withLock { $0.append(result) }
    }
    guard end(run, with: done.withLock { $0 }) else { return queue.threadIsBack() }
    // Cannot fail: this very thread takes work from the queue.
    try? queue.add { self.work(on: queue) }
  }

  /// Stores a run's results, and with the last run's ends the wait; false if the run has its results already.
  private func end(_ run: Int, with results: Results) -> Bool {
    let (isFirst, finished): (Bool, (CheckedContinuation<Results, Never>, [Results])?) = progress.withLock { progress in
      guard progress.results[run].isEmpty else { return (false, nil) }
      progress.results[run] = results
      progress.unfinished -= 1
      guard progress.unfinished == 0, let continuation = progress.continuation else { return (true, nil) }
      progress.continuation = nil
      return (true, (continuation, progress.results))
    }
    if let (continuation, results) = finished { continuation.resume(returning: Array(results.joined())) }
    return isFirst
  }
}
