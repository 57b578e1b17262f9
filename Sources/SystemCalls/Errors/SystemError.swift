// A system call that failed, with what it was for: the one place that knows how to say so.

package import SystemPackage

/// A system call that failed: what was tried, on which file, and the system's reason.
package struct SystemError: Error, Hashable {
  /// What was tried, as a verb phrase: "open", "make the folder".
  package let operation: String
  /// The file or folder that it was tried on.
  package let path: String
  /// The system's reason.
  package let code: Errno

  /// A failed call on a file.
  package init(_ operation: String, _ path: String, _ code: Errno) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  /// The system's reason in words, as strerror(3) has them.
  package var reason: String { code.description }
}

extension SystemError: CustomStringConvertible {
  /// `cannot open /srv/a: Permission denied`.
  package var description: String { "cannot \(operation) \(path): \(reason)" }
}

extension Errno {
  /// There is nothing of that name, or no folder where one would have to be.
  package var saysAbsence: Bool { self == .noSuchFileOrDirectory || self == .notDirectory }
  /// The process may not do it.
  package var saysDenial: Bool { self == .permissionDenied || self == .notPermitted }
  /// The file system is full, or the quota used up.
  package var saysFull: Bool { self == .noSpace || self == .diskQuotaExceeded }
  /// The file system, or the kernel, does not offer the call.
  package var saysUnsupported: Bool { self == .notSupportedOnSocket || self == .noFunction }
}

/// Makes system calls on a file, and says of a failure what they were for.
///
/// - Parameters:
///   - operation: what is tried, as a verb phrase for the message.
///   - path: the file it is tried on.
@discardableResult
package func attempt<Result: ~Copyable>(
  _ operation: String, on path: String, _ call: @autoclosure () throws(Errno) -> Result
) throws(SystemError) -> Result {
  do throws(Errno) {
    return try call()
  } catch {
    throw SystemError(operation, path, error)
  }
}
