// Definitions that were read back, compared: with what a plan saw, and with what a step asked for.

import Libvirt
package import Planner
import Vocabulary
package import XMLTree

extension DomainDefinition {
  /// Throws unless a definition that was read back has all that is expected of it: libvirt drops silently what it does
  /// not know, and rewrites what it knows better.
  package func check(_ stored: XMLElement) throws(ActionFailure) {
    let problems = expectations.compactMap { expectation in
      expectation.problem(in: stored).map { (field: expectation.field, text: $0) }
    }
    try throwProblems(problems)
  }
}

extension ObjectDefinition {
  /// Throws unless a definition that was read back has all that is expected of it.
  func check(_ stored: XMLElement) throws(ActionFailure) {
    let problems = expectations.compactMap { expectation in
      expectation.problem(of: stored).map { (expectation.field, $0) }
    }
    try throwProblems(problems)
  }
}

private func throwProblems(_ problems: [(field: String, text: String)]) throws(ActionFailure) {
  guard let first = problems.first else { return }
  throw ActionFailure(
    problems.map(\.text).joined(separator: "; "),
    remedy: "remove the field from the spec, or write the value as libvirt stores it",
    field: first.field)
}

extension Expectation {
  /// What is wrong with the field in a definition, nil for nothing.
  ///
  /// A field without a value was left to libvirt, which may fill in its default: nothing to compare.
  fileprivate func problem(in domain: XMLElement) -> String? {
    guard let device else { return problem(of: domain) }
    guard let element = device.find(in: domain) else { return "libvirt dropped the device of `\(field)`" }
    return problem(of: element)
  }

  /// What is wrong with the field of the element that has it.
  fileprivate func problem(of element: XMLElement) -> String? {
    if case .xml(let fragment)? = value {
      return fragment.firstDifference(in: element).map { "libvirt dropped or changed \($0), which `\(field)` asks for" }
    }
    guard let value, let lens = entry.field.lens else { return nil }
    if entry.field.isMet(value, in: element) { return nil }
    guard let stored = lens.get(element) else {
      return "libvirt dropped `\(field)`: \(value) was asked for, nothing is stored"
    }
    return "libvirt changed `\(field)`: \(value) was asked for, \(stored) is stored"
  }
}

extension LibvirtConnection {
  /// Throws unless a domain's stored definition is what the plan saw.
  func requireUnmoved(_ domain: LibvirtDomain, _ seen: XMLElement) async throws {
    let moved = definitionDifference(seen, try await storedDefinition(of: domain))
    guard let first = moved.first else { return }
    let more = moved.count > 1 ? " and \(moved.count - 1) more" : ""
    throw ActionFailure(
      "domain \(domain.name) changed since it was planned (\(first.path)\(more))", remedy: planAgain)
  }
}
