// Signals: what happens when one comes, and ending by one.

internal import Glibc

/// Signals by their numbers (signal(7)).
package enum Signals {
  /// The terminal is gone (SIGHUP).
  package static let hangUp = SIGHUP
  /// Ctrl-C (SIGINT).
  package static let interrupt = SIGINT
  /// A polite request to end (SIGTERM).
  package static let terminate = SIGTERM
  /// The end, which nobody hears (SIGKILL).
  package static let kill = SIGKILL
  /// Nobody reads what is written (SIGPIPE).
  package static let brokenPipe = SIGPIPE

  /// What a signal does, kept to be restored.
  package struct Handling: @unchecked Sendable {
    fileprivate let number: Int32
    fileprivate let action: sigaction

    /// Makes the signal do this again.
    package func restore() {
      var action = action
      sigaction(number, &action, nil)
    }
  }

  /// Has `handler` called when a signal comes; calls that it interrupts are taken up again.
  ///
  /// - Parameter handler: may interrupt any code, so there may be only numbers and system calls in it.
  /// - Returns: what the signal did before.
  @discardableResult
  package static func handle(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) -> Handling {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = handler
    action.sa_flags = SA_RESTART
    var before = sigaction()
    sigaction(number, &action, &before)
    return Handling(number: number, action: before)
  }

  /// Whether a signal is not heard, for example because the program was started with nohup.
  package static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0, let handler = action.__sigaction_handler.sa_handler else {
      return false
    }
    // SIG_IGN, which is a macro with a cast.
    return unsafeBitCast(handler, to: Int.self) == 1
  }

  /// Does not hear a signal from now on.
  package static func ignore(_ number: Int32) { signal(number, SIG_IGN) }

  /// Sends a signal to this process.
  package static func sendToSelf(_ number: Int32) { Glibc.kill(getpid(), number) }

  /// Ends the process as a signal ends one that does not hear it.
  package static func end(by number: Int32) -> Never {
    var all = sigset_t()
    sigfillset(&all)
    signal(number, SIG_DFL)
    sigprocmask(SIG_UNBLOCK, &all, nil)
    raise(number)
    exit(128 + number)
  }

  /// Writes a text to a descriptor, as far as one call takes it. A signal's handler may do that.
  package static func write(_ text: StaticString, to number: Int32) {
    _ = Glibc.write(number, text.utf8Start, text.utf8CodeUnitCount)
  }

  /// Writes one byte to a descriptor. A signal's handler may do that.
  package static func writeByte(to number: Int32) {
    var byte: UInt8 = 1
    _ = Glibc.write(number, &byte, 1)
  }
}
