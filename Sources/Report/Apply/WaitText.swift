// The words for what a command waits for before it has anything to show.

public import Inventory
import Vocabulary

/// The words of a notice.
public struct WaitText: Sendable {
  private let what: String
  /// Files on their way, by path.
  private var files: [String: (done: UInt64, total: UInt64)] = [:]

  /// A notice that says only what is waited for, a clause without a full stop: `reading the host`.
  public init(_ what: String) {
    self.what = what
  }

  /// Takes note of a file whose checksum is being worked out; the line is about such files as long as there are any.
  public mutating func report(_ progress: ReadingProgress) {
    switch progress {
    case .hashing(let path, let done, let total): files[path] = (done, total)
    case .hashed(let path): files[path] = nil
    }
  }

  /// The line, cut to a terminal's width.
  public func line(width: Int) -> String {
    SafeText.cut(SafeText.clean(words + " …"), to: width)
  }

  private var words: String {
    guard let first = files.keys.min() else { return what }
    let done = files.values.reduce(0) { $0 + $1.done }
    let total = files.values.reduce(0) { $0 + $1.total }
    let amount = "\(ByteCount.approximate(done)) of \(ByteCount.approximate(total))"
    return files.count == 1
      ? "calculating the checksum of \(first): \(amount)" : "calculating \(files.count) checksums: \(amount)"
  }
}
