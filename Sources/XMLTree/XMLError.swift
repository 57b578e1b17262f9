// What can be wrong with a document, with the place where it is wrong.

/// Why a document, path or schema was not accepted.
public struct XMLError: Error, Sendable, Hashable {
  /// What kind of refusal this is, for callers that act on it.
  public enum Reason: Sendable, Hashable {
    /// Not well-formed XML 1.0 with namespaces, or not UTF-8.
    case malformed
    /// Well-formed so far, but uses what is never accepted: a document type declaration and with it entities.
    case forbidden
    /// Beyond one of ``XMLLimits``.
    case limit
    /// Not an ``XMLPath``.
    case path
    /// A schema that cannot be read or is none.
    case schema
  }

  /// What sort of thing is wrong, for callers that tell them apart.
  public var reason: Reason
  /// The line, counted from 1; 0 when no place is known.
  public var line: Int
  /// The column in bytes, counted from 1, as libxml2 counts it: where the parser stood, at or just behind the fault. 0
  /// when no place is known.
  public var column: Int
  /// One sentence without a full stop.
  public var message: String

  /// An error at a place; line and column are 0 where none is known.
  public init(reason: Reason, line: Int, column: Int, message: String) {
    self.reason = reason
    self.line = line
    self.column = column
    self.message = message
  }
}

extension XMLError: CustomStringConvertible {
  /// The message behind its line and column where a place is known: `3:12: …`.
  public var description: String { line > 0 ? "\(line):\(column): \(message)" : message }
}
