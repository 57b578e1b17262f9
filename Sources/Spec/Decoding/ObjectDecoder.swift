// From nodes to objects by the vocabulary's tables: one decoder for every kind of object.

import Diagnostics
import Vocabulary
import YAMLTree

/// Decodes objects of any kind and collects what is wrong with them.
struct ObjectDecoder {
  var diagnostics: [Diagnostic] = []
  /// The number that `${index}` stands for; nil outside of domains that `count` makes.
  var index: Int?
  /// The kind of object whose values are being read.
  private var kind: ObjectType?
  /// Whether a value that was read holds `${index}`.
  private(set) var usesIndex = false
  /// What a mistake keeps from being whole: nothing is missed in it, and what it says is not held against anything.
  private(set) var incomplete = IncompletePlaces()

  /// Whether a part of the object that is being decoded is not what it should be, which has been reported.
  private var lacksPart = false

  /// Decodes an object from a mapping; nothing at all is an object that says nothing.
  mutating func decode(_ node: YAMLNode, as type: ObjectType, named key: YAMLNode) -> ObjectSpec {
    let name = key.scalar?.text ?? ""
    var object = ObjectSpec(type, name, at: key.range)
    let outer = lacksPart
    lacksPart = false
    defer { lacksPart = outer }
    if node.isBroken { incomplete.add(key.range, node.range, of: type) }
    guard !node.isNull else { return object }
    guard let entries = node.entries else {
      if !node.isBroken {
        report("wrong-kind", "\(type.name) \(name) is a mapping, not \(node.kindName)", at: node.range)
      }
      incomplete.add(key.range, node.range, of: type)
      return object
    }
    for entry in entries { decode(entry, in: nil, into: &object) }
    // What a device requires depends on which kind it is, and most words say that.
    let lacksKind =
      type.device != nil
      && object.malformed.contains { field in
        if case .enumeration = field.type { true } else { false }
      }
    if lacksPart || lacksKind { incomplete.add(key.range, node.range, of: type) }
    return object
  }

  private mutating func decode(_ entry: YAMLEntry, in group: String?, into object: inout ObjectSpec) {
    let type = object.type
    let name = group.map { "\($0).\(entry.name)" } ?? entry.name
    if let field = type.field(type.formerNames[name] ?? name) {
      if object.settings[field] != nil {
        let former = type.formerNames.first { $0.value == field.name }?.key ?? name
        report(
          "conflict", "`\(former)` and `\(field.name)` are the same", at: entry.value.range,
          suggestion: "write all of them under `\(field.name)`")
      } else {
        set(field, from: entry.value, in: &object)
      }
    } else if let inner = type.group(name) {
      if let entries = entry.value.entries {
        if entry.value.isBroken { lacksPart = true }
        for entry in entries { decode(entry, in: name, into: &object) }
      } else if let shorthand = inner.shorthand, let field = type.field("\(name).\(shorthand)") {
        set(field, from: entry.value, in: &object)
      } else {
        lacksPart = true
        guard !entry.value.isBroken else { return }
        report("wrong-kind", "`\(name)` is a mapping, not \(entry.value.kindName)", at: entry.value.range)
      }
    } else if group == nil, let collection = type.collection(name) {
      object.members[collection.key] = decode(entry.value, as: collection)
      if type === Vocabulary.stack, entry.value.isBroken || entry.value.entries == nil && !entry.value.isNull {
        incomplete.addCollection(collection.key)
      }
    } else {
      reportUnknown(entry, in: group, of: &object)
    }
  }

  /// Decodes the objects of a collection.
  mutating func decode(_ node: YAMLNode, as collection: ObjectType.Collection) -> [ObjectSpec] {
    guard !node.isNull, !node.isBroken || node.entries != nil else { return [] }
    guard let entries = node.entries else {
      let remedy = node.elements == nil ? nil : "write `NAME:` in place of each `-`"
      report(
        "wrong-kind", "`\(collection.key)` is a mapping from names, not \(node.kindName)", at: node.range,
        suggestion: remedy)
      return []
    }
    return entries.map { entry in
      check(key: entry.key, of: collection.type)
      return decode(entry.value, as: collection.type, named: entry.key)
    }
  }

