// POSIX threads for blocking work. Swift's cooperative threads must never block, so whatever may block gets a thread from here.

import SystemCalls

/// A thread could not be started; `code` is the errno value of pthread_create(3).
public struct ThreadStartError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The errno value, `EAGAIN` when the process or the system is at its limit of threads.
  public let code: Int32

  /// What failed, with the system's reason, and what to do.
  public var description: String {
    "cannot start a thread: \(SystemReason.text(code)); raise the limit of processes (ulimit -u, TasksMax)"
  }
}

/// Runs `body` once on a thread of its own.
///
/// Signals stay with the threads that the program had before: all but those of faults and profilers are blocked in this
/// one, so that a signal never cuts a C library's system call short there, and a broken socket gives `EPIPE`.
///
/// - Parameter name: shown by `ps -L` and debuggers, cut to the 15 bytes that Linux keeps.
package func startThread(name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadStartError) {
  let work = ThreadWork(name: name, body: body)
  if SpareThreads.shared.take(work) { return }

  do {
    try Threads.start {
      work.run()
      // Nothing of the finished work is held while waiting.
      while true { SpareThreads.shared.next().run() }
    }
  } catch {
    throw ThreadStartError(code: error.rawValue)
  }
}

private final class ThreadWork: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }

  func run() {
    Threads.nameCurrent(name)
    body()
  }
}

/// Threads whose work is done, waiting for more. They never end: a thread's end runs the destructors that C libraries
/// keep for their thread-local data, and those race with the same libraries' exit handlers when the process ends
/// (seen with OpenSSL 3.0: heap corruption between `OPENSSL_cleanup` and a thread's end).
private final class SpareThreads: @unchecked Sendable {
  static let shared = SpareThreads()

  private let monitor = Monitor()
  private let arrival: Condition
  // Guarded by `monitor`.
  private var idle = 0
  private var waiting: [ThreadWork] = []

  private init() { arrival = Condition(of: monitor) }

  /// Gives `work` to a spare thread, if there is one.
  func take(_ work: ThreadWork) -> Bool {
    monitor.locked {
      guard idle > waiting.count else { return false }
      waiting.append(work)
      arrival.signal()
      return true
    }
  }

  /// Makes the calling thread a spare one until there is work for it.
  func next() -> ThreadWork {
    monitor.locked {
      idle += 1
      while waiting.isEmpty { arrival.wait() }
      idle -= 1
      return waiting.removeFirst()
    }
  }
}
