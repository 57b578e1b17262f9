// How long a process waits for a lock.

internal import SystemCalls

/// How long to wait for a lock that another process holds.
public struct LockPatience: Sendable, Hashable {
  /// The longest wait in seconds; 0 fails at once.
  public var seconds: Double

  /// Waits for at most so many seconds.
  public init(seconds: Double) {
    self.seconds = seconds
  }

  /// Fails at once.
  public static let none = LockPatience(seconds: 0)
  /// What a removal of files may take: every lock of a folder is held for a few steps only.
  public static let ofFolders = LockPatience(seconds: 60)

  /// Calls `attempt` until it is true or the time is over.
  ///
  /// - Returns: whether it was true once.
  public func wait<E>(for attempt: () throws(E) -> Bool) throws(E) -> Bool {
    var pause: UInt32 = 2_000
    let deadline = SystemClock.monotonic &+ UInt64(min(max(seconds, 0), 1e9) * 1e9)
    while true {
      if try attempt() { return true }
      guard SystemClock.monotonic < deadline else { return false }
      SystemClock.sleep(microseconds: pause)
      pause = min(pause * 2, 50_000)
    }
  }
}
