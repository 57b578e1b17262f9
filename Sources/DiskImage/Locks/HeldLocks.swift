// Locks of flock(2) that a process holds, and how it lets go of them.

internal import Glibc
internal import Synchronization

/// Open files with locks of flock(2) on them, held while this value lives.
package final class HeldLocks: Sendable {
  /// The open files that carry the locks. They are closed with this value: do not close them.
  package let descriptors: [Int32]
  private let isReleased = Atomic(false)

  /// Takes over open files, locked or not.
  package init(_ descriptors: [Int32]) { self.descriptors = descriptors }

  deinit { release() }

  /// Lets go before the end of this value's life.
  ///
  /// The locks are given back explicitly: a child that was forked and has not called exec yet shares the descriptors.
  package func release() {
    guard !isReleased.exchange(true, ordering: .sequentiallyConsistent) else { return }
    for descriptor in descriptors {
      flock(descriptor, LOCK_UN)
      close(descriptor)
    }
  }
}
