// The signals that end the program, and what it does first where libvirt's driver runs in the program itself: that may have
// just started a QEMU to ask it what it can do, which nobody would end.

import Glibc
import Libvirt
import Synchronization

/// SIGINT, SIGTERM and SIGHUP.
enum EndingSignals {
  /// Those that are heard. A program that was started with nohup does not hear that its terminal is gone.
  static var heard: [Int32] { isIgnored(SIGHUP) ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP] }

  /// The last signal that was counted: milliseconds of a clock that never goes back, times 256, and its number.
  private static let last = Atomic<UInt64>(0)

  /// How long after a signal another one of its kind is the same one, in milliseconds.
  private static let window: UInt64 = 100

  /// Whether a signal is one of its own. `timeout 30 vireo …` sends SIGTERM to its child and to the whole group, and what is
  /// started by a wrapper that passes Ctrl-C on hears it twice, too: that is one wish. Only numbers and system calls, for a
  /// signal's handler.
  static func counts(_ number: Int32) -> Bool {
    var clock = timespec()
    clock_gettime(CLOCK_MONOTONIC, &clock)
    let now = UInt64(clock.tv_sec) * 1000 + UInt64(clock.tv_nsec) / 1_000_000
    var known = last.load(ordering: .sequentiallyConsistent)
    while true {
      if known % 256 == UInt64(number), now < known / 256 + window { return false }
      let (isStored, found) = last.compareExchange(
        expected: known, desired: now * 256 + UInt64(number), ordering: .sequentiallyConsistent)
      if isStored { return true }
      known = found
    }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0, let handler = action.__sigaction_handler.sa_handler else {
      return false
    }
    // SIG_IGN, which is a macro with a cast.
    return unsafeBitCast(handler, to: Int.self) == 1
  }
}

/// Ends what libvirt has started in an embedded root and nobody else knows of, when a signal ends the program.
///
/// libvirt's threads would start the next one at once. So the program becomes another one (exec), which ends them all in
/// one stroke, clears away, and then ends by the same signal.
enum EmbeddedCleaning {
  /// The program's name for itself then.
  private static let name = "vireo-cleaning"
  /// The arguments, made beforehand: a signal's handler may not ask for memory.
  nonisolated(unsafe) private static var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
  nonisolated(unsafe) private static let environment = environ

  /// Clears away from now on when a signal ends the program.
  static func watch(_ root: String) {
    guard arguments == nil else { return }
    let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: 4)
    list[0] = strdup(name)
    list[1] = strdup(root)
    list[2] = strdup("00")
    list[3] = nil
    arguments = list
    _ = environment
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      if let list = EmbeddedCleaning.arguments, let digits = list[2] {
        digits[0] = CChar(0x30 + number / 10)
        digits[1] = CChar(0x30 + number % 10)
        execve("/proc/self/exe", list, EmbeddedCleaning.environment)
      }
      _exit(128 + number)
    }
    action.sa_flags = SA_RESTART
    for signal in EndingSignals.heard { sigaction(signal, &action, nil) }
  }

  /// What the program does under its other name. Returns at once under its own.
  static func runIfAsked() {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, arguments[0] == name, let number = Int32(arguments[2]) else { return }
    // What libvirt has forked is still a child of this process, until it has become what it was to be.
    for _ in 0..<200 {
      let child = waitpid(-1, nil, WNOHANG)
      if child < 0 { break }
      if child == 0 { usleep(10_000) }
    }
    EmbeddedLeftovers(root: arguments[1]).clear()
    var all = sigset_t()
    sigfillset(&all)
    signal(number, SIG_DFL)
    sigprocmask(SIG_UNBLOCK, &all, nil)
    raise(number)
    exit(128 + number)
  }
}
