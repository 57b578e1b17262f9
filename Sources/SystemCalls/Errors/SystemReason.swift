// The system's words for its error numbers.

internal import SystemPackage

/// What an error number means.
package enum SystemReason {
  /// The system's words for a number, as strerror(3) has them.
  package static func text(_ code: Int32) -> String { Errno(rawValue: code).description }
}
