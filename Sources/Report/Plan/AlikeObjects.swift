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
    var first: [Part] = []
    for object in objects {
      let parts = parts(of: object, steps: steps[object.object] ?? [])
      if !groups.isEmpty, parts.count == first.count, zip(parts, first).allSatisfy({ $0.isAlike($1) }) {
        groups[groups.count - 1].others.append(object.object.name)
        if zip(parts, first).contains(where: { $0.text != $1.text }) { groups[groups.count - 1].hasNumbers = true }
      } else {
        groups.append(AlikeObjects(first: object, hasDerivedValues: object.changes.contains(where: \.isDerived)))
        first = parts
      }
    }
    return groups
  }

  /// Something that a reader is shown of an object.
  private struct Part {
    /// Without the object's name.
    var text: String
    /// Without its number either, where it may differ in that.
    var numberless: String?

    init(_ text: String, numberless: String? = nil) {
      self.text = text
      self.numberless = numberless
    }

    func isAlike(_ other: Part) -> Bool {
      text == other.text || numberless != nil && numberless == other.numberless
    }
  }

  /// Everything that a reader is shown of an object, its own name replaced.
  private static func parts(of plan: ObjectPlan, steps: [Action]) -> [Part] {
    let name = plan.object.name
    let number = NameList.number(of: name).map(String.init)
    func neutral(_ text: String) -> Part { Part(replacing(name, in: text)) }
    func neutral(_ value: Value?) -> Part {
      guard let value else { return Part("\u{0}") }
      let part = neutral(value.description)
      guard case .string = value, let number else { return part }
      return Part(part.text, numberless: replacing(number, in: part.text))
    }
    var parts = [Part(plan.object.kind.rawValue), Part(plan.verb.rawValue)]
    for change in plan.changes {
      // Most of what something new is given is the same for all.
      if change.reason == .default, change.old == nil, change.detail == nil, change.effect == .define {
        parts.append(Part(change.field))
        if !change.isDerived { parts.append(neutral(change.new)) }
        continue
      }
      parts += [Part(change.field), Part(change.effect.rawValue), Part(change.reason.rawValue)]
      parts.append(neutral(change.detail ?? "\u{0}"))
      parts += change.isDerived ? [] : [neutral(change.old), neutral(change.new)]
    }
    for problem in plan.problems { parts += [neutral(problem.message), neutral(problem.suggestion ?? "\u{0}")] }
    for value in plan.pending { parts += [Part(value.field), neutral(value.running), neutral(value.stored)] }
    for step in steps { parts += [neutral(step.operation.phrase), Part(step.effect.rawValue)] }
    return parts
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
  /// Whether Vireo derived the value from the object's name.
  var isDerived: Bool {
    reason == .default && ["uuid", "mac", "serial"].contains(field.split(separator: ".").last.map(String.init) ?? "")
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
