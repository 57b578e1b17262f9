// What an object must set and may set, by the rules that its fields have in the vocabulary.

import Diagnostics
import Vocabulary

/// Checks the rules between the fields of one object or device, and between the members of records in their values.
struct FieldRuleChecks {
  private let object: ObjectSpec

  static func check(_ object: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    // What is to be gone needs nothing, and a fragment may have what the fields do not set.
    guard object[ifKnown: .state] != .absent else { return }
    let checks = FieldRuleChecks(object: object)
    let hasFragment = object.type.has(.xml) && object.says(.xml)
    var found: [(field: Field, problem: Diagnostic)] = []
    if !hasFragment {
      for (field, setting) in object.settings where field.hasRules {
        found += checks.problems(of: field, setting).map { (field, $0) }
      }
    }
    for field in object.type.requiredFields where !object.says(field) {
      // What Vireo itself acts on no XML can stand in for.
      guard !hasFragment || field.lens == nil, let problem = checks.absence(of: field) else { continue }
      found.append((field, problem))
    }
    guard !found.isEmpty else { return }
    for field in object.type.fields(found.map(\.field)) {
      diagnostics += found.filter { $0.field == field }.map(\.problem)
    }
  }

  // MARK: Fields

  /// What the spec says of another field, or what a new object gets; nil where that is unknown.
  private func value(_ name: String) -> Value? {
    guard let field = object.type.field(name) else { return nil }
    return object.settings[field]?.value ?? field.initial ?? field.libvirtDefault
  }

  /// Whether a condition holds; nil where the spec names the field with a wrong value, which has been reported.
  private func holds(_ condition: FieldCondition) -> Bool? {
    guard let field = object.type.field(condition.field), !object.malformed.contains(field) else { return nil }
    return condition.isMet(by: condition.words == nil ? object.settings[field]?.value : value(condition.field))
  }

  private func absence(of field: Field) -> Diagnostic? {
    if field.isRequired {
      return missing("\(object.title) has no `\(field.name)`", field, at: object.range)
    }
    for rule in field.rules.required where rule.conditions.allSatisfy({ holds($0) == true }) {
      let others = rule.alternatives.compactMap(object.type.field)
      guard !others.contains(where: { object.says($0) }) else { continue }
      let reasons = rule.conditions.map { condition in
        condition.words == nil
          ? "`\(condition.field)`" : "`\(condition.field): \(value(condition.field)?.description ?? "")`"
      }
      let places = rule.conditions.compactMap { object.type.field($0.field).flatMap { object.settings[$0]?.range } }
      return missing(
        "\(object.title) has \(reasons.joined(separator: " and ")), which requires `\(field.name)`", field,
        or: rule.alternatives, at: places.first ?? object.range)
    }
    return nil
  }

  private func missing(_ message: String, _ field: Field, or others: [String] = [], at range: SourceRange) -> Diagnostic
  {
    let keys = ([field.name] + others).map { "`\($0):`" }.joined(separator: " or ")
    return Diagnostic(
      "missing-key", message, at: range, subject: object.title,
      suggestion: "add \(keys)" + (others.isEmpty ? ", \(field.type.explanation)" : ""))
  }

  private func problems(of field: Field, _ setting: Setting) -> [Diagnostic] {
    let own = conflict(field.rules, field.name, setting.value, holds)
    let problems =
      own.map { [$0] } ?? RecordChecks.problems(of: field.type, setting.value, named: field.name, key: nil, conflict)
    return problems.map { message, suggestion in
      Diagnostic("conflict", message, at: setting.range, subject: object.title, suggestion: suggestion)
    }
  }

  /// What the rules of a field or member have against its being set.
  private func conflict(
    _ rules: FieldRules, _ name: String, _ value: Value, _ holds: (FieldCondition) -> Bool?
  ) -> (message: String, suggestion: String)? {
    if let conditions = rules.only.first(where: { $0.allSatisfy { holds($0) == false } }) {
      let explanation = conditions.explanation
      guard conditions.contains(where: { $0.field != FieldCondition.key }) else {
        return ("`\(name)` of \(object.title) is only for \(explanation)", "leave it out")
      }
      return ("`\(name)` of \(object.title) requires \(explanation)", "leave it out, or write \(explanation)")
    }
    if let condition = rules.excluded.first(where: { holds($0) == true }) {
      return ("\(object.title) cannot have both `\(name)` and \(condition.explanation)", "leave out one of them")
    }
    if let count = rules.count, let values = value.list, values.count != count {
      return ("`\(name)` of \(object.title) has \(values.count) values", "write \(count) of them")
    }
    let rule = rules.words.first { holds($0.condition) == true && !$0.words.contains(value.description) }
    return rule.map { rule in
      (
        "\(object.title) with \(rule.condition.explanation) cannot have `\(name): \(value)`",
        rule.words.count == 1
          ? "write `\(name): \(rule.words[0])`" : "write one of \(rule.words.joined(separator: ", "))"
      )
    }
  }
}

/// Checks the rules between the members of records, wherever these are in a value.
private enum RecordChecks {
  typealias Problem = (message: String, suggestion: String)
  typealias Conflict = (FieldRules, _ name: String, Value, _ holds: (FieldCondition) -> Bool?) -> Problem?

  /// - Parameter key: the name of the value in its table; nil outside of one.
  static func problems(
    of type: ValueType, _ value: Value, named name: String, key: String?, _ conflict: Conflict
  ) -> [Problem] {
    switch (type, value) {
    case (.list(let element), .list(let values)):
      values.enumerated().flatMap { index, value in
        problems(of: element, value, named: values.count == 1 ? name : "\(name)[\(index)]", key: nil, conflict)
      }
    case (.table(_, let element), .table):
      value.sortedEntries.flatMap { problems(of: element, $0.value, named: "\(name).\($0.key)", key: $0.key, conflict) }
    case (.record(let members), .table(let entries)):
      members.flatMap { member in problems(of: member, entries, named: name, key: key, conflict) }
    default: []
    }
  }

  private static func problems(
    of member: ValueType.Member, _ entries: [String: Value], named name: String, key: String?, _ conflict: Conflict
  ) -> [Problem] {
    func holds(_ condition: FieldCondition) -> Bool {
      condition.field == FieldCondition.key
        ? condition.words?.contains(key ?? "") ?? true : condition.isMet(by: entries[condition.field])
    }
    if let value = entries[member.name] {
      let own = conflict(member.rules, "\(name).\(member.name)", value, holds)
      return own.map { [$0] }
        ?? problems(of: member.type, value, named: "\(name).\(member.name)", key: nil, conflict)
    }
    let rule = member.rules.required.first { rule in
      rule.conditions.allSatisfy(holds) && !rule.alternatives.contains { entries[$0] != nil }
    }
    return rule.map { rule in
      let keys = ([member.name] + rule.alternatives).map { "`\($0):`" }.joined(separator: " or ")
      return [("`\(name)` has no `\(member.name)`", "add \(keys)")]
    } ?? []
  }
}

extension Field {
  /// Whether other fields, or members of its value, decide about the field.
  fileprivate var hasRules: Bool { !rules.isEmpty || type.hasRules }
}

extension ValueType {
  fileprivate var hasRules: Bool {
    switch self {
    case .list(let element), .table(_, let element): element.hasRules
    case .record(let members): members.contains { !$0.rules.isEmpty || $0.type.hasRules }
    default: false
    }
  }
}
