// The queue behind a pool: closures in, a fixed number of threads that take them out in order.

import SystemCalls

/// First in, first out. Threads start when work arrives and none is idle, up to `limit`, and leave when the queue is closed
/// and empty. The threads keep the queue alive, not the pool.
final class WorkQueue: @unchecked Sendable {
  typealias Job = @Sendable () -> Void

  let limit: Int
  private let name: String
  private let monitor = Monitor()
  private let arrival: Condition
  // Guarded by `monitor`: everything below.
  /// Taken ones are nil: what a job holds may add to the queue as it goes, so no job may end under the lock.
  private var waiting: [Job?] = []
  private var head = 0
  private var threads = 0
  /// Threads whose work nobody waits for any more. Each may have one in its place.
  private var stuck = 0
  private var idle = 0
  private var isClosed = false

  init(name: String, limit: Int) {
    self.name = name
    self.limit = max(1, limit)
    arrival = Condition(of: monitor)
  }

  /// Puts `job` at the end of the queue. Fails only if there is no thread that could ever run it.
  func add(_ job: @escaping Job) throws(ThreadStartError) {
    try monitor.locked { () throws(ThreadStartError) in
      if waiting.count - head >= idle && threads - stuck < limit {
        do throws(ThreadStartError) {
          try startThread(name: name) { self.work() }
          threads += 1
        } catch  where threads > stuck {
          // Fewer threads than wished for still do the work.
        }
      }
      waiting.append(job)
      arrival.signal()
    }
  }

  /// A thread does what nobody waits for any more, and may never come back: another one takes its place.
  func threadIsStuck() {
    monitor.locked {
      stuck += 1
      guard waiting.count - head > idle, (try? startThread(name: name) { self.work() }) != nil else { return }
      threads += 1
    }
  }

  /// A thread that was stuck takes work again.
  func threadIsBack() { monitor.locked { stuck -= 1 } }

  /// Lets the threads go once the queue is empty.
  func close() {
    monitor.locked {
      isClosed = true
      arrival.signalAll()
    }
  }

  private func work() {
    while let job = next() { job() }
  }

  private func next() -> Job? {
    monitor.locked {
      if threads - stuck > limit {
        // This one stood in for a thread that is back. It may have been woken for work that another has to do then.
        threads -= 1
        arrival.signal()
        return nil
      }
      while head == waiting.count {
        if isClosed {
          threads -= 1
          return nil
        }
        idle += 1
        arrival.wait()
        idle -= 1
      }
      let job = waiting[head].take()
      head += 1
      if head == waiting.count {
        waiting.removeAll(keepingCapacity: true)
        head = 0
      } else if head >= 1024 {
        waiting.removeFirst(head)
        head = 0
      }
      return job
    }
  }
}