  private mutating func check(key: YAMLNode, of type: ObjectType) {
    do {
      _ = try type.keyRule.normalised(key.scalar?.text ?? "")
    } catch {
      report("bad-name", error.message, at: key.range, suggestion: error.suggestion)
    }
  }

  // MARK: Values

  private mutating func set(_ field: Field, from node: YAMLNode, in object: inout ObjectSpec) {
    // Read where it is used, by the variables.
    if case .map = field.type { return }
    kind = object.type
    if let value = value(of: field.type, from: node, at: field.name) {
      object.settings[field] = Setting(value, at: node.range)
    } else {
      object.malformed.insert(field)
    }
  }

  /// A node with its last template expanded: the number of its domain.
  private struct Finished {
    var node: YAMLNode
    /// What looks like a shell's variable in it.
    var shellVariable: String?
  }

  /// Expands a node's last template. Nil for one with a variable that has no value, which has been reported.
  private mutating func finished(_ node: YAMLNode) -> Finished? {
    guard let text = node.scalar?.text, text.utf8.contains(UInt8(ascii: "$")) else { return Finished(node: node) }
    var isNumbered = false
    var isUnresolved = false
    let expanded = Template.expand(text, keepingEscapes: false) { name in
      guard name == VariableScope.index else {
        isUnresolved = true
        return nil
      }
      isNumbered = true
      return index.map(String.init) ?? "1"
    }
    if isNumbered {
      usesIndex = true
      if index == nil {
        report(
          "misplaced-index", "`${index}` has a value only in a domain with a `count`", at: node.range,
          suggestion: "add `count:` to the domain")
      }
    }
    guard !isUnresolved, Template.malformed(text) == nil else { return nil }
    return Finished(
      node: isNumbered ? node.replacingTemplate(by: expanded) : node.replacingText(expanded),
      shellVariable: Template.shellVariable(in: text))
  }

  /// - Parameter name: the value's place in its object, for messages: `numa.cells.0.memory`.
  private mutating func value(of type: ValueType, from node: YAMLNode, at name: String) -> Value? {
    finished(node).flatMap { value(of: type, from: $0, at: name) }
  }

  private mutating func value(of type: ValueType, from finished: Finished, at name: String) -> Value? {
    let node = finished.node
    // Its mistake has been reported.
    guard !node.isBroken else { return nil }
    switch type {
    case .list(let element):
      guard let nodes = node.elements else { return value(of: element, from: finished, at: name).map { .list([$0]) } }
      let values = nodes.compactMap { value(of: element, from: $0, at: name) }
      return values.count == nodes.count ? .list(values) : nil
    case .table(let key, let element): return table(from: node, key: key, of: element, at: name)
    case .record(let members): return record(from: node, members, at: name)
    case .path, .secretFile: return file(type, from: finished, at: name)
    default: return plainValue(of: type, from: node, at: name)
    }
  }

  private mutating func table(from node: YAMLNode, key rule: TextRule, of element: ValueType, at name: String) -> Value?
  {
    guard let entries = node.entries else {
      report(
        "wrong-kind", "`\(name)` is a mapping, not \(node.kindName)", at: node.range,
        suggestion: "write `KEY: VALUE`; a key is \(rule.explanation)")
      return nil
    }
    guard !entries.isEmpty else {
      let problem = ValueType.emptyTable
      report("bad-value", "\(name): \(problem.message)", at: node.range, suggestion: problem.suggestion)
      return nil
    }
    var values: [String: Value] = [:]
    var isWhole = true
    for entry in entries {
      let found = value(of: element, from: entry.value, at: "\(name).\(entry.name)")
      do {
        let key = try rule.normalised(entry.name)
        if let number = entry.key.scalar?.digitsBehindZero, key == number {
          reportLeadingZero(entry.name, number, at: entry.key.range, named: name)
          isWhole = false
        } else if values[key] != nil {
          report("duplicate-key", "`\(name)` has `\(key)` twice, in two notations", at: entry.key.range)
        }
        isWhole = isWhole && found != nil && values[key] == nil
        values[key] = found
      } catch {
        let match = rule.words.flatMap { closestMatch(to: entry.name, among: $0) }
        report(
          "bad-value", "\(name): \(error.message)", at: entry.key.range,
          suggestion: match.map { "did you mean `\($0)`?" } ?? error.suggestion)
        isWhole = false
      }
    }
    return isWhole ? .table(values) : nil
  }

