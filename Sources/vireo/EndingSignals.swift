// The signals that end the program, and what it does first where libvirt's driver runs in the program itself: that may have
// just started a QEMU to ask it what it can do, which nobody would end.

import Glibc
import Libvirt

/// SIGINT, SIGTERM and SIGHUP.
enum EndingSignals {
  /// Those that are heard. A program that was started with nohup does not hear that its terminal is gone.
  static var heard: [Int32] { isIgnored(SIGHUP) ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP] }

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
