// A pipe by which a signal's handler wakes a thread.

internal import Glibc
internal import Synchronization
internal import SystemPackage

/// Waking a thread from anywhere, a signal's handler too.
package final class WakingPipe: Sendable {
  private let readEnd: Int32
  private let writeEnd: Int32
  private let isClosed = Atomic(false)

  /// A pipe through which nothing has come yet.
  package init() {
    let ends = try? FileDescriptor.pipe(options: .closeOnExec)
    readEnd = ends?.readEnd.rawValue ?? -1
    writeEnd = ends?.writeEnd.rawValue ?? -1
  }

  deinit {
    close()
    Glibc.close(readEnd)
  }

  /// What a signal's handler writes a byte to (``Signals/writeByte(to:)``); not after ``close()``.
  package var handlerEnd: Int32 { writeEnd }

  /// Returns when something has come, or after ``close()``.
  package func wait() {
    var byte: UInt8 = 0
    _ = try? retrying { read(readEnd, &byte, 1) }
  }

  /// Wakes the thread for good.
  package func close() {
    guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
    Glibc.close(writeEnd)
  }
}