  private mutating func record(from node: YAMLNode, _ members: [ValueType.Member], at name: String) -> Value? {
    // Nothing at all is a record that says nothing: `rtc:` among timers.
    guard let entries = node.isNull ? [] : node.entries else {
      report(
        "wrong-kind", "`\(name)` is a mapping, not \(node.kindName)", at: node.range,
        suggestion: "its keys are \(members.map(\.name).joined(separator: ", "))")
      return nil
    }
    var values: [String: Value] = [:]
    var isWhole = true
    var named: Set<String> = []
    for entry in entries {
      guard let member = members.first(where: { $0.name == entry.name }) else {
        let closest = closestMatch(to: entry.name, among: members.map(\.name))
        if let closest { named.insert(closest) }
        report(
          "unknown-key", "`\(name)` has no key `\(entry.name)`", at: entry.key.range,
          suggestion: closest.map { "did you mean `\($0)`?" }
            ?? "the keys are \(members.map(\.name).joined(separator: ", "))")
        isWhole = false
        continue
      }
      named.insert(member.name)
      let found = value(of: member.type, from: entry.value, at: "\(name).\(member.name)")
      values[member.name] = found
      isWhole = isWhole && found != nil
    }
    for member in members where member.isRequired && !named.contains(member.name) {
      report(
        "missing-key", "`\(name)` has no `\(member.name)`", at: node.range,
        suggestion: "add `\(member.name):`, \(member.type.explanation)")
      isWhole = false
    }
    return isWhole ? .table(values) : nil
  }

  private mutating func plainValue(of type: ValueType, from node: YAMLNode, at name: String) -> Value? {
    guard let scalar = node.scalar, !node.isNull else {
      report(
        "wrong-kind", "`\(name)` is \(type.explanation), not \(node.kindName)", at: node.range,
        suggestion: textRemedy(type, node))
      return nil
    }
    let meaning = scalar.isFromTemplate ? scalar.unquotedValue : scalar.value
    if let problem = kindProblem(type, scalar, meaning) {
      report("wrong-kind", problem.message, at: node.range, suggestion: problem.suggestion)
      return nil
    }
    if case .xml(let element) = type { return fragment(element, from: node, scalar, at: name) }
    do {
      // In YAML `True` is true, and 0x10 is 16.
      let value: Value =
        switch (type, meaning) {
        case (.boolean, .boolean(let value)): .boolean(value)
        case (.integer, .integer(let number)): try type.parse(String(number))
        default: try type.parse(scalar.text)
        }
      // A text that keeps its zeros, such as a file's mode, is what it says.
      if let number = scalar.digitsBehindZero, value.description == number {
        reportLeadingZero(scalar.text, number, at: node.range, named: name)
        return nil
      }
      return value
    } catch {
      report(
        "bad-value", "\(name): \(error.message)", at: node.range,
        suggestion: error.suggestion ?? suggestion(for: scalar.text, type, at: name))
      return nil
    }
  }

