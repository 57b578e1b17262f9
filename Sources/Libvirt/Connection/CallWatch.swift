// Calls that do not end: each has a deadline, and a daemon that answers nothing at all is given up.
//
// libvirt's own keepalive is not used: it closes the connection under the calls that run, and its client of 9.0 crashes
// where there are several (the thread that takes over reading from the socket finds none). So the wait is given up here,
// and the connection is left as it is: never used again, never closed.

import BlockingWork
import Synchronization

/// How long what may be waited for.
struct CallLimits: Sendable {
  /// A call, while the daemon answers others. Waiting in libvirt's queue for a guest's lock counts.
  enum Kind {
    /// Reads, and changes of what libvirt itself keeps.
    case answer
    /// What moves a guest's memory or the data of disks, or waits for a guest to start or to end.
    case work
    /// Opening a connection to a daemon.
    case connecting
    /// Opening an embedded driver, which asks each QEMU of the host what it can do.
    case starting
  }

  var answer = Duration.seconds(600)
  var work = Duration.seconds(24 * 3600)
  var connecting = Duration.seconds(60)
  var starting = Duration.seconds(1800)
  /// How long a daemon may say nothing while it owes an answer.
  var silence = Duration.seconds(30)
  /// When it is asked for a sign of life.
  var silenceBeforeProbe = Duration.seconds(5)
  /// The watch counts in steps, so that neither a suspended host nor a stopped process counts as a silent daemon.
  var step = Duration.seconds(1)

  func duration(of kind: Kind) -> Duration {
    switch kind {
    case .answer: answer
    case .work: work
    case .connecting: connecting
    case .starting: starting
    }
  }
}

final class CallWatch: Sendable {
  private struct Call {
    var operation: @Sendable () -> String
    var kind: CallLimits.Kind
    var age = Duration.zero
    var work: AwaitedWork
  }

  private struct State {
    var calls: [Int: Call] = [:]
    var lastNumber = 0
    var silence = Duration.zero
    var isProbing = false
    var isWatching = false
    var daemon: Daemon?
  }

  /// What a watch over a daemon needs beside the calls.
  private struct Daemon {
    /// Asks for a sign of life on the calling thread: whether one came.
    var probe: @Sendable () -> Bool
    /// Says that there is no use in further calls.
    var giveUp: @Sendable () -> Void
  }

  let limits: CallLimits
  private let state = Mutex(State())

  init(limits: CallLimits) { self.limits = limits }

  /// Watches over the daemon from now on. Without this, as for a driver in this process, only single calls are given up.
  func watchDaemon(probe: @escaping @Sendable () -> Bool, giveUp: @escaping @Sendable () -> Void) {
    state.withLock { $0.daemon = Daemon(probe: probe, giveUp: giveUp) }
  }

  /// Runs `body`, which is a call on a thread of the connection.
  func during<R>(
    _ work: AwaitedWork, _ kind: CallLimits.Kind, _ operation: @autoclosure @escaping @Sendable () -> String,
    _ body: () throws -> R
  ) rethrows -> R {
    let number = begin(Call(operation: operation, kind: kind, work: work))
    defer { end(number) }
    return try body()
  }

  private func begin(_ call: Call) -> Int {
    let (number, startsWatching) = state.withLock { state in
      state.lastNumber += 1
      state.calls[state.lastNumber] = call
      defer { state.isWatching = true }
      return (state.lastNumber, !state.isWatching)
    }
    if startsWatching { Task.detached { await self.watch() } }
    return number
  }

  private func end(_ number: Int) {
    state.withLock { state in
      state.calls[number] = nil
      state.silence = .zero
    }
  }

  /// Looks at the calls once a step, until there are none.
  private func watch() async {
    var idleSteps = 0
    while idleSteps < 3 || isNeeded() {
      try? await Task.sleep(for: limits.step)
      idleSteps = tick() ? 0 : idleSteps + 1
    }
  }

  /// Whether a call began since the last step; if not, the next one begins another watch.
  private func isNeeded() -> Bool {
    state.withLock { state in
      state.isWatching = !state.calls.isEmpty
      return state.isWatching
    }
  }

  /// How many calls there are.
  var count: Int { state.withLock(\.calls.count) }

  /// Whether the daemon is being asked for a sign of life.
  var isProbing: Bool { state.withLock(\.isProbing) }

  /// One step: whether there are calls.
  @discardableResult
  func tick() -> Bool {
    enum Finding {
      case nothing
      case late([Call])
      case silent([Call], Daemon)
      case quiet(Daemon)
    }
    let (isBusy, finding): (Bool, Finding) = state.withLock { state in
      guard !state.calls.isEmpty else {
        state.silence = .zero
        return (false, .nothing)
      }
      state.silence += limits.step
      for number in state.calls.keys { state.calls[number]?.age += limits.step }
      if let daemon = state.daemon, state.silence >= limits.silence {
        defer { state.calls = [:] }
        return (true, .silent(Array(state.calls.values), daemon))
      }
      let late = state.calls.filter { $0.value.age >= limits.duration(of: $0.value.kind) }
      if !late.isEmpty {
        for number in late.keys { state.calls[number] = nil }
        return (true, .late(Array(late.values)))
      }
      if let daemon = state.daemon, state.silence >= limits.silenceBeforeProbe, !state.isProbing {
        state.isProbing = true
        return (true, .quiet(daemon))
      }
      return (true, .nothing)
    }
    switch finding {
    case .nothing: break
    case .late(let calls):
      for call in calls {
        call.work.giveUp(LibvirtError.late(doing: call.operation(), after: limits.duration(of: call.kind)))
      }
    case .silent(let calls, let daemon):
      daemon.giveUp()
      for call in calls { call.work.giveUp(LibvirtError.silent(doing: call.operation())) }
    case .quiet(let daemon): ask(daemon)
    }
    return isBusy
  }

  private func ask(_ daemon: Daemon) {
    let asked: Void? = try? startThread(name: "libvirt-probe") {
      let isAlive = daemon.probe()
      self.state.withLock { state in
        state.isProbing = false
        if isAlive { state.silence = .zero }
      }
    }
    if asked == nil { state.withLock { $0.isProbing = false } }
  }
}

extension LibvirtError {
  fileprivate static func late(doing operation: String, after time: Duration) -> LibvirtError {
    let seconds = time.components.seconds
    return LibvirtError(
      operation: operation, code: .operationTimeout,
      message: "no answer within \(seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds) s")")
  }

  /// A call on, or of, a connection whose daemon was given up.
  static func silent(doing operation: String) -> LibvirtError {
    LibvirtError(
      operation: operation, code: .operationTimeout,
      message: "libvirt's daemon does not answer any more",
      isConnectionLost: true)
  }
}
