// The reference page of the spec language, in Markdown.

import Vocabulary

extension SpecLanguage {
  /// The page as Markdown.
  public static func reference() -> String {
    var page = """
      # The spec language

      <!-- Written by `vireo schema --reference` from the tables in Sources/Vocabulary; change those. -->

      A spec is one YAML file or several, which are merged into one *stack*. Everything with a name is a mapping keyed by
      it, so that order means nothing. Unknown keys are errors. `vireo explain KEY` prints what stands here about a key.


      """
    page += effects()
    for place in places { page += section(place) }
    return page
  }

  private static func effects() -> String {
    var text = "## Effects\n\nWhat it takes to make a change; every plan says it before anything is done.\n\n"
    text += "| effect | meaning |\n| --- | --- |\n"
    for effect in Effect.allCases { text += "| `\(effect.rawValue)` | \(effect.explanation) |\n" }
    return text
  }

  private static func section(_ place: Place) -> String {
    let level = place.path.count < 2 ? "##" : "###"
    var text = "\n\(level) \(place.path.isEmpty ? "The stack" : "`\(place.spelled)`")\n\n\(place.type.fullSummary)\n"
    if place.type === Vocabulary.profile {
      return text + "\nThe keys are those of [a domain](#domainsname) without `count`, `profiles` and `uuid`.\n"
    }
    if !place.path.isEmpty {
      text += place.type.keyRule.pattern.map { "\nA name matches `\($0)`.\n" } ?? ""
    }
    if !place.type.fields.isEmpty {
      text += "\n| key | value | a change takes | meaning |\n| --- | --- | --- | --- |\n"
      for field in place.type.fields { text += row(field) }
    }
    for field in place.type.fields { for record in field.type.records(at: field.name) { text += members(of: record) } }
    for group in place.type.groups {
      text += "\n`\(group.name)`: \(group.summary)"
      if let shorthand = group.shorthand {
        text += " A plain value is its `\(shorthand)`: `\(group.name): \(example(group, shorthand, place.type))`."
      }
      text += "\n"
    }
    if !place.type.collections.isEmpty {
      text += "\nMappings from names to objects: "
      text += place.type.collections.map { "`\($0.key)`" }.joined(separator: ", ") + ".\n"
    }
    return text
  }

  private static func row(_ field: Field) -> String {
    var value = words(field.type)
    if field.isRequired { value += "; required" }
    if let initial = field.initial { value += "; a new one gets `\(initial)`" }
    var meaning = field.fullSummary
    if let lens = field.lens {
      let places = lens.places.map { "`\($0)`" }.joined(separator: ", ")
      let link = field.reference.map { "[\(places)](\(libvirtPages)\($0))" } ?? places
      meaning += " libvirt: \(link)."
    } else if let reference = field.reference {
      meaning += " [libvirt's documentation](\(libvirtPages)\(reference))."
    }
    let cells = ["`\(field.name)`", value, field.effect.words { "`\($0)`" }, meaning]
    return "| " + cells.map(cell).joined(separator: " | ") + " |\n"
  }

  private static func members(of record: (path: String, members: [ValueType.Member])) -> String {
    var text = "\n`\(record.path)`:\n\n| key | value | meaning |\n| --- | --- | --- |\n"
    for member in record.members {
      let value = words(member.type) + (member.isRequired ? "; required" : "")
      text += "| " + ["`\(member.name)`", value, member.fullSummary].map(cell).joined(separator: " | ") + " |\n"
    }
    return text
  }

  /// What kind of value it is.
  private static func words(_ type: ValueType) -> String {
    switch type {
    case .enumeration(let names): names.map { "`\($0)`" }.joined(separator: ", ")
    case .record: "a mapping; its keys are below"
    case .table(let key, let element): "a mapping from \(key.explanation) to \(words(element))"
    case .list(let element): "a list; each is \(words(element))"
    default: type.explanation
    }
  }

  private static func cell(_ text: String) -> String {
    String(text.flatMap { $0 == "|" ? "\\|" : $0 == "\n" ? " " : String($0) })
  }

  private static func example(_ group: FieldGroup, _ shorthand: String, _ type: ObjectType) -> String {
    switch type.field("\(group.name).\(shorthand)")?.type {
    case .enumeration(let names)?: names.count > 1 ? names[1] : names.first ?? ""
    case .integer?: "2"
    default: "…"
    }
  }
}
