// The one owner of a virConnectPtr. Everything that talks to libvirt goes through `perform`, on the connection's threads.

import BlockingWork
import CLibvirt
import Synchronization

/// A pointer to one of libvirt's objects: reference-counted and safe to use from any thread
/// (https://libvirt.org/api.html, "Object reference counting"; since 0.6.0 calls may be made from several threads).
struct ObjectPointer: @unchecked Sendable {
  let pointer: OpaquePointer
}

final class ConnectionCore: Sendable {
  let pool: BlockingPool
  let watch: ConnectionWatch
  let events = DomainEventHub()
  private let connection: Mutex<ObjectPointer?>
  private let embeddedRoot: String?

  /// Takes over the caller's reference to `connection`.
  ///
  /// - Parameter embeddedRoot: the folder of a driver that runs in this process, so that there is no daemon to watch.
  init(owning connection: OpaquePointer, pool: BlockingPool, embeddedRoot: String?) {
    self.pool = pool
    self.embeddedRoot = embeddedRoot
    self.connection = Mutex(ObjectPointer(pointer: connection))
    watch = ConnectionWatch()
    if embeddedRoot == nil { watch.start(on: connection) }
  }

  deinit {
    // Closing talks to the daemon, so it is not done on whichever thread drops the last reference.
    guard let connection = connection.withLock({ $0 }) else { return }
    let (watch, events) = (watch, events)
    pool.submit { ConnectionCore.release(connection.pointer, watch: watch, events: events) }
  }

  var isClosed: Bool { connection.withLock { $0 == nil } }

  /// Closes at once for all further calls. Calls that run hold a reference of their own and finish.
  func close() async {
    let taken = connection.withLock { connection in
      defer { connection = nil }
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
    _ operation: @autoclosure @escaping @Sendable () -> String,
    _ body: @escaping @Sendable (OpaquePointer) throws(LibvirtError) -> R
  ) async throws -> R {
    try await pool.run { try self.withConnection(operation(), body) }
  }

  /// Runs `body` with the connection on this thread, which must be one of the connection's.
  func withConnection<R>(
    _ operation: @autoclosure () -> String, _ body: (OpaquePointer) throws(LibvirtError) -> R
  ) throws(LibvirtError) -> R {
    guard let connection = borrow() else { throw .closed(doing: operation()) }
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

  private func borrow() -> ObjectPointer? {
    connection.withLock { connection in
      guard let connection, virConnectRef(connection.pointer) == 0 else { return nil }
      return connection
    }
  }

  private static func release(_ connection: OpaquePointer, watch: ConnectionWatch, events: DomainEventHub) {
    // Callbacks hold references to the connection, so they go first.
    events.stop(on: connection)
    watch.stop(on: connection)
    virConnectClose(connection)
  }
}
