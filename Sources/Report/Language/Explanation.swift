// What `vireo explain` says about a key of the spec language.

public import Diagnostics
import Vocabulary

extension SpecLanguage {
  /// The explanation of a key, an object's kind, or the whole language.
  ///
  /// - Parameter path: `disks.size`, `domains.web.disks.root.size`, `cpu`, `disks`, `disk`; nil for an overview.
  ///   Names of objects may be in it; keys above may be left out where what is meant is found without them.
  /// - Throws: a diagnostic with the key that was most likely meant.
  public static func explanation(of path: String?, _ style: TextStyle = TextStyle()) throws(Diagnostic) -> String {
    let writer = ExplanationText(style: style)
    guard let path, !path.isEmpty else { return writer.overview() }
    let keys = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let found = subjects(keys)
    var texts = found.map(writer.text)
    // A word can be a key of a rare device and still be tried for something of the domain's: `ram`.
    let meant = meanings(of: keys).filter { found.isEmpty || keys.count == 1 && $0.place.type === Vocabulary.domain }
    guard !found.isEmpty || !meant.isEmpty else { throw unknown(path, keys) }
    for (place, meaning) in meant.reversed() {
      let explained = subjects(place.path + meaning.key.split(separator: ".").map(String.init)).map(writer.text)
      guard !explained.contains(where: texts.contains) else { continue }
      texts.insert(writer.introduction(keys.last ?? path, in: place.type, meaning) + explained.joined(), at: 0)
    }
    return texts.joined(separator: "\n")
  }

  /// What a path can mean.
  enum Subject {
    case object(Place)
    case group(Place, FieldGroup)
    case field(Place, Field)
  }

  private static func subjects(_ keys: [String]) -> [Subject] {
    if let subject = resolve(keys[...], in: places[0]) { return [subject] }
    // A beginning was left out: every kind of object is asked, and a kind can be named in the singular.
    var found: [Subject] = []
    for place in places.dropFirst() where place.type !== Vocabulary.profile {
      if let subject = resolve(keys[...], in: place) {
        found.append(subject)
      } else if keys[0] == place.type.name, let subject = resolve(entry: keys.dropFirst(), in: place) {
        found.append(subject)
      }
    }
    return found
  }

  private static func resolve(_ keys: ArraySlice<String>, in place: Place) -> Subject? {
    let name = keys.joined(separator: ".")
    if let field = place.type.field(name) { return .field(place, field) }
    if let group = place.type.group(name) { return .group(place, group) }
    guard let key = keys.first, let collection = place.type.collection(key) else { return nil }
    let path = place.path.first == "profiles" ? ["profiles"] : place.path
    return resolve(entry: keys.dropFirst(), in: Place(path: path + [key], type: collection.type))
  }

  /// Resolves what follows a collection's key: nothing, a key of its objects, or an object's name and such a key.
  private static func resolve(entry keys: ArraySlice<String>, in place: Place) -> Subject? {
    if keys.isEmpty { return .object(place) }
    if let subject = resolve(keys, in: place) { return subject }
    return keys.count == 1 ? nil : resolve(keys.dropFirst(), in: place)
  }

  /// The key that was meant where all but the last lead to an object or a group.
  private static func sibling(_ keys: [String]) -> String? {
    guard let last = keys.last else { return nil }
    let owner = keys.dropLast()
    // What leads there may end in the name of an object, which any key can take the place of.
    for ending in [owner, owner.dropLast()] where !ending.isEmpty {
      guard let subject = subjects(Array(ending)).first else { continue }
      let known =
        switch subject {
        case .object(let place): place.type.keys()
        case .group(let place, let group): place.type.keys(in: group.name)
        case .field: [String]()
        }
      if let match = closestMatch(to: last, among: known) { return (owner + [match]).joined(separator: ".") }
    }
    return nil
  }

  /// What is meant by a word that is not a key, in each kind of object where people try it.
  private static func meanings(of keys: [String]) -> [(place: Place, meaning: Meaning)] {
    guard let word = keys.last else { return [] }
    let owner = Array(keys.dropLast())
    if owner.isEmpty {
      // Where most people would try it: first of all in a domain.
      let ordered = places.filter { $0.type === Vocabulary.domain } + places.filter { $0.type !== Vocabulary.domain }
      return ordered.filter { $0.type !== Vocabulary.profile }.compactMap { place in
        place.type.meaning(of: word).map { (place, $0) }
      }
    }
    for ending in [owner, owner.dropLast()] where !ending.isEmpty {
      let found = subjects(Array(ending)).compactMap { subject -> (Place, Meaning)? in
        switch subject {
        case .object(let place): place.type.meaning(of: word).map { (place, $0) }
        case .group(let place, let group): place.type.meaning(of: word, in: group.name).map { (place, $0) }
        case .field: nil
        }
      }
      if !found.isEmpty { return found }
    }
    return []
  }

  private static func unknown(_ path: String, _ keys: [String]) -> Diagnostic {
    var names: [String] = []
    for place in places where place.type !== Vocabulary.profile {
      let members = place.type.fields.map(\.name) + place.type.groups.map(\.name) + place.type.collections.map(\.key)
      for member in members {
        // The path in each form in which it may be given.
        for start in 0...place.path.count {
          let name = (place.path[start...] + [member]).joined(separator: ".")
          if !names.contains(name) { names.append(name) }
        }
      }
    }
    let match =
      sibling(keys) ?? closestMatch(to: path, among: names.filter { $0.split(separator: ".").count == keys.count })
      ?? closestMatch(to: path, among: names)
    return Diagnostic(
      "unknown-key", "the spec language has no key `\(path)`",
      suggestion: match.map { "did you mean `\($0)`?" } ?? "`vireo explain` lists all objects and fields")
  }
}

