// Rules between the fields of one object: which one requires another, and which one is only for some kinds.

import XMLTree

/// What another field of the same object has to be: `type` is `file` or `dev`.
public struct FieldCondition: Sendable, Hashable {
  /// The name of the other field.
  public let field: String
  /// The values, one of which it has; nil for any value.
  public let words: [String]?

  /// What stands for the name of an entry in its table, in place of a member of the entry.
  public static let key = ""

  /// Whether a value of the other field meets the condition; nil stands for a field that is not set.
  public func isMet(by value: Value?) -> Bool {
    guard let value else { return false }
    return words.map { $0.contains(value.description) } ?? true
  }

  /// The condition as the spec writes it: `` `type: file` or `type: dev` ``.
  public var explanation: String {
    guard let words else { return "`\(field)`" }
    return words.map { field == Self.key ? "`\($0)`" : "`\(field): \($0)`" }.listed
  }
}

extension [FieldCondition] {
  /// Conditions of which one holds, as the spec writes them.
  public var explanation: String { map(\.explanation).listed }
}

/// When a field must be set, and when it may be.
public struct FieldRules: Sendable, Hashable {
  /// A case in which the field must be set.
  public struct Requirement: Sendable, Hashable {
    /// When it must be: what all holds then.
    public let conditions: [FieldCondition]
    /// Fields one of which may be set in its place.
    public let alternatives: [String]
  }

  /// A case in which a field can have some of its words only.
  public struct Words: Sendable, Hashable {
    /// When it is so.
    public let condition: FieldCondition
    /// The words that it can have then.
    public let words: [String]
  }

  /// The cases in which the field must be set.
  public fileprivate(set) var required: [Requirement] = []
  /// The words that the field can have in some cases.
  public fileprivate(set) var words: [Words] = []
  /// How many values a list has; nil for any number.
  public fileprivate(set) var count: Int?
  /// What must not hold for the field to be set.
  public fileprivate(set) var excluded: [FieldCondition] = []
  /// What must hold for the field to be set: of each group of conditions one.
  public fileprivate(set) var only: [[FieldCondition]] = []

  /// Whether there is no rule.
  public var isEmpty: Bool {
    required.isEmpty && only.isEmpty && excluded.isEmpty && words.isEmpty && count == nil
  }

  /// What people read of it: `` Required with `type: unix`. `` ``Only with `model: qxl`.``; nil for nothing.
  public var note: String? {
    let required = self.required.map { rule in
      let others = rule.alternatives.map { "`\($0)`" }.listed
      let conditions = rule.conditions.map(\.explanation).joined(separator: " and ")
      return (conditions.isEmpty ? "Required" : "Required with \(conditions)")
        + (others.isEmpty ? "." : ", unless \(others) is set.")
    }
    let words = self.words.map { rule in
      "With \(rule.condition.explanation) one of \(rule.words.map { "`\($0)`" }.listed)."
    }
    let allowed =
      only.map { "Only with \($0.explanation)." } + (excluded.isEmpty ? [] : ["Not with \(excluded.explanation)."])
    var sentences = required + allowed + words
    if let count { sentences.append("Exactly \(count) of them.") }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }
}

extension FieldRules {
  func required(
    with conditions: [FieldCondition], unless others: [String] = []
  ) -> FieldRules {
    var rules = self
    rules.required.append(Requirement(conditions: conditions, alternatives: others))
    return rules
  }

  func only(with conditions: FieldCondition...) -> FieldRules {
    var rules = self
    rules.only.append(conditions)
    return rules
  }

  func never(with condition: FieldCondition) -> FieldRules {
    var rules = self
    rules.excluded.append(condition)
    return rules
  }

  func values(_ words: [String], with condition: FieldCondition) -> FieldRules {
    var rules = self
    rules.words.append(Words(condition: condition, words: words))
    return rules
  }
}

extension FieldCondition {
  init(_ field: String, _ words: [String]) { self.init(field: field, words: words.isEmpty ? nil : words) }
}

extension Field {
  /// The same field, which must be set where another one has one of these values, or any value if there are none.
  ///
  /// - Parameters:
  ///   - other: another field and its value, which must hold too.
  ///   - others: fields one of which may be set in its place.
  func required(
    with name: String, _ words: String..., and other: (name: String, word: String)? = nil, unless others: [String] = []
  ) -> Field {
    let second = other.map { [FieldCondition($0.name, [$0.word])] } ?? []
    return changed(rules: rules.required(with: [FieldCondition(name, words)] + second, unless: others))
  }

  /// The same field, which may be set only where another one has one of these values, or any value if there are none.
  ///
  /// - Parameter place: where the other field is in the XML, for a field whose own place is another thing in objects of
  ///   other kinds: there is nothing to read or to write then. nil if the place is only this field's.
  func only(with name: String, _ words: [String] = [], at place: XMLPath? = nil) -> Field {
    changed(
      lens: place.flatMap { lens?.only(types: words, at: $0) }, rules: rules.only(with: FieldCondition(name, words)))
  }

  /// The same field, which may be set only where one of two others has one of these values.
  func only(with name: String, _ words: [String], or other: (name: String, words: [String])) -> Field {
    changed(rules: rules.only(with: FieldCondition(name, words), FieldCondition(other.name, other.words)))
  }

  /// The same field, which may not be set where another one has one of these values, or any value if there are none.
  func never(with name: String, _ words: String...) -> Field {
    changed(rules: rules.never(with: FieldCondition(name, words)))
  }

  /// The same field, a list that always has a number of values.
  func exactly(_ count: Int) -> Field {
    var rules = rules
    rules.count = count
    return changed(rules: rules)
  }

  /// The same field, whose values are some of its words where another field has a value.
  func values(_ words: [String], with name: String, _ value: String) -> Field {
    changed(rules: rules.values(words, with: FieldCondition(name, [value])))
  }
}

extension Part {
  /// The same member, which a record requires unless it has one of others.
  func required(unless others: String...) -> Part { changed(member.rules.required(with: [], unless: others)) }

  /// The same member, which a record must have where another one has one of these values, or any value if there are none.
  func required(with name: String, _ words: String..., unless others: [String] = []) -> Part {
    changed(member.rules.required(with: [FieldCondition(name, words)], unless: others))
  }

  /// The same member, which a record may have only where another one has one of these values, or any value if there are
  /// none. The name ``FieldCondition/key`` stands for the name of an entry in its table.
  func only(with name: String, _ words: String...) -> Part {
    changed(member.rules.only(with: FieldCondition(name, words)))
  }

  /// The same member, which a record may not have beside another one with one of these values, or any value if there are
  /// none.
  func never(with name: String, _ words: String...) -> Part {
    changed(member.rules.never(with: FieldCondition(name, words)))
  }
}
