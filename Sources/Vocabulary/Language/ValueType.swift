// What kinds of values fields hold, and how a text becomes a value of a kind.

/// Why a text is not a value of its kind, and what to write instead.
public struct ValueProblem: Error, Sendable, Hashable {
  /// What is wrong, as a clause. It quotes the text, unless that is a secret.
  public var message: String
  /// What to write instead, as an imperative; nil where the message says enough.
  public var suggestion: String?

  /// A problem, by default without a remedy.
  public init(_ message: String, suggestion: String? = nil) {
    self.message = message
    self.suggestion = suggestion
  }
}

/// The kind of a field's value.
public indirect enum ValueType: Sendable {
  /// A text that obeys a rule.
  case text(TextRule)
  /// A whole number within a range.
  case integer(ClosedRange<Int>)
  /// `true` or `false`.
  case boolean
  /// A size with a unit, from `least` to `most` bytes, a multiple of `granularity` bytes.
  case size(granularity: UInt64, least: UInt64 = 1, most: UInt64 = .max)
  /// A length of time with a unit, in whole seconds.
  case duration
  /// One of a few words, which are compared as they are written.
  case enumeration([String])
  /// A file or folder; relative paths are relative to the file that has them.
  case path
  /// A file that holds a password, and nothing else but the end of its line.
  case secretFile
  /// The name of another object of the stack, such as an image.
  case reference(collection: String)
  /// Several values in an order that means something; a single one may stand without brackets.
  case list(of: ValueType)
  /// Values of one kind by name, in no order, at least one: `{ 0: 0-3, 1: 4-7 }`.
  case table(key: TextRule, of: ValueType)
  /// Values of several kinds that belong together, each under a name of its own: `{ scheduler: fifo, priority: 1 }`.
  case record([Member])
  /// A piece of libvirt's own XML: an object's element of that name, or what stands within it.
  case xml(element: String)
  /// Plain values by name; read where they are used, never stored.
  case map

  /// One of the values of a record.
  public struct Member: Sendable {
    /// The member's key in the record.
    public let name: String
    /// The kind of the member's value.
    public let type: ValueType
    /// What it means, in a sentence.
    public let summary: String
    /// Whether every such record must have the member.
    public let isRequired: Bool
    /// The versions of libvirt that brought the member and its values.
    public let origin: Origin
    /// When the member must be set, and when it may be, as far as other members of the record decide.
    public let rules: FieldRules

    init(
      _ name: String, _ type: ValueType, _ summary: String, isRequired: Bool = false, origin: Origin = Origin(),
      rules: FieldRules = FieldRules()
    ) {
      self.name = name
      self.type = type
      self.summary = summary
      self.isRequired = isRequired
      self.origin = origin
      self.rules = rules
    }
  }
}

extension ValueType {
  /// Reads a value from its text. Paths are taken as they are.
  ///
  /// This is the inverse of ``Value/description`` for every kind.
  public func parse(_ text: String) throws(ValueProblem) -> Value {
    switch self {
    case .text(let rule):
      return rule.value(of: try rule.normalised(text))
    case .integer(let range):
      guard let number = Int(text) else { throw Self.noInteger(text, range) }
      guard range.contains(number) else { throw Self.outOfRange(number, range) }
      return .integer(number)
    case .boolean:
      switch text {
      case "true": return .boolean(true)
      case "false": return .boolean(false)
      default: throw ValueProblem("`\(text)` is not a boolean", suggestion: "write `true` or `false`, without quotes")
      }
    case .size(let granularity, let least, let most):
      let bytes = try ByteCount.parse(text)
      guard bytes >= least else {
        throw ValueProblem("\(ByteCount.text(bytes)) is too small", suggestion: "the least is \(ByteCount.text(least))")
      }
      guard bytes <= most else {
        throw ValueProblem("\(ByteCount.text(bytes)) is too large", suggestion: "the most is \(ByteCount.text(most))")
      }
      guard bytes.isMultiple(of: granularity) else { throw Self.inexact(bytes, granularity, least...most) }
      return .bytes(bytes)
    case .duration:
      return .seconds(try Duration.parse(text))
    case .enumeration(let names):
      guard names.contains(text) else { throw ValueProblem("`\(text)` is not one of \(names.listed)") }
      return .string(text)
    case .path, .secretFile:
      guard !text.isEmpty else { throw ValueProblem("a path cannot be empty") }
      guard !text.utf8.contains(0) else { throw ValueProblem("a path cannot hold a NUL byte") }
      return .string(text)
    case .reference(let collection):
      return .string(try TextRule.reference(to: collection).normalised(text))
    case .list(let element):
      // By bytes: a mark may combine with the bracket before it to one character.
      guard text.utf8.first == UInt8(ascii: "["), text.utf8.last == UInt8(ascii: "]") else {
        return .list([try element.parse(text)])
      }
      return try value(of: FlowText(parsing: text))
    case .table, .record:
      guard text.utf8.first == UInt8(ascii: "{") else { throw Self.noMapping(text) }
      return try value(of: FlowText(parsing: text))
    case .xml(let element):
      do {
        return .xml(try XMLFragment.parse(text, element: element))
      } catch {
        throw ValueProblem("this is not XML: \(error.message)")
      }
    case .map: throw Self.noMapping(text)
    }
  }