  /// The path of a file or folder of this host, or what a file of secrets holds. Paths are what they say: no shell reads
  /// them, which would replace `~` and `$HOME`.
  private mutating func file(_ type: ValueType, from finished: Finished, at name: String) -> Value? {
    let range = finished.node.range
    guard let value = plainValue(of: type, from: finished.node, at: name), let path = value.string else { return nil }
    guard !path.hasPrefix("~") else {
      report(
        "bad-value", "`~` is not expanded in paths", at: range,
        suggestion: "write the whole path, or `${HOME}` and give --var HOME=\"$HOME\"")
      return nil
    }
    if let variable = finished.shellVariable {
      let name = variable == "$(" ? "NAME" : String(variable.dropFirst())
      report(
        "bad-value", "`\(variable)` is not expanded in paths", at: range,
        suggestion:
          "write the whole path, or `${\(name)}` and give --var \(name)=\"$\(name)\"; `$$` is a dollar")
      return nil
    }
    guard !path.hasScheme else {
      report(
        "bad-value", "`\(path)` is a URL, and \(name) is a file or folder of this host", at: range,
        suggestion: "fetch the file first, and write its path")
      return nil
    }
    let resolved = SpecFiles.resolve(path, relativeTo: range.file)
    guard case .secretFile = type else { return .string(resolved) }
    do {
      return .secret(try SpecFiles.password(in: resolved))
    } catch {
      report("bad-value", "\(name): \(error.message)", at: range, suggestion: error.suggestion)
      return nil
    }
  }

  /// libvirt's XML. What is wrong with it is reported at its own line and column where the text is a block of lines.
  private mutating func fragment(
    _ element: String, from node: YAMLNode, _ scalar: YAMLScalar, at name: String
  ) -> Value? {
    do {
      return .xml(try XMLFragment.parse(scalar.text, element: element))
    } catch {
      var range = node.range
      if scalar.style == .literal, error.line > 0 {
        let indentation = range.file.line(range.start.line + 1).prefix { $0 == " " }.count
        let start = SourcePosition(line: range.start.line + error.line, column: indentation + error.column)
        range = SourceRange(file: range.file, start: start, end: start)
      }
      report(
        "bad-xml", "\(name): \(error.message)", at: range,
        suggestion: error.reason == .limit
          ? "shorten it, or use keys" : "write elements as libvirt's documentation shows them, and close each")
      return nil
    }
  }

  /// A number such as 010, which is 8 to one reader and 10 to another.
  private mutating func reportLeadingZero(_ text: String, _ number: String, at range: SourceRange, named name: String) {
    let octal = Int(text, radix: 8).map(String.init).flatMap { $0 == number ? nil : $0 }
    report(
      "leading-zero",
      "\(name): `\(text)` "
        + (octal.map { "is \(number) in YAML 1.2 and \($0) in YAML 1.1" } ?? "begins with a zero, as octal numbers do"),
      at: range,
      suggestion: "write \(number), without a zero before it")
  }

  /// How to write a text that YAML takes for something else; nil where the value is not to be a text, or would be wrong
  /// in quotes as well.
  private func textRemedy(_ type: ValueType, _ node: YAMLNode) -> String? {
    guard let text = node.scalar?.text else { return nil }
    if text.isEmpty { return "write a value, or leave out the key" }
    switch type {
    case .boolean, .integer, .secretFile, .xml: return nil
    default: return (try? type.parse(text)) == nil ? nil : "if you mean the text, write \"\(text)\", in quotes"
    }
  }

