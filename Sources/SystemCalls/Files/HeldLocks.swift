// Locks of flock(2) that a process holds, and how it lets go of them.

package import SystemPackage
internal import Synchronization

/// Open files with locks of flock(2) on them, held while this value lives.
package final class HeldLocks: Sendable {
  private let numbers = Mutex<[Int32]>([])

  /// Holds nothing yet.
  package init() {}

  deinit { release() }

  /// Takes over an open file, locked or not. It is closed with this value.
  package func hold(_ file: consuming OpenFile) -> FileDescriptor {
    let descriptor = file.released()
    numbers.withLock { $0.append(descriptor.rawValue) }
    return descriptor
  }

  /// The files that are held; do not close them.
  package var descriptors: [FileDescriptor] { numbers.withLock { $0.map(FileDescriptor.init(rawValue:)) } }

  /// Lets go before the end of this value's life.
  ///
  /// The locks are given back explicitly: a child that was forked and has not called exec yet shares the descriptors.
  package func release() {
    let released = numbers.withLock { numbers in
      defer { numbers = [] }
      return numbers
    }
    for number in released {
      let file = OpenFile(owning: FileDescriptor(rawValue: number))
      file.descriptor.unlock()
    }
  }
}
