// The order among domains: what others need is started before them, and stopped after them.

import Spec
import Vocabulary

extension PlanBuilder {
  /// Makes starts wait for what a domain depends on and until those have stopped that it excludes, and stops for what
  /// depends on it.
  mutating func orderDependents() {
    let needs = dependencies()
    let exclusions = Dictionary(spec.domains.map { ($0.name, $0.exclusions) }, uniquingKeysWith: { first, _ in first })
    guard needs.contains(where: { !$0.value.isEmpty }) || exclusions.contains(where: { !$0.value.isEmpty }) else {
      return
    }
    var steps: [String: GuestSteps] = [:]
    for (index, action) in actions.enumerated() where action.object.kind == .domain {
      steps[action.object.name, default: GuestSteps()].note(action.operation, at: index)
    }
    var actions = actions
    for (name, own) in steps {
      for other in closure(of: name, in: needs) {
        guard let its = steps[other] else { continue }
        if let start = own.start, let up = its.up { actions[start].after.append(up) }
        if let down = own.stop, let stop = its.stop ?? its.start { actions[stop].after.append(down) }
      }
    }
    for (name, own) in steps {
      for other in exclusions[name] ?? [] {
        if let start = own.start, let stop = steps[other]?.stop { actions[start].after.append(stop) }
      }
    }
    replaceActions(inOrder(actions))
  }

  /// What each domain depends on: as the spec says, or as is recorded with one that has left it.
  private func dependencies() -> [String: [String]] {
    var needs = Dictionary(spec.domains.map { ($0.name, $0.dependencies) }, uniquingKeysWith: { first, _ in first })
    for object in objects where object.verb == .delete && object.object.kind == .domain {
      let name = object.object.name
      guard needs[name] == nil, let domain = inventory.domains[name],
        let recorded = OwnershipRecord(in: domain.inactive)?.content(of: .dependsOn)
      else { continue }
      needs[name] = recorded
    }
    return needs
  }

  /// Whatever a domain depends on, directly or through others.
  private func closure(of name: String, in needs: [String: [String]]) -> Set<String> {
    var found: Set<String> = []
    var left = needs[name] ?? []
    while let next = left.popLast() {
      if next != name, found.insert(next).inserted { left += needs[next] ?? [] }
    }
    return found
  }

  /// The actions in an order in which each comes after those that it waits for, and otherwise as they are.
  private func inOrder(_ actions: [Action]) -> [Action] {
    var dependents = [[Int]](repeating: [], count: actions.count)
    var left = actions.map { Set($0.after).count }
    for (index, action) in actions.enumerated() {
      for other in Set(action.after) { dependents[other].append(index) }
    }
    // The first of those that may go, so that nothing moves that need not.
    var ready = Array(actions.indices.filter { left[$0] == 0 }.reversed())
    var order: [Int] = []
    while let next = ready.popLast() {
      order.append(next)
      for other in dependents[next] {
        left[other] -= 1
        if left[other] == 0 { ready.insert(other, at: ready.firstIndex { $0 < other } ?? ready.endIndex) }
      }
    }
    guard order.count == actions.count else { return self.actions }
    var places = [Int](repeating: 0, count: actions.count)
    for (place, index) in order.enumerated() { places[index] = place }
    return order.map { index in
      var action = actions[index]
      action.after = Set(action.after.map { places[$0] }).sorted()
      return action
    }
  }
}

/// The steps of a domain that matter to those around it.
private struct GuestSteps {
  /// Brings the guest up.
  var start: Int?
  /// After this the guest is up and ready.
  var up: Int?
  /// Takes the guest down for good.
  var stop: Int?

  mutating func note(_ operation: Operation, at index: Int) {
    switch operation {
    case .startDomain, .restartDomain, .resumeDomain: (start, up) = (index, index)
    case .awaitReady: up = index
    case .stopDomain: stop = index
    default: break
    }
  }
}
