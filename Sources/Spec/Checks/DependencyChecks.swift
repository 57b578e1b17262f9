// What domains depend on: names of others of the stack, each of a count, and no circle.

import Diagnostics
import Vocabulary

/// Checks `depends-on`.
enum DependencyChecks {
  /// Replaces names of counted entries by those of their domains, and checks that there is an order at all.
  ///
  /// - Parameter counted: the domains of each entry that has a count.
  static func resolve(
    _ domains: inout [ObjectSpec], counted: [String: [String]], into diagnostics: inout [Diagnostic]
  ) {
    guard domains.contains(where: { $0.says(.dependsOn) }) else { return }
    let known = Set(domains.map(\.name))
    for index in domains.indices {
      guard let setting = domains[index].setting(.dependsOn) else { continue }
      var names: [String] = []
      for name in domains[index][.dependsOn] ?? [] {
        if let group = counted[name], !known.contains(name) {
          names += group
        } else if known.contains(name) {
          names.append(name)
        } else {
          diagnostics.append(
            Diagnostic(
              "unknown-reference", "there is no domain `\(name)` to depend on", at: setting.range,
              suggestion: closestMatch(to: name, among: known.union(counted.keys).sorted(), after: diagnostics).map {
                "did you mean `\($0)`?"
              }
                ?? "name a domain of this stack"))
        }
      }
      domains[index].set(.dependsOn, to: Setting(.list(names.map(Value.string)), at: setting.range))
    }
    if let circle = circle(in: domains) {
      let last = domains.first { $0.name == circle.last }
      diagnostics.append(
        Diagnostic(
          "circular-dependency",
          circle.count == 1
            ? "domain `\(circle[0])` depends on itself"
            : "domains depend on each other in a circle: \((circle + circle.prefix(1)).joined(separator: ", "))",
          at: last?.setting(.dependsOn)?.range, suggestion: "remove one of them from `depends-on`"))
    }
  }

  /// The first circle among what domains depend on, each depending on the next and the last on the first.
  private static func circle(in domains: [ObjectSpec]) -> [String]? {
    let needs = Dictionary(domains.map { ($0.name, $0.dependencies) }, uniquingKeysWith: { first, _ in first })
    var done: Set<String> = []
    for start in domains.map(\.name) where !done.contains(start) {
      // The way down from `start`, and what is left to look at of each domain on it: deep chains need no deep stack.
      var way = [start]
      var onWay: Set = [start]
      var left = [needs[start] ?? []]
      while let name = way.last {
        guard let next = left[left.count - 1].popLast() else {
          done.insert(name)
          way.removeLast()
          onWay.remove(name)
          left.removeLast()
          continue
        }
        if onWay.contains(next), let place = way.firstIndex(of: next) { return Array(way[place...]) }
        guard !done.contains(next) else { continue }
        way.append(next)
        onWay.insert(next)
        left.append(needs[next] ?? [])
      }
    }
    return nil
  }
}

extension ObjectSpec {
  /// The domains that a domain depends on, by name.
  public var dependencies: [String] { self[.dependsOn] ?? [] }
}
