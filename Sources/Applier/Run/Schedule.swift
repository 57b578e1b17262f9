// Which action may start next: the order that dependencies ask for, as a value without time or threads.

import Planner

/// The state of a plan's actions while they are carried out.
///
/// Ready actions start in the plan's order. What depends on a failure is settled as blocked once all that it depends on
/// is settled, so that the outcome does not depend on which of two failures came first.
struct Schedule {
  private let dependencies: [[Int]]
  private let dependents: [[Int]]
  /// How many of an action's dependencies are not settled.
  private var unsettled: [Int]
  private var outcomes: [ActionOutcome?]
  /// Whether an action takes a guest away from its users.
  private let isDisruptive: [Bool]
  /// Whether an action deletes a file.
  let isDeletion: [Bool]
  /// How many disruptive actions are under way.
  private var disruptions = 0
  /// Actions that may start, in falling order, so that the next one is the last.
  private var ready: [Int]

  init(_ actions: [Action]) {
    dependencies = actions.enumerated().map { index, action in Set(action.after).filter { 0..<index ~= $0 }.sorted() }
    var dependents = [[Int]](repeating: [], count: actions.count)
    for (index, before) in dependencies.enumerated() {
      for other in before { dependents[other].append(index) }
    }
    self.dependents = dependents
    isDisruptive = actions.map { $0.effect >= .restart }
    isDeletion = actions.map { if case .deleteFile = $0.operation { true } else { false } }
    unsettled = dependencies.map(\.count)
    outcomes = Array(repeating: nil, count: actions.count)
    ready = actions.indices.reversed().filter { [unsettled] in unsettled[$0] == 0 }
  }

  /// Takes the next action that may start.
  ///
  /// - Parameters:
  ///   - limit: how many disruptive actions may be under way at once; nil for no limit.
  ///   - onlyDeletions: whether nothing but deletions of files may start.
  mutating func next(atMost limit: Int? = nil, onlyDeletions: Bool = false) -> Int? {
    let isFull = limit.map { disruptions >= $0 } ?? false
    guard
      let place = ready.lastIndex(where: {
        (!isFull || !isDisruptive[$0] || isDeletion[$0]) && (!onlyDeletions || isDeletion[$0])
      })
    else { return nil }
    let index = ready.remove(at: place)
    if isDisruptive[index], !isDeletion[index] { disruptions += 1 }
    return index
  }

  /// Notes what came of an action.
  ///
  /// - Returns: the actions that are blocked now because of it, with the cause, in the plan's order.
  mutating func settle(_ index: Int, _ outcome: ActionOutcome) -> [(index: Int, cause: Int)] {
    outcomes[index] = outcome
    if isDisruptive[index], !isDeletion[index] { disruptions -= 1 }
    var blocked: [(index: Int, cause: Int)] = []
    var settled = [index]
    while let one = settled.popLast() {
      for other in dependents[one] {
        unsettled[other] -= 1
        guard unsettled[other] == 0 else { continue }
        if let cause = cause(of: other) {
          outcomes[other] = .blocked(by: cause)
          blocked.append((other, cause))
          settled.append(other)
        } else {
          ready.insert(other, at: ready.firstIndex { $0 < other } ?? ready.endIndex)
        }
      }
    }
    return blocked.sorted { $0.index < $1.index }
  }

  /// Settles what is left when nothing more is started.
  ///
  /// - Parameter failure: the failed action that is why; nil if the user stopped it.
  /// - Returns: the actions that were left, in the plan's order.
  mutating func close(because failure: Int? = nil) -> [Int] {
    ready = []
    let left = outcomes.indices.filter { outcomes[$0] == nil }
    for index in left { outcomes[index] = (cause(of: index) ?? failure).map(ActionOutcome.blocked) ?? .notStarted }
    return left
  }

  /// What came of all actions. What is not settled has not been started.
  var result: [ActionOutcome] { outcomes.map { $0 ?? .notStarted } }

  /// The first failed action of the plan that an action stands on, directly or not.
  private func cause(of index: Int) -> Int? {
    dependencies[index].compactMap { other in
      switch outcomes[other] {
      case .failed: other
      case .blocked(let cause): cause
      case .done, .waits, .noted, .remarked, .notStarted, nil: nil
      }
    }.min()
  }
}
