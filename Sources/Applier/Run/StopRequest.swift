// The wish to stop, passed on to where no new step is begun and where guests are waited for.

import Synchronization

/// Whether an apply was asked to stop.
final class StopRequest: Sendable {
  private let flag = Atomic(false)

  var isMade: Bool { flag.load(ordering: .relaxed) }

  func make() { flag.store(true, ordering: .relaxed) }
}
