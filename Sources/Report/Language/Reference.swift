// The reference page of the spec language, in Markdown.

import Vocabulary

extension SpecLanguage {
  /// The page as Markdown.
  public static func reference() -> String {
    var page = """
      # The spec language

      <!-- Written by `vireo schema --reference` from the tables in Sources/Vocabulary; change those. -->

      A spec is one YAML file or several, which are merged into one *stack*. Everything with a name is a mapping keyed by
      it, so order does not matter. An unknown key is an error. `vireo explain KEY` prints the same text about a key.


      """
    page += effects() + liveFields() + hotplug()
    for place in places { page += section(place) }
    return page
  }

  private static func effects() -> String {
    var text = "## Effects\n\nEvery change has an effect. A plan shows it before anything is done.\n\n"
    text += "| effect | meaning |\n| --- | --- |\n"
    for effect in Effect.allCases { text += "| `\(effect.rawValue)` | \(effect.explanation) |\n" }
    return text
      + wrapped(
        """
        The effect of most changes is `\(EffectRule.nextBoot.running.rawValue)` while the guest or network runs, and \
        `\(EffectRule.nextBoot.stopped.rawValue)` while it is stopped. The meaning of a field with another effect \
        begins with it: **live** changes while the guest or network runs, and is `define` while it is stopped; \
        **define** and **replace** are the same in both cases.
        """)
  }

  private static func section(_ place: Place) -> String {
    let level = place.path.count < 2 ? "##" : "###"
    let title = place.path.isEmpty ? "The stack" : "`\(place.spelled)`"
    var text = "\n\(level) \(title)\n" + wrapped(place.type.fullSummary)
    if place.type === Vocabulary.profile {
      return text + "\nThe keys are those of [a domain](#domainsname) without `count`, `profiles` and `uuid`.\n"
    }
    if !place.path.isEmpty {
      text += place.type.keyRule.pattern.map { "\nA name matches `\($0)`.\n" } ?? ""
    }
    if !place.type.fields.isEmpty {
      text += "\n| key | value | meaning |\n| --- | --- | --- |\n"
      for field in place.type.fields { text += row(field) }
    }
    for field in place.type.fields { for record in field.type.records(at: field.name) { text += members(of: record) } }
    for group in place.type.groups {
      var summary = "`\(group.name)`: \(group.summary)"
      if let shorthand = group.shorthand {
        summary += " A plain value sets its `\(shorthand)`: `\(group.name): \(example(group, shorthand, place.type))`."
      }
      text += wrapped(summary)
    }
    if !place.type.collections.isEmpty {
      text += wrapped(
        "Mappings from names to objects: \(place.type.collections.map { "`\($0.key)`" }.joined(separator: ", ")).")
    }
    return text
  }

  private static func row(_ field: Field) -> String {
    var value = words(field.type)
    if field.isRequired { value += "; required" }
    if let initial = field.initial { value += "; a new one gets `\(initial)`" }
    // What most fields have is said once, above.
    var meaning = field.effect.isUsual ? "" : "**\(field.effect.running.rawValue)**: "
    meaning += field.fullSummary
    if let lens = field.lens {
      let places = lens.places.map { "`\($0)`" }.joined(separator: ", ")
      let link = field.reference.map { "[\(places)](\(libvirtPages)\($0))" } ?? places
      meaning += " libvirt: \(link)."
    } else if let reference = field.reference {
      meaning += " [libvirt's documentation](\(libvirtPages)\(reference))."
    }
    let cells = ["`\(field.name)`", value, meaning]
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

  /// A paragraph after an empty line, broken at 120 columns.
  static func wrapped(_ text: String) -> String {
    var (lines, line) = ([String](), "")
    for word in text.split(whereSeparator: \.isWhitespace) {
      if !line.isEmpty, line.count + 1 + word.count > 120 {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return "\n" + (lines + [line]).joined(separator: "\n") + "\n"
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

extension EffectRule {
  /// Whether a change waits for the next start of what runs, as it does for most fields.
  fileprivate var isUsual: Bool { running == EffectRule.nextBoot.running && stopped == EffectRule.nextBoot.stopped }
}
