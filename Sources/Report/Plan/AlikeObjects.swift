// A hundred domains from one entry change alike, and are shown once: which objects may share a block, and their names.

import Planner
import Vocabulary

/// Objects that follow each other in a plan and change alike.
///
/// Two are alike when verb, fields, values, effects, reasons, waiting values and steps are the same after each one's
/// own name is taken out, except for the identities that Vireo derives from the name: UUID, MAC address, serial number.
/// Texts may also differ in the number that the name ends in: `title: web ${index}`.
struct AlikeObjects {
  let first: ObjectPlan
  private(set) var others: [String] = []
  /// Whether the objects have derived identities, which differ.
  let hasDerivedValues: Bool
  /// Whether the objects have texts that differ in their number.
  private(set) var hasNumbers = false

  static func grouped(_ objects: [ObjectPlan], steps: [ObjectReference: [Action]]) -> [AlikeObjects] {
    var groups: [AlikeObjects] = []
    var first: Shown?
    for object in objects {
      let shown = Shown(object, steps: steps[object.object] ?? [])
      if let first, let likeness = first.likeness(to: shown) {
        groups[groups.count - 1].others.append(object.object.name)
        if likeness == .butForNumbers { groups[groups.count - 1].hasNumbers = true }
      } else {
        groups.append(AlikeObjects(first: object, hasDerivedValues: object.changes.contains(where: \.isDerived)))
        first = shown
      }
    }
    return groups
  }

  /// How much two objects are alike.
  private enum Likeness {
    case complete
    case butForNumbers
  }

  /// A text without the object's name.
  private struct Neutral {
    let text: String
    /// Without its number either, where it may differ in that.
    var numberless: String?
    /// Whether the text has the object's name in it.
    let isOwn: Bool

    func likeness(to other: Neutral) -> Likeness? {
      if text == other.text { return .complete }
      return numberless != nil && numberless == other.numberless ? .butForNumbers : nil
    }
  }

  /// Everything that a reader is shown of an object.
  private final class Shown {
    private let plan: ObjectPlan
    private let steps: [Action]
    private let number: String?
    /// The new values of the changes, as far as somebody has asked.
    private var values: [Int: Neutral] = [:]
    private lazy var rest = texts()

    init(_ plan: ObjectPlan, steps: [Action]) {
      self.plan = plan
      self.steps = steps
      number = NameList.number(of: plan.object.name).map(String.init)
    }

    /// How much another object is like this one; nil where it is not.
    func likeness(to other: Shown) -> Likeness? {
      guard plan.object.kind == other.plan.object.kind, plan.verb == other.plan.verb,
        plan.changes.count == other.plan.changes.count, rest.count == other.rest.count
      else { return nil }
      var result = Likeness.complete
      for index in plan.changes.indices {
        let (change, counterpart) = (plan.changes[index], other.plan.changes[index])
        guard change.field == counterpart.field, change.effect == counterpart.effect,
          change.reason == counterpart.reason
        else { return nil }
        if change.isDerived { continue }
        let own = value(index)
        // Most values are the same, and have no name in them.
        if change.new == counterpart.new, !own.isOwn { continue }
        guard let likeness = own.likeness(to: other.value(index)) else { return nil }
        if likeness == .butForNumbers { result = likeness }
      }
      for (own, counterpart) in zip(rest, other.rest) {
        guard let likeness = own.likeness(to: counterpart) else { return nil }
        if likeness == .butForNumbers { result = likeness }
      }
      return result
    }

    private func value(_ index: Int) -> Neutral {
      if let known = values[index] { return known }
      let value = neutral(plan.changes[index].new)
      values[index] = value
      return value
    }

    /// All but the new values of changes.
    private func texts() -> [Neutral] {
      var texts: [Neutral] = []
      for change in plan.changes {
        if let detail = change.detail { texts.append(neutral(change.field + "\u{0}" + detail)) }
        if let old = change.old, !change.isDerived {
          texts.append(neutral(change.field))
          texts.append(neutral(old))
        }
      }
      for problem in plan.problems { texts += [neutral(problem.message), neutral(problem.suggestion ?? "\u{0}")] }
      for value in plan.pending { texts += [neutral(value.field), neutral(value.running), neutral(value.stored)] }
      for step in steps { texts += [neutral(step.operation.phrase), neutral(step.effect.rawValue)] }
      return texts
    }

    private func neutral(_ text: String) -> Neutral {
      let result = AlikeObjects.replacing(plan.object.name, in: text)
      return Neutral(text: result, isOwn: result != text)
    }

    private func neutral(_ value: Value?) -> Neutral {
      guard let value else { return Neutral(text: "\u{0}", isOwn: false) }
      var result = neutral(value.description)
      if case .string = value, let number { result.numberless = AlikeObjects.replacing(number, in: result.text) }
      return result
    }
  }

  /// Takes a name out of a text where it stands by itself: `web-1` is not in `web-10`.
  static func replacing(_ name: String, in text: String) -> String {
    let text = Array(text.utf8)
    let name = Array(name.utf8)
    guard !name.isEmpty, text.count >= name.count else { return String(decoding: text, as: UTF8.self) }
    var result: [UInt8] = []
    var index = 0
    while index < text.count {
      let end = index + name.count
      if end <= text.count, text[index] == name[0], text[index..<end].elementsEqual(name),
        index == 0 || !text[index - 1].isPartOfWord, end == text.count || !text[end].isPartOfWord
      {
        result.append(0)
        index = end
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}

extension UInt8 {
  fileprivate var isPartOfWord: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
  }
}

extension FieldChange {
  private static let derivedEndings = [".uuid", ".mac", ".serial"]

  /// Whether Vireo derived the value from the object's name.
  var isDerived: Bool {
    reason == .default && (field == "uuid" || field == "mac" || Self.derivedEndings.contains { field.hasSuffix($0) })
  }
}

/// Names in few words: numbered ones as ranges.
enum NameList {
  /// `domains web-2 … web-100, db`, in words that lines may be broken between.
  static func words(_ names: [String], kind: String) -> [String] {
    let ranges = ranges(names)
    // More than a few lines of names would hide the plan.
    let shown = ranges.count > 24 ? Array(ranges.prefix(23)) + ["… (\(names.count) in all)"] : ranges
    return [names.count == 1 ? kind : kind + "s"]
      + shown.enumerated().map { $1 + ($0 < shown.count - 1 ? "," : "") }
  }

  /// Names that end in successive numbers become one range: `web-2 … web-100`.
  static func ranges(_ names: [String]) -> [String] {
    var result: [String] = []
    var start = 0
    while start < names.count {
      var end = start
      while end + 1 < names.count, follows(names[end], names[end + 1]) { end += 1 }
      let isRange = end - start >= 2
      let shown = isRange ? ["\(names[start]) … \(names[end])"] : Array(names[start...end])
      result += shown.map(SafeText.clean)
      start = end + 1
    }
    return result
  }

  private static func follows(_ first: String, _ second: String) -> Bool {
    guard let number = self.number(of: first), number < Int.max, number + 1 == self.number(of: second) else {
      return false
    }
    return first.dropLast(digits(of: first)) == second.dropLast(digits(of: second))
  }

  /// The number that a name ends in.
  static func number(of name: String) -> Int? { Int(name.suffix(digits(of: name))) }

  private static func digits(of name: String) -> Int {
    name.reversed().prefix { $0.isASCII && $0.isNumber }.count
  }
}
