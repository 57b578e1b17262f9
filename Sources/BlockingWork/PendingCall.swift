// A single call on its way through the queue, which its task may cancel until it begins.

import Synchronization

final class PendingCall<R: Sendable>: Sendable {
  private enum State {
    case new
    case queued(CheckedContinuation<R, any Error>)
    case taken
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

  func perform(_ body: () throws -> R) {
    guard let continuation = take(leaving: .taken) else { return }
    continuation.resume(with: Result { try body() })
  }

  func fail(_ error: any Error) {
    take(leaving: .taken)?.resume(throwing: error)
  }

  func cancel() {
    take(leaving: .cancelled)?.resume(throwing: CancellationError())
  }

  private func take(leaving next: State) -> CheckedContinuation<R, any Error>? {
    state.withLock { state in
      switch state {
      case .new:
        state = next
        return nil
      case .queued(let continuation):
        state = next
        return continuation
      case .taken, .cancelled:
        return nil
      }
    }
  }
}
