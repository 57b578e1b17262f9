// Planning many objects side by side. Threads are here alone: what they run are functions from values to a value.

import Dispatch
import Synchronization

/// Transforms elements on all processors; the results have the order of the elements.
///
/// - Parameter makeMemo: makes what the transformation may keep from one element for the next, to be faster. It changes no result.
func concurrentMap<Element: Sendable, Memo, Result: Sendable>(
  _ elements: [Element], with makeMemo: @Sendable @autoclosure () -> Memo,
  _ transform: @Sendable (Element, inout Memo) -> Result
) -> [Result] {
  let size = 32
  let batches = stride(from: 0, to: elements.count, by: size).map { elements[$0..<min($0 + size, elements.count)] }
  let results = Mutex([[Result]](repeating: [], count: batches.count))
  DispatchQueue.concurrentPerform(iterations: batches.count) { index in
    var memo = makeMemo()
    let batch = batches[index].map { transform($0, &memo) }
    results.withLock { $0[index] = batch }
  }
  return results.withLock { $0.flatMap(\.self) }
}
