// How far a long operation on an image is, on a terminal; and Ctrl-C, which ends it in good order.

import DiskImage
import Synchronization
import SystemCalls

/// One line of progress on standard error that is drawn over itself; nothing where that cannot be.
final class ImageProgress {
  private let verb: String
  private let path: String
  private let isLive = Output.error.canMoveCursor
  private var shown = -1

  /// - Parameters:
  ///   - verb: what goes on: "converting".
  ///   - path: the image that it is about.
  init(_ verb: String, _ path: String) {
    self.verb = verb
    self.path = path
    Interrupt.watch()
  }

  /// - Throws: ``ImageError/cancelled(path:)`` after Ctrl-C, so that what was begun is taken back.
  func update(done: UInt64, total: UInt64) throws(ImageError) {
    guard !Interrupt.hasCome else { throw .cancelled(path: path) }
    guard isLive, total > 0 else { return }
    let percent = Int(Double(done) / Double(total) * 100)
    guard percent != shown else { return }
    shown = percent
    Output.write("\r\(verb): \(percent) %", to: .error)
  }

  /// Takes the line away.
  func end() {
    if isLive, shown >= 0 { Output.write("\r\u{1B}[K", to: .error) }
    shown = -1
  }
}

/// SIGINT, SIGTERM and SIGHUP while an image is worked on: the first is heard between two steps, the second ends the process.
private enum Interrupt {
  private static let count = Atomic<Int32>(0)

  static var hasCome: Bool { count.load(ordering: .relaxed) > 0 }

  static func watch() {
    for signal in EndingSignals.heard {
      Signals.handle(signal) { number in
        guard EndingSignals.counts(number) else { return }
        if Interrupt.count.wrappingAdd(1, ordering: .relaxed).oldValue > 0 { ThisProcess.endAtOnce(128 + number) }
      }
    }
  }
}
