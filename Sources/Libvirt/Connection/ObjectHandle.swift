// The one owner of a virDomainPtr, virStoragePoolPtr or virNetworkPtr.

import CLibvirt

/// Frees its reference exactly once. The connection stays at least as long as its objects.
final class ObjectHandle: Sendable {
  typealias Free = @Sendable (OpaquePointer) -> Void

  let core: ConnectionCore
  private let object: ObjectPointer
  private let free: Free

  /// Takes over the caller's reference to `object`.
  init(owning object: OpaquePointer, of core: ConnectionCore, free: @escaping Free) {
    self.object = ObjectPointer(pointer: object)
    self.core = core
    self.free = free
  }

  deinit {
    if core.isAbandoned { return }
    if core.isClosed {
      // The last reference to a closed connection may hang on this one, and closing talks to the daemon.
      let (object, free) = (object, free)
      core.pool.submit { free(object.pointer) }
    } else {
      free(object.pointer)
    }
  }

  /// Runs `body` with the object on one of the connection's threads.
  func perform<R: Sendable>(
    _ operation: @autoclosure @escaping @Sendable () -> String, _ kind: CallLimits.Kind = .answer,
    _ body: @escaping @Sendable (OpaquePointer) throws(LibvirtError) -> R
  ) async throws -> R {
    let object = object
    return try await core.perform(operation(), kind) { (_: OpaquePointer) throws(LibvirtError) in
      try body(object.pointer)
    }
  }

  /// Runs `body` with the object on this thread, which must be one of the connection's.
  func withObject<R>(
    _ operation: @autoclosure () -> String, _ body: (OpaquePointer) throws(LibvirtError) -> R
  ) throws(LibvirtError) -> R {
    try core.withConnection(operation()) { (_: OpaquePointer) throws(LibvirtError) in try body(object.pointer) }
  }
}

extension ObjectHandle {
  static func domain(_ pointer: OpaquePointer, of core: ConnectionCore) -> ObjectHandle {
    ObjectHandle(owning: pointer, of: core) { virDomainFree($0) }
  }

  static func storagePool(_ pointer: OpaquePointer, of core: ConnectionCore) -> ObjectHandle {
    ObjectHandle(owning: pointer, of: core) { virStoragePoolFree($0) }
  }

  static func network(_ pointer: OpaquePointer, of core: ConnectionCore) -> ObjectHandle {
    ObjectHandle(owning: pointer, of: core) { virNetworkFree($0) }
  }
}