  /// What is wrong with the kind of a scalar: numbers in quotes, booleans in words.
  ///
  /// - Parameter meaning: what the scalar means where its place does not say.
  private func kindProblem(_ type: ValueType, _ scalar: YAMLScalar, _ meaning: YAMLScalarValue) -> ValueProblem? {
    switch (type, meaning) {
    case (.boolean, .boolean), (.integer, .integer): return nil
    case (.boolean, _):
      let plain = YAMLScalar(scalar.text)
      let isQuoted = scalar.style != .plain && !scalar.isFromTemplate
      var remedy = "write true or false"
      if case .boolean(let value) = plain.value {
        remedy = isQuoted ? "write \(value), without quotes" : "write \(value), without the tag"
      } else if let value = plain.yaml11Boolean {
        remedy = isQuoted ? "write \(value), without quotes" : "write \(value)"
      }
      return ValueProblem("`\(scalar.text)` is not a boolean", suggestion: remedy)
    case (.integer(let range), .number(let number)):
      if scalar.isWholeNumberBeyondRange { return ValueType.beyond(scalar.text, range) }
      let whole = Int(exactly: number).flatMap { range.contains($0) ? $0 : nil }
      return ValueProblem("`\(scalar.text)` is not a whole number", suggestion: whole.map { "write \($0)" })
    case (.integer(let range), _):
      if !scalar.isFromTemplate, scalar.isWholeNumberBeyondRange { return ValueType.beyond(scalar.text, range) }
      var remedy: String?
      if !scalar.isFromTemplate, case .integer(let number) = scalar.unquotedValue {
        remedy = "write \(number), without \(scalar.style == .plain ? "the tag" : "quotes")"
      }
      return ValueProblem("`\(scalar.text)` is not a number", suggestion: remedy)
    default: return nil
    }
  }

  private func suggestion(for text: String, _ type: ValueType, at name: String) -> String? {
    guard case .enumeration(let names) = type else { return nil }
    if let value = kind?.value(meantBy: text, for: name) { return "write `\(value)`" }
    return closestMatch(to: text, among: names).map { "did you mean `\($0)`?" }
  }

  // MARK: Messages

  private mutating func reportUnknown(_ entry: YAMLEntry, in group: String?, of object: inout ObjectSpec) {
    let type = object.type
    let keys = type.keys(in: group)
    let meaning = type.meaning(of: entry.name, in: group)
    let closest = meaning == nil ? closestMatch(to: entry.name, among: keys) : nil
    // What is there under a misspelt key is not missed as well.
    if let name = meaning?.key ?? closest.map({ key in group.map { "\($0).\(key)" } ?? key }) {
      let shorthand = type.group(name)?.shorthand.map { "\(name).\($0)" }
      object.malformed.formUnion([name, shorthand].compactMap { $0.flatMap(type.field) })
      if type === Vocabulary.stack, type.collection(name) != nil { incomplete.addCollection(name) }
      if type.group(name) != nil { lacksPart = true }
    }
    let place = group.map { "`\($0)`" } ?? (type.name == "stack" ? "a spec" : type.name.withArticle)
    report(
      "unknown-key", "\(place) has no key `\(entry.name)`", at: entry.key.range,
      suggestion: meaning?.advice ?? closest.map { "did you mean `\($0)`?" }
        ?? Self.choice(of: keys, for: entry.name, shownBy: group ?? type.name))
  }

  /// The keys that there are; of many those that are most like the name, and how to see the others.
  private static func choice(of keys: [String], for name: String, shownBy place: String) -> String {
    guard keys.count > 12 else { return "the keys are \(keys.joined(separator: ", "))" }
    // `domain` alone is also a network's field.
    let isTop = ["network", "pool", "image", "volume", "domain"].contains(place)
    let place = place == "stack" ? "" : " " + place + (isTop ? "s" : "")
    let near = nearestNames(to: name, among: keys, count: 4).map { "`\($0)`" }.joined(separator: ", ")
    return "the nearest keys are \(near); `vireo explain\(place)` shows all \(keys.count)"
  }

  private mutating func report(
    _ rule: String, _ message: String, at range: SourceRange, suggestion: String? = nil
  ) {
    diagnostics.append(Diagnostic(rule, message, at: range, suggestion: suggestion))
  }
}

extension String {
  /// Whether the text starts as a URL does (RFC 3986, section 3.1): `https://`.
  fileprivate var hasScheme: Bool {
    guard let colon = utf8.firstIndex(of: UInt8(ascii: ":")), utf8[colon...].starts(with: "://".utf8),
      let first = unicodeScalars.first, first.isASCII, first.properties.isAlphabetic
    else { return false }
    return utf8[..<colon].allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }
}
