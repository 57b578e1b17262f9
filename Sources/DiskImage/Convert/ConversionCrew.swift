// The threads of a conversion: each takes a chunk, prepares it, waits for its turn to give it a place in the file, and writes it.

internal import SystemCalls
internal import SystemPackage

/// What one thread does with a chunk, with buffers of its own that it uses again for each.
protocol ChunkWorker: AnyObject {
  /// Reads the chunk and makes of it what will be written. Several workers do this at once.
  func prepare(_ chunk: Range<UInt64>) throws(ImageError)
  /// Gives the prepared chunk its places in the file. Called in the order of chunks, for one at a time.
  func place(_ chunk: Range<UInt64>) throws(ImageError)
  /// Writes the prepared chunk to its places. Several workers do this at once.
  func write(_ chunk: Range<UInt64>) throws(ImageError)
}

/// Runs workers over all chunks of a disk. Memory is what the workers hold: nothing is queued.
///
/// Places are given in order, so the file's layout does not depend on which thread was faster.
final class ConversionCrew: @unchecked Sendable {
  private let workers: [any ChunkWorker]
  private let path: String

  // Guarded by `walking`.
  private let walking = Monitor()
  private var walk: ChunkWalk
  private var taken = 0

  // Guarded by `monitor`.
  private let monitor = Monitor()
  private let turnChanged: Condition
  private let progressMade: Condition
  private var turn = 0
  private var done: UInt64 = 0
  private var told: UInt64 = 0
  private var running = 0
  private var failure: ImageError?

  /// Bytes between two calls of the progress closure.
  private static let progressStep: UInt64 = 8 << 20

  /// - Parameters:
  ///   - workers: one a thread.
  ///   - path: the file being made, for messages.
  init(_ workers: [any ChunkWorker], over walk: ChunkWalk, path: String) {
    self.workers = workers
    self.walk = walk
    self.path = path
    turnChanged = Condition(of: monitor)
    progressMade = Condition(of: monitor)
  }

  /// Does all the work and returns when every thread has ended.
  ///
  /// - Parameter progress: told on the calling thread how many bytes of the disk are done; throws to stop.
  /// - Throws: the first error of a worker or of `progress`.
  func run(progress: (UInt64) throws(ImageError) -> Void) throws(ImageError) {
    let threads = startThreads()
    if threads.isEmpty {
      fail(.io(operation: "start a thread to make", path: path, errno: .resourceTemporarilyUnavailable))
    }
    while let done = waitForProgress() {
      do throws(ImageError) { try progress(done) } catch { fail(error) }
    }
    for thread in threads { thread.join() }
    if let failure = monitor.locked({ failure }) { throw failure }
  }

  /// - Returns: how many bytes of the disk are done, when these are some more; nil when the work has ended.
  private func waitForProgress() -> UInt64? {
    monitor.locked {
      while running > 0, done - told < Self.progressStep, failure == nil { progressMade.wait() }
      guard running > 0, failure == nil else { return nil }
      told = done
      return done
    }
  }

  /// A worker for its thread alone.
  private struct Member: @unchecked Sendable {
    let worker: any ChunkWorker
  }

  /// Fewer threads than workers do the work too, when the system gives no more.
  private func startThreads() -> [StartedThread] {
    monitor.locked { running = workers.count }
    return workers.map(Member.init).compactMap { member in
      do throws(Errno) {
        return try Threads.start { self.work(member.worker) }
      } catch {
        monitor.locked { running -= 1 }
        return nil
      }
    }
  }

  private func fail(_ error: ImageError) {
    monitor.locked {
      if failure == nil { failure = error }
      turnChanged.signalAll()
      progressMade.signal()
    }
  }

  private func work(_ worker: any ChunkWorker) {
    do throws(ImageError) {
      while let (ticket, chunk) = try takeChunk() {
        try worker.prepare(chunk)
        guard waitForTurn(ticket) else { break }
        try worker.place(chunk)
        endTurn(ticket, chunk)
        try worker.write(chunk)
      }
    } catch {
      fail(error)
    }
    monitor.locked {
      running -= 1
      progressMade.signal()
    }
  }

  private func takeChunk() throws(ImageError) -> (ticket: Int, chunk: Range<UInt64>)? {
    try walking.locked { () throws(ImageError) in
      guard monitor.locked({ failure == nil }), let chunk = try walk.next() else { return nil }
      taken += 1
      return (taken - 1, chunk)
    }
  }

  /// - Returns: false when the work has failed and no turn will come.
  private func waitForTurn(_ ticket: Int) -> Bool {
    monitor.locked {
      while turn != ticket, failure == nil { turnChanged.wait() }
      return failure == nil
    }
  }

  private func endTurn(_ ticket: Int, _ chunk: Range<UInt64>) {
    monitor.locked {
      turn = ticket + 1
      done = chunk.upperBound
      turnChanged.signalAll()
      if done - told >= Self.progressStep { progressMade.signal() }
    }
  }
}
