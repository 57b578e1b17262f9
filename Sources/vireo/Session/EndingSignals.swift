// The signals that end the program, and what it does first where libvirt's driver runs in the program itself: that may have
// just started a QEMU to ask it what it can do, which nobody would end.

import Libvirt
import Synchronization
import SystemCalls

/// SIGINT, SIGTERM and SIGHUP.
enum EndingSignals {
  /// Those that are heard. A program that was started with nohup does not hear that its terminal is gone.
  static var heard: [Int32] {
    let always = [Signals.interrupt, Signals.terminate]
    return Signals.isIgnored(Signals.hangUp) ? always : always + [Signals.hangUp]
  }

  /// The last signal that was counted: milliseconds of a clock that never goes back, times 256, and its number.
  private static let last = Atomic<UInt64>(0)

  /// How long after a signal another one of its kind is the same one, in milliseconds.
  private static let window: UInt64 = 100

  /// Whether a signal is one of its own. `timeout 30 vireo …` sends SIGTERM to its child and to the whole group, and what is
  /// started by a wrapper that passes Ctrl-C on hears it twice, too: that is one wish. Only numbers and system calls, for a
  /// signal's handler.
  static func counts(_ number: Int32) -> Bool {
    let now = SystemClock.monotonic / 1_000_000
    var known = last.load(ordering: .sequentiallyConsistent)
    while true {
      if known % 256 == UInt64(number), now < known / 256 + window { return false }
      let (isStored, found) = last.compareExchange(
        expected: known, desired: now * 256 + UInt64(number), ordering: .sequentiallyConsistent)
      if isStored { return true }
      known = found
    }
  }
}

/// Ends what libvirt has started in an embedded root and nobody else knows of, when a signal ends the program.
///
/// libvirt's threads would start the next one at once. So the program becomes another one (exec), which ends them all in
/// one stroke, clears away, and then ends by the same signal.
enum EmbeddedCleaning {
  /// The program's name for itself then.
  private static let name = "vireo-cleaning"
  /// Made beforehand: a signal's handler may not ask for memory.
  nonisolated(unsafe) private static var replacement: Replacement?

  /// Clears away from now on when a signal ends the program.
  static func watch(_ root: String) {
    guard replacement == nil else { return }
    replacement = Replacement(arguments: [name, root])
    for signal in EndingSignals.heard {
      Signals.handle(signal) { number in
        EmbeddedCleaning.replacement?.start(number)
        ThisProcess.endAtOnce(128 + number)
      }
    }
  }

  /// What the program does under its other name. Returns at once under its own.
  static func runIfAsked() {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, arguments[0] == name, let number = Int32(arguments[2]) else { return }
    // What libvirt has forked is still a child of this process, until it has become what it was to be.
    ThisProcess.waitForChildren(milliseconds: 2000)
    EmbeddedLeftovers(root: arguments[1]).clear()
    Signals.end(by: number)
  }
}