  /// The value of a text that has been taken apart.
  private func value(of text: FlowText) throws(ValueProblem) -> Value {
    switch (self, text) {
    case (.list(let element), .list(let items)):
      var values: [Value] = []
      for item in items { values.append(try element.value(of: item)) }
      return .list(values)
    case (.list(let element), _): return .list([try element.value(of: text)])
    case (.table(let key, let element), .mapping(let entries)):
      var values: [String: Value] = [:]
      for (name, item) in entries { values[try key.normalised(name)] = try element.value(of: item) }
      guard !values.isEmpty else { throw Self.emptyTable }
      return .table(values)
    case (.record(let members), .mapping(let entries)):
      var values: [String: Value] = [:]
      for (name, item) in entries {
        guard let member = members.first(where: { $0.name == name }) else {
          throw ValueProblem("there is no key `\(name)`", suggestion: "the keys are \(members.map(\.name).listed)")
        }
        values[name] = try member.type.value(of: item)
      }
      if let missing = members.first(where: { $0.isRequired && values[$0.name] == nil }) {
        throw ValueProblem("`\(missing.name)` is missing", suggestion: "add `\(missing.name):`")
      }
      return .table(values)
    case (.table, .plain(let text)), (.record, .plain(let text)): throw Self.noMapping(text)
    case (_, .plain(let text)): return try parse(text)
    default: throw ValueProblem("there is a mapping or a list where \(explanation) is to be")
    }
  }

  private static func noMapping(_ text: String) -> ValueProblem {
    ValueProblem("`\(text)` is not a mapping", suggestion: "write names and values, one a line")
  }

  /// What is wrong with a table without entries: it could not be distinguished from no table.
  public static let emptyTable = ValueProblem("a mapping without entries has no effect", suggestion: "leave it out")

  /// The kind in words, with its article: `a size such as 2 GiB`.
  public var explanation: String {
    switch self {
    case .text(let rule): rule.explanation
    case .integer(let range):
      range.upperBound == .max
        ? "a whole number, at least \(range.lowerBound)"
        : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .boolean: "true or false"
    case .size: "a size such as 2 GiB"
    case .duration: "a time such as 90 s or 5 min"
    case .enumeration(let names): "one of \(names.listed)"
    case .path: "a path"
    case .secretFile: "the path of a file with a password"
    case .reference(let collection): "the name of one of the stack's `\(collection)`"
    case .list(let element): "a list; each is \(element.explanation)"
    case .table(let key, let element): "a mapping from \(key.explanation) to \(element.explanation)"
    case .record(let members): "a mapping with the keys \(members.map(\.name).joined(separator: ", "))"
    case .xml(let element): "libvirt's XML of <\(element)>, or elements within it"
    case .map: "a mapping from names to plain values"
    }
  }

