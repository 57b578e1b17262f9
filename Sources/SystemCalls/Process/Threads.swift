// POSIX threads, and the monitor by which they wait for each other.

internal import Glibc
internal import Synchronization
package import SystemPackage

/// Threads of the system's own.
package enum Threads {
  /// Runs `body` once on a new thread.
  ///
  /// Signals stay with the threads that the program had before: all but those of faults and profilers are blocked in this
  /// one, so that a signal never cuts a C library's system call short there, and a broken socket gives `EPIPE`.
  ///
  /// - Throws: `resourceTemporarilyUnavailable` when the process or the system is at its limit of threads.
  @discardableResult
  package static func start(_ body: @escaping @Sendable () -> Void) throws(Errno) -> StartedThread {
    let argument = Unmanaged.passRetained(Body(run: body))
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
      throw Errno(rawValue: code)
    }
    return StartedThread(thread)
  }

  /// Names the calling thread for `ps -L` and debuggers, cut to the 15 bytes that Linux keeps. By proc(5): Swift's Glibc
  /// module has no pthread_setname_np. A name is a help, never a need.
  package static func nameCurrent(_ name: String) {
    guard let file = try? OpenFile("/proc/thread-self/comm", .writeOnly) else { return }
    try? file.descriptor.writeAll(Array(name.utf8.prefix(15)))
  }

  fileprivate final class Body: Sendable {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
  }
}

/// A thread that was started. Without ``join()`` nobody waits for its end.
package final class StartedThread: Sendable {
  private let thread: pthread_t
  private let isJoined = Atomic(false)

  fileprivate init(_ thread: pthread_t) { self.thread = thread }

  deinit { if !isJoined.load(ordering: .relaxed) { pthread_detach(thread) } }

  /// Waits until the thread has ended.
  package func join() {
    guard !isJoined.exchange(true, ordering: .relaxed) else { return }
    pthread_join(thread, nil)
  }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  Unmanaged<Threads.Body>.fromOpaque(argument).takeRetainedValue().run()
  return nil
}

/// What one thread at a time has: data that several threads use.
package final class Monitor: @unchecked Sendable {
  fileprivate let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  /// A monitor that nobody has.
  package init() { pthread_mutex_init(mutex, nil) }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Runs `body` while no other thread has the monitor.
  package func locked<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }
}

/// Something that threads wait for, about what a monitor guards.
package final class Condition: @unchecked Sendable {
  private let monitor: Monitor
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// A condition that nobody waits for.
  package init(of monitor: Monitor) {
    self.monitor = monitor
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Waits until another thread signals, and lets others have the monitor meanwhile. Only while this thread has it; look at
  /// what was waited for again afterwards.
  package func wait() { pthread_cond_wait(condition, monitor.mutex) }

  /// Wakes one thread that waits.
  package func signal() { pthread_cond_signal(condition) }

  /// Wakes all threads that wait.
  package func signalAll() { pthread_cond_broadcast(condition) }
}
