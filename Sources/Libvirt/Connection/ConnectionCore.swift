// The one owner of a virConnectPtr. Everything that talks to libvirt goes through `perform`, on the connection's threads.

import BlockingWork
import CLibvirt
import Synchronization

/// A pointer to one of libvirt's objects: reference-counted and safe to use from any thread
/// (https://libvirt.org/api.html, "Object reference counting"; since 0.6.0 calls may be made from several threads).
struct SharedPointer<Object>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Object>
}

typealias ConnectionPointer = UnsafeMutablePointer<virConnect>

final class ConnectionCore: Sendable {
  let pool: BlockingPool
  let calls: CallWatch
  let watch: ConnectionWatch
  let events = DomainEventHub()
  private let state: Mutex<State>
  private let embeddedRoot: String?

  private enum State {
    case open(SharedPointer<virConnect>)
    case closed
    /// The daemon answers nothing. Calls on threads of their own wait for it for ever, so nothing is freed.
    case abandoned
  }

  /// Takes over the caller's reference to `connection`.
  ///
  /// - Parameter embeddedRoot: the folder of a driver that runs in this process, so that there is no daemon to watch.
  init(owning connection: ConnectionPointer, pool: BlockingPool, calls: CallWatch, embeddedRoot: String?) {
    self.pool = pool
    self.calls = calls
    self.embeddedRoot = embeddedRoot
    state = Mutex(.open(SharedPointer(pointer: connection)))
    watch = ConnectionWatch()
    guard embeddedRoot == nil else { return }
    watch.start(on: connection)
    calls.watchDaemon { [weak self] in
      self?.daemonAnswers() ?? false
    } giveUp: { [weak self] in
      self?.abandon()
    }
  }

  deinit {
    // Closing talks to the daemon, so it is not done on whichever thread drops the last reference.
    guard case .open(let connection) = state.withLock({ $0 }) else { return }
    let (watch, events) = (watch, events)
    pool.submit { ConnectionCore.release(connection.pointer, watch: watch, events: events) }
  }

  var isClosed: Bool {
    if case .closed = state.withLock({ $0 }) { true } else { false }
  }

  /// Whether nothing that belongs to the connection may be freed.
  var isAbandoned: Bool {
    if case .abandoned = state.withLock({ $0 }) { true } else { false }
  }

  /// Asks the daemon for the cheapest thing that it does not know by heart on this side.
  private func daemonAnswers() -> Bool {
    guard let connection = try? borrow() else { return false }
    defer { virConnectClose(connection.pointer) }
    var version: UInt = 0
    return virConnectGetLibVersion(connection.pointer, &version) == 0
  }

  private func abandon() {
    state.withLock { $0 = .abandoned }
    watch.close(because: LibvirtConnection.EndReason.keepalive.rawValue)
    events.finish()
  }

  /// Closes at once for all further calls. Calls that run hold a reference of their own and finish.
  func close() async {
    let taken: SharedPointer<virConnect>? = state.withLock { state in
      guard case .open(let connection) = state else { return nil }
      state = .closed
      return connection
    }
    guard let taken else { return }
    events.finish()
    let (watch, events) = (watch, events)
    // Not `run`: a cancelled task closes too.
    await withCheckedContinuation { continuation in
      pool.submit {
        ConnectionCore.release(taken.pointer, watch: watch, events: events)
        continuation.resume()
      }
    }
  }

  /// Runs `body` with the connection on one of its threads.
  func perform<R: Sendable>(
    _ operation: @autoclosure @escaping @Sendable () -> String, _ kind: CallLimits.Kind = .answer,
    _ body: @escaping @Sendable (ConnectionPointer) throws(LibvirtError) -> R
  ) async throws -> R {
    try await pool.run { work in
      try self.calls.during(work, kind, operation()) { try self.withConnection(operation(), body) }
    }
  }

  /// Makes something of each item with calls on the connection's threads.
  func map<T: Sendable, R: Sendable>(
    _ items: [T], _ operation: @autoclosure @escaping @Sendable () -> String,
    _ body: @escaping @Sendable (T) throws -> R
  ) async -> [Result<R, any Error>] {
    await pool.map(items) { item, work in
      try self.calls.during(work, .answer, operation()) { try body(item) }
    }
  }

  /// Runs `body` with the connection on this thread, which must be one of the connection's.
  func withConnection<R>(
    _ operation: @autoclosure () -> String, _ body: (ConnectionPointer) throws(LibvirtError) -> R
  ) throws(LibvirtError) -> R {
    let connection: SharedPointer<virConnect>
    do {
      connection = try borrow()
    } catch {
      throw error == .abandoned ? .silent(doing: operation()) : .closed(doing: operation())
    }
    defer { virConnectClose(connection.pointer) }
    do {
      return try body(connection.pointer)
    } catch {
      var error = error
      error.embeddedRoot = embeddedRoot
      // Codes do not tell: a daemon that cannot reach a daemon of its own reports the same ones.
      if virConnectIsAlive(connection.pointer) == 0 { error.isConnectionLost = true }
      throw error
    }
  }

  private enum Unusable: Error { case closed, abandoned }

  private func borrow() throws(Unusable) -> SharedPointer<virConnect> {
    try state.withLock { state throws(Unusable) in
      switch state {
      case .abandoned: throw .abandoned
      case .open(let connection) where virConnectRef(connection.pointer) == 0: return connection
      case .open, .closed: throw .closed
      }
    }
  }

  private static func release(_ connection: ConnectionPointer, watch: ConnectionWatch, events: DomainEventHub) {
    // Callbacks hold references to the connection, so they go first.
    events.stop(on: connection)
    watch.stop(on: connection)
    virConnectClose(connection)
  }
}
