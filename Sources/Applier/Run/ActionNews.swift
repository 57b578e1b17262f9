// News of one action, for the rooms, which do not know what its place in the plan is.

/// Passes on what happens while an action is carried out.
struct ActionNews: Sendable {
  /// The action's index in the plan.
  let index: Int
  let events: AsyncStream<ApplyEvent>.Continuation

  /// So many bytes of all are done.
  func progressed(_ done: UInt64, of total: UInt64) { events.yield(.progressed(index, done: done, of: total)) }

  /// The action waits for something that is not in its hands.
  func waits(for what: String) { events.yield(.waiting(index, for: what)) }
}