/// Writes explanations.
private struct ExplanationText {
  let style: TextStyle

  func overview() -> String {
    var output = paragraph("A spec is YAML: one file or several, merged into one stack. It may have these keys:") + "\n"
    output += members(of: Vocabulary.stack)
    for place in SpecLanguage.places.dropFirst() {
      output += "\n" + style.paint(place.spelled, .bold) + "\n"
      let keys = place.type === Vocabulary.profile ? "the keys of a domain" : place.type.keys().joined(separator: ", ")
      output += paragraph(keys, margin: "  ")
    }
    return output + "\n" + paragraph("`vireo explain KEY` explains a key: try memory, disks, disks.size.")
  }

  /// What to write for a word that is not a key.
  func introduction(_ word: String, in type: ObjectType, _ meaning: Meaning) -> String {
    let owner = type === Vocabulary.stack ? "a spec" : type.name.withArticle
    return paragraph("`\(word)` is not a key of \(owner): \(meaning.advice).") + "\n"
  }

  func text(_ subject: SpecLanguage.Subject) -> String {
    switch subject {
    case .object(let place):
      return style.paint(place.spelled, .bold) + "\n" + paragraph(place.type.fullSummary, margin: "  ") + "\n"
        + members(of: place.type)
    case .group(let place, let group):
      var output = heading(place, group.name) + paragraph(group.summary, margin: "  ")
      if let shorthand = group.shorthand {
        output += paragraph("A plain value in place of the mapping is its `\(shorthand)`.", margin: "  ")
      }
      return output + "\n" + members(of: place.type, in: group.name)
    case .field(let place, let field): return text(field, at: place)
    }
  }

  private func text(_ field: Field, at place: SpecLanguage.Place) -> String {
    var output = heading(place, field.name) + paragraph(field.summary, margin: "  ") + "\n"
    var rows = [("value", field.type.explanation + (field.isRequired ? "; required" : ""))]
    if let note = field.rules.note { rows.append(("", note)) }
    if let initial = field.initial { rows.append(("a new one gets", initial.description)) }
    rows.append(("effect", field.effect.words()))
    if field.effect.running > .define {
      rows.append(("", "\(field.effect.running.rawValue): \(field.effect.running.explanation)"))
    }
    if let condition = field.effect.condition {
      rows.append(("", "only if \(condition); otherwise it waits for the next start"))
    }
    if let note = field.origin.note { rows.append(("needs", note)) }
    if let lens = field.lens { rows.append(("libvirt's XML", lens.places.joined(separator: ", "))) }
    if let reference = field.reference { rows.append(("see", SpecLanguage.libvirtPages + reference)) }
    for (label, text) in rows {
      let lines = text.hasPrefix("https:") ? [text] : SafeText.wrap(text, to: style.width - 18)
      for (index, line) in lines.enumerated() {
        output += "  " + SafeText.pad(index == 0 ? label : "", to: 14) + "  " + line + "\n"
      }
    }
    for (path, members) in field.type.records(at: field.name) { output += "\n" + self.members(members, at: path) }
    return output
  }

  /// The members of a record, each with its kind of value and its meaning.
  private func members(_ members: [ValueType.Member], at path: String) -> String {
    var output = "  " + style.paint(path, .bold) + "\n"
    let column = (members.map(\.name.count).max() ?? 0) + 2
    for member in members {
      let text =
        member.type.explanation + (member.isRequired ? "; required" : "") + ". " + member.fullSummary
      for (index, line) in SafeText.wrap(text, to: style.width - column - 4).enumerated() {
        output += "    " + SafeText.pad(index == 0 ? member.name : "", to: column) + line + "\n"
      }
    }
    return output
  }

  /// The keys of an object or a group, each with its kind of value.
  private func members(of type: ObjectType, in group: String? = nil) -> String {
    let keys = type.keys(in: group)
    let column = (keys.map(\.count).max() ?? 0) + 2
    var output = ""
    for key in keys {
      let name = group.map { "\($0).\(key)" } ?? key
      let text: String
      if let field = type.field(name) {
        text = field.type.explanation + (field.isRequired ? "; required" : "")
      } else if let inner = type.group(name) {
        text = inner.summary
      } else {
        text = "a mapping from names: " + (type.collection(key)?.type.summary ?? "")
      }
      for (index, line) in SafeText.wrap(text, to: style.width - column - 2).enumerated() {
        let label = SafeText.pad(index == 0 ? key : "", to: column)
        output += "  " + (index == 0 ? style.paint(label, .bold) : label) + line + "\n"
      }
    }
    return output
  }

  private func heading(_ place: SpecLanguage.Place, _ name: String) -> String {
    style.paint((place.path.isEmpty ? "" : place.spelled + ".") + name, .bold) + "\n"
  }

  private func paragraph(_ text: String, margin: String = "") -> String {
    SafeText.wrap(text, to: style.width - margin.count).map { margin + $0 + "\n" }.joined()
  }
}
