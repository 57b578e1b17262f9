// Aliases that a definition names. Those that libvirt makes up: `video0` in `qemu:override`, `pci.3` in `qemu:commandline`. A
// device with a user alias has no such one any more, and what names it would do nothing, or keep the guest from starting.

import Diagnostics
import Spec
import Vocabulary
import XMLTree

/// What a definition's parts for QEMU name.
struct NamedAliases {
  /// Aliases in `qemu:override` that no device owns, and the arguments of `qemu:commandline`.
  private let texts: [String]

  init(in definitions: [XMLElement]) {
    texts = definitions.flatMap { definition in
      func parts(_ outer: String, _ inner: String, _ attribute: String) -> [String] {
        definition.elements.filter { $0.name == outer }.flatMap(\.elements).filter { $0.name == inner }
          .compactMap { $0[attribute: attribute] }
      }
      let overrides = parts("override", "device", "alias")
      let arguments = parts("commandline", "arg", "value")
      return overrides.filter { !$0.hasPrefix("ua-") } + arguments
    }
  }

  /// A user alias that a definition names and that none of its devices has.
  struct Missing {
    /// The field that names it.
    let field: Field
    /// The collection of the device that has the field; nil for the domain's own.
    let collection: String?
    let alias: String
  }

  /// Tells where a definition names user aliases that none of its devices has: in every field that names a device.
  static func missing(in domain: XMLElement) -> [Missing] {
    let devices = domain.first("devices")?.elements.map { $0 } ?? []
    var named = aliases(in: domain, namingFields, of: nil)
    for kind in namingKinds {
      for device in devices where kind.rule.matches(device) { named += aliases(in: device, kind.fields, of: kind.key) }
    }
    named.removeAll { !$0.alias.hasPrefix("ua-") }
    guard !named.isEmpty else { return [] }
    let present = Set(devices.compactMap { $0.value(at: .alias) })
    return named.filter { !present.contains($0.alias) }
  }

  /// The fields of a domain that name devices.
  private static let namingFields = Vocabulary.domain.fields.filter { $0.type.namesDevices }

  /// The kinds of devices with fields that name devices.
  private static let namingKinds = Vocabulary.domain.collections.compactMap { kind in
    kind.type.device.flatMap { rule in
      let fields = kind.type.fields.filter { $0.type.namesDevices }
      return fields.isEmpty ? nil : (key: kind.key, rule: rule, fields: fields)
    }
  }

  private static func aliases(
    in element: XMLElement, _ fields: [Field], of collection: String?
  ) -> [Missing] {
    fields.flatMap { field in
      let value = field.lens.flatMap { $0.get(element) }
      return (value.map(field.type.namedDevices) ?? []).map {
        Missing(field: field, collection: collection, alias: $0)
      }
    }
  }

  /// Whether a device may be meant by the alias that libvirt would give it.
  func mayName(_ device: XMLElement) -> Bool {
    guard !texts.isEmpty else { return false }
    let prefixes = DeviceRule.rule(of: device)?.aliasPrefixes(of: device) ?? [device.name]
    return texts.contains { text in prefixes.contains { Self.text(text, names: $0) } }
  }

  /// Whether a text has a name that begins so: as a word of its own or at the end of one such as `drive-virtio-disk0`, with a
  /// number behind it.
  private static func text(_ text: String, names prefix: String) -> Bool {
    let (text, prefix) = (Array(text.utf8), Array(prefix.utf8))
    guard text.count >= prefix.count else { return false }
    return (0...(text.count - prefix.count)).contains { start in
      let end = start + prefix.count
      guard text[start..<end].elementsEqual(prefix) else { return false }
      // The first USB controller is plainly `usb`.
      let isNumbered = end < text.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[end])
      return isNumbered || (prefix == Array("usb".utf8) && (end == text.count || !text[end].isLetter))
    }
  }
}

extension NamedAliases {
  /// Reports aliases that something of the definition names and no device has: libvirt stores them, and the guest does not
  /// start, or what they are named for does nothing.
  static func check(_ context: DomainContext, _ definition: XMLElement) -> Findings {
    var findings = Findings(about: context.object)
    for missing in missing(in: definition) {
      let alias = missing.alias
      let (name, range) = missing.place(in: context.spec)
      findings.note(
        "unknown-alias", "`\(name)` names the alias \(alias), and no device of the domain has it",
        at: range ?? context.spec.place(of: .xml),
        suggestion: "write `alias: \(alias)` in the entry of that device", severity: .warning)
    }
    return findings
  }
}

extension NamedAliases.Missing {
  /// Where the spec names a device by its alias: the field, with the name of the entry that it is in, and its place.
  fileprivate func place(in spec: ObjectSpec) -> (name: String, range: SourceRange?) {
    guard let collection else { return (field.name, spec.settings[field]?.range) }
    for member in spec.members(collection) {
      guard let setting = member.settings[field], field.type.namedDevices(in: setting.value).contains(alias)
      else { continue }
      return ("\(collection).\(member.name).\(field.name)", setting.range)
    }
    return ("\(collection).\(field.name)", nil)
  }
}

extension UInt8 {
  fileprivate var isLetter: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self)
  }
}
