// The threads of a conversion: each takes a chunk, prepares it, waits for its turn to give it a place in the file, and writes it.

internal import Glibc

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
  private let walking = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var walk: ChunkWalk
  private var taken = 0

  // Guarded by `mutex`.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let turnChanged = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let progressMade = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
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
    pthread_mutex_init(walking, nil)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(turnChanged, nil)
    pthread_cond_init(progressMade, nil)
  }

  deinit {
    pthread_mutex_destroy(walking)
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(turnChanged)
    pthread_cond_destroy(progressMade)
    walking.deallocate()
    mutex.deallocate()
    turnChanged.deallocate()
    progressMade.deallocate()
  }

  /// Does all the work and returns when every thread has ended.
  ///
  /// - Parameter progress: told on the calling thread how many bytes of the disk are done; throws to stop.
  /// - Throws: the first error of a worker or of `progress`.
  func run(progress: (UInt64) throws(ImageError) -> Void) throws(ImageError) {
    let threads = startThreads()
    lock()
    if threads.isEmpty { failure = .io(operation: "start a thread to make", path: path, errno: EAGAIN) }
    while true {
      while running > 0, done - told < Self.progressStep, failure == nil { pthread_cond_wait(progressMade, mutex) }
      guard running > 0, failure == nil else { break }
      told = done
      unlock()
      do throws(ImageError) { try progress(told) } catch { fail(error) }
      lock()
    }
    unlock()
    for thread in threads { pthread_join(thread, nil) }
    if let failure { throw failure }
  }

  private func lock() { pthread_mutex_lock(mutex) }
  private func unlock() { pthread_mutex_unlock(mutex) }

  /// What a new thread is handed.
  private final class Member {
    let crew: ConversionCrew
    let worker: any ChunkWorker

    init(_ crew: ConversionCrew, _ worker: any ChunkWorker) {
      self.crew = crew
      self.worker = worker
    }
  }

  /// Fewer threads than workers do the work too, when the system gives no more.
  private func startThreads() -> [pthread_t] {
    // Signals are for the threads that the program had before, but for those of faults and profilers.
    var blocked = sigset_t()
    var before = sigset_t()
    sigfillset(&blocked)
    for fault in [SIGPROF, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS] { sigdelset(&blocked, fault) }
    pthread_sigmask(SIG_SETMASK, &blocked, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var threads: [pthread_t] = []
    running = workers.count
    for worker in workers {
      let argument = Unmanaged.passRetained(Member(self, worker))
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { argument in
          if let argument {
            let member = Unmanaged<Member>.fromOpaque(argument).takeRetainedValue()
            member.crew.work(member.worker)
          }
          return nil
        }, argument.toOpaque())
      if code == 0 {
        threads.append(thread)
      } else {
        argument.release()
        lock()
        running -= 1
        unlock()
      }
    }
    return threads
  }

  private func fail(_ error: ImageError) {
    lock()
    if failure == nil { failure = error }
    pthread_cond_broadcast(turnChanged)
    pthread_cond_signal(progressMade)
    unlock()
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
    lock()
    running -= 1
    pthread_cond_signal(progressMade)
    unlock()
  }

  private func takeChunk() throws(ImageError) -> (ticket: Int, chunk: Range<UInt64>)? {
    pthread_mutex_lock(walking)
    defer { pthread_mutex_unlock(walking) }
    lock()
    let stopped = failure != nil
    unlock()
    guard !stopped, let chunk = try walk.next() else { return nil }
    taken += 1
    return (taken - 1, chunk)
  }

  /// - Returns: false when the work has failed and no turn will come.
  private func waitForTurn(_ ticket: Int) -> Bool {
    lock()
    defer { unlock() }
    while turn != ticket, failure == nil { pthread_cond_wait(turnChanged, mutex) }
    return failure == nil
  }

  private func endTurn(_ ticket: Int, _ chunk: Range<UInt64>) {
    lock()
    turn = ticket + 1
    done = chunk.upperBound
    pthread_cond_broadcast(turnChanged)
    if done - told >= Self.progressStep { pthread_cond_signal(progressMade) }
    unlock()
  }
}
