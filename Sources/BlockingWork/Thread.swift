// POSIX threads for blocking work. Swift's cooperative threads must never block, so whatever may block gets a thread from here.

import Glibc

/// A thread could not be started; `code` is the errno value of pthread_create(3).
public struct ThreadStartError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The errno value, `EAGAIN` when the process or the system is at its limit of threads.
  public let code: Int32

  /// What failed, with the system's reason, and what to do.
  public var description: String {
    "cannot start a thread: \(String(cString: strerror(code))); raise the limit of processes (ulimit -u, TasksMax)"
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

  let argument = Unmanaged.passRetained(work)
  var blocked = sigset_t()
  var before = sigset_t()
  sigfillset(&blocked)
  // SIGPROF too: profilers and Swift's own backtraces stop threads with it.
  for fault in [SIGPROF, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS] { sigdelset(&blocked, fault) }
  pthread_sigmask(SIG_SETMASK, &blocked, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

  var thread = pthread_t()
  let code = pthread_create(&thread, nil, runThread, argument.toOpaque())
  guard code == 0 else {
    argument.release()
    throw ThreadStartError(code: code)
  }
  pthread_detach(thread)
}

private final class ThreadWork: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }

  func run() {
    nameCurrentThread(name)
    body()
  }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  Unmanaged<ThreadWork>.fromOpaque(argument).takeRetainedValue().run()
  // Nothing of the finished work is held while waiting.
  while true { SpareThreads.shared.next().run() }
}

/// Threads whose work is done, waiting for more. They never end: a thread's end runs the destructors that C libraries
/// keep for their thread-local data, and those race with the same libraries' exit handlers when the process ends
/// (seen with OpenSSL 3.0: heap corruption between `OPENSSL_cleanup` and a thread's end).
private final class SpareThreads: @unchecked Sendable {
  static let shared = SpareThreads()

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  // Guarded by `mutex`.
  private var idle = 0
  private var waiting: [ThreadWork] = []

  private init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(arrival, nil)
  }

  /// Gives `work` to a spare thread, if there is one.
  func take(_ work: ThreadWork) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard idle > waiting.count else { return false }
    waiting.append(work)
    pthread_cond_signal(arrival)
    return true
  }

  /// Makes the calling thread a spare one until there is work for it.
  func next() -> ThreadWork {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    idle += 1
    while waiting.isEmpty { pthread_cond_wait(arrival, mutex) }
    idle -= 1
    return waiting.removeFirst()
  }
}

/// Names the thread through proc(5): Swift's Glibc module has no pthread_setname_np. A name is a help, never a need.
private func nameCurrentThread(_ name: String) {
  let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
  guard file >= 0 else { return }
  let bytes = Array(name.utf8.prefix(15))
  _ = write(file, bytes, bytes.count)
  close(file)
}
