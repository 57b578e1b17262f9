// Work that somebody waits for and that may never end: the wait can be given up, the thread cannot.

import Synchronization

/// A piece of work on one of a pool's threads, for whoever watches over it.
package struct AwaitedWork: Sendable {
  private let end: @Sendable (any Error) -> Void

  init(giveUp end: @escaping @Sendable (any Error) -> Void) { self.end = end }

  /// Ends the wait with `error`, unless the work has ended. It goes on, what comes of it is dropped, and the pool has a
  /// thread in its place until then.
  package func giveUp(_ error: any Error) { end(error) }
}
