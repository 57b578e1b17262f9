// A domain: what identifies it, its XML and its state. Changes are in the files named LibvirtDomain+….

import CLibvirt

typealias DomainPointer = UnsafeMutablePointer<virDomain>

/// A domain of a connection.
///
/// The handle may outlive the domain itself: calls then fail with ``LibvirtError/isNotFound``. May be used from any task.
public final class LibvirtDomain: Sendable {
  let handle: Handle<virDomain>
  /// The name at the time the handle was made; a rename does not show here.
  public let name: String
  /// In libvirt's notation, lower case with hyphens.
  public let uuid: String

  /// Takes over the caller's reference to `pointer`.
  init(owning pointer: DomainPointer, of core: ConnectionCore) {
    handle = Handle(owning: pointer, of: core)
    // Both are kept in the handle and cost no call.
    name = virDomainGetName(pointer).map { String(cString: $0) } ?? ""
    uuid = uuidText(pointer, virDomainGetUUIDString)
  }

  /// The domain's XML as libvirt writes it.
  public func xml(_ options: DomainXMLOptions = []) async throws -> String {
    try await call("read the XML of") { domain, operation throws(LibvirtError) in
      try takeString(virDomainGetXMLDesc(domain, options.rawValue), operation())
    }
  }

  /// What the domain is doing now. Fails with ``LibvirtError/isNotFound`` when it no longer exists.
  public func state() async throws -> DomainState {
    try await call("read the state of") { domain, operation throws(LibvirtError) in
      var state: Int32 = 0
      try check(virDomainGetState(domain, &state, nil, 0), operation())
      return DomainState(state)
    }
  }

  /// Whether there is a guest: running, paused, or kept after a crash.
  public func isActive() async throws -> Bool {
    try await call("read the state of") { domain, operation throws(LibvirtError) in
      try check(virDomainIsActive(domain), operation()) == 1
    }
  }

  /// Whether the definition is stored, and stays when the guest ends.
  public func isPersistent() async throws -> Bool {
    try await call("read the state of") { domain, operation throws(LibvirtError) in
      try check(virDomainIsPersistent(domain), operation()) == 1
    }
  }

  /// Whether the domain starts with the host. Not part of its XML.
  public func autostart() async throws -> Bool {
    try await call("read the autostart setting of") { domain, operation throws(LibvirtError) in
      var autostart: Int32 = 0
      try check(virDomainGetAutostart(domain, &autostart), operation())
      return autostart != 0
    }
  }

  /// Whether a saved memory image waits, which the next start would resume, with the definition of the time of saving.
  public func hasManagedSave() async throws -> Bool {
    try await call("look for a managed save image of") { domain, operation throws(LibvirtError) in
      try check(virDomainHasManagedSaveImage(domain, 0), operation()) == 1
    }
  }

  /// The size of a disk of the domain.
  ///
  /// - Parameter target: the disk's target (`vda`) or source path.
  public func blockInfo(_ target: String) async throws -> DomainBlockInfo {
    try await call("read the size of disk \(target) of") { domain, operation throws(LibvirtError) in
      var info = virDomainBlockInfo()
      try check(virDomainGetBlockInfo(domain, target, &info, 0), operation())
      return DomainBlockInfo(capacity: info.capacity, allocation: info.allocation, physical: info.physical)
    }
  }

  /// A piece of the domain's metadata; `nil` if there is none.
  ///
  /// The prefix of an element's namespace is not part of what libvirt gives back.
  public func metadata(_ kind: DomainMetadataKind, scope: DomainChangeScope = []) async throws -> String? {
    do {
      return try await call("read the metadata of") { domain, operation throws(LibvirtError) in
        let (type, namespace) = kind.parameters
        return try takeString(virDomainGetMetadata(domain, type, namespace, scope.rawValue), operation())
      }
    } catch let error as LibvirtError where error.code == .noMetadata {
      return nil
    }
  }

  /// Runs `body` on one of the connection's threads. `verb` and the domain's name make the text of an error.
  func call<R: Sendable>(
    _ verb: @autoclosure @escaping @Sendable () -> String, _ kind: CallLimits.Kind = .answer,
    _ body: @escaping @Sendable (DomainPointer, () -> String) throws(LibvirtError) -> R
  ) async throws -> R {
    let name = name
    let operation: @Sendable () -> String = { "\(verb()) domain \(name)" }
    return try await handle.perform(operation(), kind) { pointer throws(LibvirtError) in
      try body(pointer, operation)
    }
  }
}

/// The sizes of a disk in bytes (virDomainBlockInfo).
public struct DomainBlockInfo: Hashable, Sendable {
  /// What the guest sees.
  public let capacity: UInt64
  /// What the image takes up on its storage.
  public let allocation: UInt64
  /// Where the image file ends.
  public let physical: UInt64
}

extension DomainMetadataKind {
  var parameters: (type: Int32, namespace: String?) {
    switch self {
    case .description: (Int32(VIR_DOMAIN_METADATA_DESCRIPTION.rawValue), nil)
    case .title: (Int32(VIR_DOMAIN_METADATA_TITLE.rawValue), nil)
    case .element(let namespace): (Int32(VIR_DOMAIN_METADATA_ELEMENT.rawValue), namespace)
    }
  }
}
