// A single call on its way through the queue: its task may cancel it until it begins, and a watcher may abandon it afterwards.

import Synchronization

final class PendingCall<R: Sendable>: Sendable {
  private enum State {
    case new
    case queued(CheckedContinuation<R, any Error>)
    case running(CheckedContinuation<R, any Error>)
    case ended
    case cancelled
  }

  private let state = Mutex(State.new)

  /// Takes the continuation in charge; false, and resumed, if the call was cancelled first.
  func begin(_ continuation: CheckedContinuation<R, any Error>) -> Bool {
    let accepted = state.withLock { state in
      guard case .new = state else { return false }
      state = .queued(continuation)
      return true
    }
    if !accepted { continuation.resume(throwing: CancellationError()) }
    return accepted
  }

  /// - Returns: false if the call was given up while it ran.
  func perform(_ body: () throws -> R) -> Bool {
    let isWanted = state.withLock { state in
      guard case .queued(let continuation) = state else { return false }
      state = .running(continuation)
      return true
    }
    guard isWanted else { return true }
    let result = Result { try body() }
    guard let continuation = takeRunning() else { return false }
    continuation.resume(with: result)
    return true
  }

  /// Ends the wait for a call that runs; false if it has ended.
  func giveUp(_ error: any Error) -> Bool {
    guard let continuation = takeRunning() else { return false }
    continuation.resume(throwing: error)
    return true
  }

  /// Ends a call that no thread will begin.
  func fail(_ error: any Error) {
    takeQueued(leaving: .ended)?.resume(throwing: error)
  }

  func cancel() {
    takeQueued(leaving: .cancelled)?.resume(throwing: CancellationError())
  }

  private func takeQueued(leaving next: State) -> CheckedContinuation<R, any Error>? {
    state.withLock { state in
      switch state {
      case .new:
        state = next
        return nil
      case .queued(let continuation):
        state = next
        return continuation
      case .running, .ended, .cancelled:
        return nil
      }
    }
  }

  private func takeRunning() -> CheckedContinuation<R, any Error>? {
    state.withLock { state in
      guard case .running(let continuation) = state else { return nil }
      state = .ended
      return continuation
    }
  }
}
