// The one owner of a reference to one of libvirt's objects.

import CLibvirt

/// A kind of libvirt's objects that are counted by references.
public protocol CountedObject: SendableMetatype {
  /// Gives up a reference.
  static func release(_ object: UnsafeMutablePointer<Self>)
}

extension virDomain: CountedObject {
  /// virDomainFree. The domain itself stays as it is.
  static func release(_ object: UnsafeMutablePointer<virDomain>) { virDomainFree(object) }
}

/// Frees its reference exactly once. The connection stays at least as long as its objects.
final class Handle<Object: CountedObject>: Sendable {
  let core: ConnectionCore
  private let object: SharedPointer<Object>

  /// Takes over the caller's reference to `object`.
  init(owning object: UnsafeMutablePointer<Object>, of core: ConnectionCore) {
    self.object = SharedPointer(pointer: object)
    self.core = core
  }

  deinit {
    if core.isAbandoned { return }
    if core.isClosed {
      // The last reference to a closed connection may hang on this one, and closing talks to the daemon.
      let object = object
      core.pool.submit { Object.release(object.pointer) }
    } else {
      Object.release(object.pointer)
    }
  }

  /// Runs `body` with the object on one of the connection's threads.
  func perform<R: Sendable>(
    _ operation: @autoclosure @escaping @Sendable () -> String, _ kind: CallLimits.Kind = .answer,
    _ body: @escaping @Sendable (UnsafeMutablePointer<Object>) throws(LibvirtError) -> R
  ) async throws -> R {
    let object = object
    return try await core.perform(operation(), kind) { (_: ConnectionPointer) throws(LibvirtError) in
      try body(object.pointer)
    }
  }

  /// Runs `body` with the object on this thread, which must be one of the connection's.
  func withObject<R>(
    _ operation: @autoclosure () -> String, _ body: (UnsafeMutablePointer<Object>) throws(LibvirtError) -> R
  ) throws(LibvirtError) -> R {
    try core.withConnection(operation()) { (_: ConnectionPointer) throws(LibvirtError) in try body(object.pointer) }
  }
}
