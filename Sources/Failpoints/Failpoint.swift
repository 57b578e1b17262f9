// Points that a process passes between the steps by which it changes a host, so that a test can kill it at each of them.
// Debug builds only: in a release build nothing of this is left.

import SystemCalls
internal import Synchronization

/// A place where a test can end the process, as SIGKILL or a power cut would.
///
/// Points are numbered from 1 in the order in which the process passes them. The environment says what happens:
///
/// - `VIREO_FAILPOINT=7`: the process is killed at its 7th point. `7+2500` kills it 2500 microseconds later, in the middle
///   of what comes next. `7:15` and `7+2500:15` send it SIGTERM instead, or what else has the number.
/// - `VIREO_FAILPOINT_EXCHANGE=7:A:B`: at the 7th point, what is at the paths A and B changes places, as another user may
///   have it who may write to their folder.
/// - `VIREO_FAILPOINT_LOG=FILE`: each point is appended to the file as a line: microseconds of a clock that never goes back, a
///   space, and the point's name.
package enum Failpoint {
  /// Passes a point.
  ///
  /// - Parameter name: what comes next, or what has just been done. Only evaluated where a test asks.
  @inline(__always)
  package static func pass(_ name: @autoclosure () -> String) {
    #if DEBUG
      if isWatched { reach(name()) }
    #endif
  }

  /// Does something that changes the host, with a point before it and one behind it.
  @inline(__always)
  @discardableResult
  package static func around<Result, Failure: Error>(
    _ name: @autoclosure () -> String, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pass("before: \(name())")
    defer { pass("after: \(name())") }
    return try body()
  }

  /// As ``around(_:_:)``, of something that is waited for.
  @inline(__always)
  @discardableResult
  package static func around<Result>(
    isolation: isolated (any Actor)? = #isolation, _ name: @autoclosure () -> String, _ body: () async throws -> Result
  ) async throws -> Result {
    pass("before: \(name())")
    defer { pass("after: \(name())") }
    return try await body()
  }

  #if DEBUG
    private static let order = ThisProcess.environment("VIREO_FAILPOINT")
    private static let log = ThisProcess.environment("VIREO_FAILPOINT_LOG")
      .flatMap { try? OpenFile($0, .writeOnly, [.create, .append], mode: 0o600) }
    private static let isWatched = order != nil || log.descriptor != nil || exchange != nil
    private static let count = Atomic(0)
    /// The number of the point to end at, how much later, in microseconds, and by which signal.
    private static let end: (point: Int, delay: UInt32, signal: Int32)? = order.flatMap { text in
      let halves = text.split(separator: ":", maxSplits: 1)
      let parts = (halves.first ?? "").split(separator: "+", maxSplits: 1)
      let signal = halves.count > 1 ? Int32(halves[1]) ?? Signals.kill : Signals.kill
      return parts.first.flatMap { Int($0) }.map { ($0, parts.count > 1 ? UInt32(parts[1]) ?? 0 : 0, signal) }
    }

    /// The number of the point to exchange two files or folders at.
    private static let exchange: (point: Int, one: String, other: String)? = ThisProcess.environment(
      "VIREO_FAILPOINT_EXCHANGE"
    )
    .flatMap { text in
      let parts = text.split(separator: ":", maxSplits: 2).map(String.init)
      return parts.count == 3 ? Int(parts[0]).map { ($0, parts[1], parts[2]) } : nil
    }

    private static func reach(_ name: String) {
      let number = count.add(1, ordering: .sequentiallyConsistent).newValue
      if let log = log.descriptor { try? log.writeAll(Array("\(SystemClock.monotonic / 1000) \(name)\n".utf8)) }
      if let exchange, number == exchange.point { try? FileNames.exchange(exchange.one, exchange.other) }
      guard let end, number == end.point else { return }
      guard end.delay > 0 else {
        Signals.sendToSelf(end.signal)
        return
      }
      _ = try? Threads.start {
        SystemClock.sleep(microseconds: end.delay)
        Signals.sendToSelf(end.signal)
      }
    }
  #endif
}
