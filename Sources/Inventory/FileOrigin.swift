// What Vireo writes into the mark of a file that it makes: on which connection, in which stack, for which object.

/// Who made a file.
public struct FileOrigin: Sendable, Hashable, Codable {
  /// The driver's key, as ``HostIdentity`` has it: a stack of another driver has domains that this one does not know.
  public var connection: String
  /// The stack that the file was made for.
  public var stack: String
  /// `domain web`.
  public var object: String

  /// The origin of a file that is made now. It gets the host's present key; older files may have a former one.
  public init(host: HostIdentity, stack: String, object: String) {
    connection = host.key
    self.stack = stack
    self.object = object
  }

  /// The text of a mark; see `OriginMark`.
  public var text: String { "\(connection) \(stack)/\(object)" }

  /// Reads the text of a mark; nil for any other text.
  public init?(text: String) {
    let parts = text.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, let slash = parts[1].firstIndex(of: "/") else { return nil }
    connection = String(parts[0])
    stack = String(parts[1][..<slash])
    object = String(parts[1][parts[1].index(after: slash)...])
  }
}
