// A hundred domains from one entry change alike, and are shown once: which objects may share a block, and their names.

import Planner
import Vocabulary

/// Objects that follow each other in a plan and change alike.
///
/// Two are alike when verb, fields, values, effects, reasons, waiting values and steps are the same after each one's
/// own name is taken out, except for the identities that Vireo derives from the name: UUID, MAC address, serial number.
struct AlikeObjects {
  let first: ObjectPlan
  private(set) var others: [String] = []
  /// Whether the objects have derived identities, which differ.
  let hasDerivedValues: Bool

  static func grouped(_ objects: [ObjectPlan], steps: [ObjectReference: [Action]]) -> [AlikeObjects] {
    var groups: [AlikeObjects] = []
    var last: [String] = []
    for object in objects {
      let signature = signature(of: object, steps: steps[object.object] ?? [])
      if !groups.isEmpty, signature == last {
        groups[groups.count - 1].others.append(object.object.name)
      } else {
        groups.append(AlikeObjects(first: object, hasDerivedValues: object.changes.contains(where: \.isDerived)))
      }
      last = signature
    }
    return groups
  }

  /// Everything that a reader is shown of an object, its own name replaced.
  private static func signature(of plan: ObjectPlan, steps: [Action]) -> [String] {
    let name = plan.object.name
    func neutral(_ text: String) -> String { replacing(name, in: text) }
    func neutral(_ value: Value?) -> String { value.map { neutral($0.description) } ?? "\u{0}" }
    var parts = [plan.object.kind.rawValue, plan.verb.rawValue]
    for change in plan.changes {
      parts += [change.field, change.effect.rawValue, change.reason.rawValue, neutral(change.detail ?? "\u{0}")]
      parts += change.isDerived ? [] : [neutral(change.old), neutral(change.new)]
    }
    for value in plan.pending { parts += [value.field, neutral(value.running), neutral(value.stored)] }
    for step in steps { parts += [neutral(step.operation.phrase), step.effect.rawValue] }
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
    func split(_ name: String) -> (Substring, Int)? {
      let digits = name.reversed().prefix { $0.isASCII && $0.isNumber }
      guard let number = Int(String(digits.reversed())) else { return nil }
      return (name.dropLast(digits.count), number)
    }
    guard let (stem, number) = split(first), let (other, next) = split(second) else { return false }
    return stem == other && number < Int.max && next == number + 1
  }
}