  /// What is wrong with a text that no `Int` is: most often not a number, but it may have many digits.
  private static func noInteger(_ text: String, _ range: ClosedRange<Int>) -> ValueProblem {
    let digits = text.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
    guard digits.count + 1 >= text.utf8.count, digits.count > 9,
      digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
    else { return ValueProblem("`\(text)` is not a whole number") }
    return beyond(text, range)
  }

  /// What is wrong with a whole number that 64 bits do not hold.
  public static func beyond(_ text: String, _ range: ClosedRange<Int>) -> ValueProblem {
    text.hasPrefix("-")
      ? ValueProblem("\(text) is too small", suggestion: "the least is \(range.lowerBound)")
      : ValueProblem("\(text) is too large", suggestion: "the most is \(range.upperBound)")
  }

  /// What is wrong with a size that the unit in which libvirt or the image has it cannot hold.
  private static func inexact(_ bytes: UInt64, _ granularity: UInt64, _ range: ClosedRange<UInt64>) -> ValueProblem {
    let below = bytes / granularity * granularity
    let (above, overflow) = below.addingReportingOverflow(granularity)
    let nearest = [below, overflow ? 0 : above].filter { $0 > 0 && range.contains($0) }.map { ByteCount.text($0) }
    return ValueProblem(
      "\(ByteCount.text(bytes)) is not a multiple of \(ByteCount.text(granularity))",
      suggestion: "write " + nearest.joined(separator: " or "))
  }

  private static func outOfRange(_ number: Int, _ range: ClosedRange<Int>) -> ValueProblem {
    number < range.lowerBound
      ? ValueProblem("\(number) is too small", suggestion: "the least is \(range.lowerBound)")
      : ValueProblem("\(number) is too large", suggestion: "the most is \(range.upperBound)")
  }
}

/// Times as the spec writes them.
enum Duration {
  private static let units = [("s", 1), ("min", 60), ("h", 3600), ("d", 86_400)]

  static func parse(_ text: String) throws(ValueProblem) -> Int {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    let tooLong = ValueProblem("`\(text)` is too long", suggestion: "the most is a year")
    guard let number = Int(digits) else {
      guard digits.isEmpty else { throw tooLong }
      throw ValueProblem("`\(text)` is not a time", suggestion: "write a number and a unit, such as 90 s")
    }
    guard !unit.isEmpty else {
      throw ValueProblem("a time needs a unit", suggestion: "write \(number) s or \(number) min")
    }
    guard let factor = units.first(where: { $0.0 == unit })?.1 else {
      throw ValueProblem("`\(unit)` is not a unit of time", suggestion: "units are s, min, h and d")
    }
    let (seconds, overflow) = number.multipliedReportingOverflow(by: factor)
    guard !overflow, seconds <= 365 * 24 * 3600 else { throw tooLong }
    return seconds
  }
}

extension [String] {
  /// `a, b or c`.
  var listed: String {
    count < 2 ? joined() : dropLast().joined(separator: ", ") + " or " + self[count - 1]
  }
}

extension String {
  /// The noun with `a` or `an` before it.
  package var withArticle: String { (first.map("aeiou".contains) ?? false ? "an " : "a ") + self }
}

extension ValueType {
  /// Whether a value of the type names devices of the domain by their aliases.
  public var namesDevices: Bool {
    switch self {
    case .text(let rule): rule.namesDevice
    case .list(let type): type.namesDevices
    case .table(let key, let type): key.namesDevice || type.namesDevices
    case .record(let members): members.contains { $0.type.namesDevices }
    default: false
    }
  }

  /// The aliases of devices that a value of the type names.
  public func namedDevices(in value: Value) -> [String] {
    switch (self, value) {
    case (.text(let rule), .string(let text)): return rule.namesDevice ? [text] : []
    case (.list(let type), .list(let values)): return values.flatMap(type.namedDevices)
    case (.table(let key, let type), .table(let entries)):
      let named = entries.sorted { $0.key < $1.key }
      return named.flatMap { (key.namesDevice ? [$0.key] : []) + type.namedDevices(in: $0.value) }
    case (.record(let members), .table(let entries)):
      return members.flatMap { member in entries[member.name].map(member.type.namedDevices) ?? [] }
    default: return []
    }
  }
}
