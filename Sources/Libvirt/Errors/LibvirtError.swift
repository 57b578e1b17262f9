// What libvirt says when a call fails, as a value. Codes and domains: libvirt/virterror.h.

import CLibvirt

/// A libvirt call that failed.
public struct LibvirtError: Error, Hashable, Sendable {
  /// What was being done, as a phrase that follows "cannot": "define domain web".
  public var operation: String
  /// What went wrong (virErrorNumber).
  public var code: Code
  /// The part of libvirt that reports it (virErrorDomain).
  public var domain: Domain
  /// How bad it is (virErrorLevel).
  public var level: Level
  /// libvirt's own sentence.
  public var message: String
  /// The connection is gone: the daemon ended or stopped answering, or ``LibvirtConnection/close()`` was called. No
  /// further call on this connection can succeed.
  public var isConnectionLost: Bool
  /// The folder of the embedded driver that failed; nil on every other connection.
  public var embeddedRoot: String?

  init(
    operation: String, code: Code, domain: Domain = .none, level: Level = .error, message: String,
    isConnectionLost: Bool = false
  ) {
    self.operation = operation
    self.code = code
    self.domain = domain
    self.level = level
    self.message = message
    self.isConnectionLost = isConnectionLost
  }

  /// virErrorLevel.
  public enum Level: Int32, Sendable {
    /// No error: the value of an error that was never set.
    case none = 0
    /// Something that libvirt reports although the call may have succeeded.
    case warning = 1
    /// The call failed.
    case error = 2
  }

  /// The driver (or a newer daemon's older sibling) has no such function: `VIR_ERR_NO_SUPPORT`.
  public var isUnsupported: Bool { code == .noSupport }

  /// The domain, network, pool, volume, secret, snapshot or metadata does not exist, or no longer does.
  public var isNotFound: Bool { Code.notFound.contains(code) }

  /// The daemon is there and answers nothing, while it is connected to or later: it hangs, or is stopped.
  public var isDaemonSilent: Bool { code == .operationTimeout && (isConnectionLost || domain == .none && isConnecting) }

  /// Whether a connection was to be opened.
  public var isConnecting: Bool { operation.hasPrefix("connect to ") }

  /// The root of `qemu:///embed` is open in another process.
  public var isEmbeddedRootInUse: Bool { code == .systemError && Phrase.embeddedRootInUse.occurs(in: message) }
}

extension LibvirtError: CustomStringConvertible {
  /// What was tried, libvirt's sentence and its number: `cannot start domain web: … (libvirt error 55)`.
  public var description: String { "cannot \(operation): \(message) (libvirt error \(code.rawValue))" }
}

extension LibvirtError {
  /// The calling thread's last libvirt error. To be called on the thread of the failed call, before any other call there.
  static func last(doing operation: String) -> LibvirtError {
    guard let last = virGetLastError() else {
      return LibvirtError(operation: operation, code: .internalError, message: "libvirt gave no reason")
    }
    return LibvirtError(
      operation: operation,
      code: Code(rawValue: last.pointee.code),
      domain: Domain(rawValue: last.pointee.domain),
      level: Level(rawValue: Int32(last.pointee.level.rawValue)) ?? .error,
      message: last.pointee.message.map { String(cString: $0) } ?? "libvirt gave no reason")
  }

  static func closed(doing operation: String) -> LibvirtError {
    LibvirtError(
      operation: operation, code: .invalidConnection, message: "the connection is closed", isConnectionLost: true)
  }
}
