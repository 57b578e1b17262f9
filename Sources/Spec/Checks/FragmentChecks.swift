// What libvirt's own XML under `xml:` may not say: the identity and the owner of an object, and what a field of the entry says.
//
// Names and UUIDs decide which object of the host is defined, so a fragment with another one's would replace that one; the
// record in the metadata says whose an object is; aliases say which device is which entry.

import Diagnostics
import Vocabulary
import XMLTree

/// Checks the fragments of a stack.
struct FragmentChecks {
  private let subject: String
  private var found: [Diagnostic] = []

  /// Everything that fragments of a domain, a network or a pool, and of its devices, may not say.
  static func check(_ object: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    var checks = FragmentChecks(subject: object.title)
    checks.checkObject(object)
    for collection in object.type.collections where collection.type.device != nil {
      for device in object.members(collection.key) { checks.checkDevice(device, in: collection.key) }
    }
    diagnostics += checks.found
  }

  private init(subject: String) { self.subject = subject }

  // MARK: Objects

  private mutating func checkObject(_ object: ObjectSpec) {
    guard let setting = object.setting(.xml), case .xml(let fragment) = setting.value else { return }
    let kind = object.type.name
    for child in fragment.root.elements where !child.isForeign {
      switch child.name {
      case "name":
        let remedy =
          kind == "domain"
          ? "the entry's key is the name; to rename a domain, change the key and write `renamed-from:`"
          : "the entry's key is the name"
        refuse("`xml` must not set the name of the \(kind)", setting, remedy)
      case "uuid":
        refuse("`xml` must not set the UUID of the \(kind)", setting, "write `uuid:`")
      default: break
      }
    }
    checkNamespaces(fragment.root, setting)
    for device in fragment.root.elements.filter({ $0.name == "devices" && !$0.isForeign }).flatMap(\.elements) {
      guard let alias = device.aliasOfVireo else { continue }
      let entry = object.entry(withAlias: alias, element: device.name)
      refuse(
        "`xml` gives a \(device.name) the alias `\(alias)`, which Vireo uses for \(entry ?? "its own devices")",
        setting,
        entry.map { "write it in \($0), with its fields or under its own `xml`" }
          ?? "declare the device as an entry, or choose an alias that begins differently")
    }
    checkFields(of: object, fragment, setting, start: XMLElement(fragment.root.name))
  }

  /// libvirt takes some elements by their names alone, whatever their namespace: outside of `metadata`, only those stand in
  /// one that libvirt's drivers take, which are the object's own children.
  private mutating func checkNamespaces(_ root: XMLElement, _ setting: Setting) {
    if let namespace = root.namespaceOfVireo {
      refuse(
        "`xml` must not contain elements of Vireo's namespace `\(namespace)`", setting,
        "leave it out; `stack:` sets the owner of the objects in a file")
    } else if let stray = root.stray(isDriverElementAllowed: true) {
      refuse(
        "`xml` contains `\(stray.name)` of the namespace `\(stray.namespaceURI ?? "")`, which libvirt does not know there",
        setting, "leave it out, or put your own elements under `metadata`")
    }
  }

  // MARK: Devices

  private mutating func checkDevice(_ device: ObjectSpec, in collection: String) {
    guard let setting = device.setting(.xml), case .xml(let fragment) = setting.value,
      let rule = device.type.device
    else { return }
    let name = "\(collection).\(device.name)"
    if let alias = fragment.root.elements.first(where: { $0.name == "alias" && !$0.isForeign })?[attribute: "name"] {
      refuse(
        "`xml` of \(name) must not set the alias `\(alias)`", setting,
        rule.hasAlias
          ? "write `alias: \(alias)` in the entry instead" : "leave it out: devices of this kind have no alias")
    }
    checkNamespaces(fragment.root, setting)
    let places = ["file", "dev", "dir", "name", "volume", "pool", "path", "protocol", "namespace"]
    let disk = Vocabulary.disk
    let sources = [disk[.source], disk[.image], disk[.size], disk[.volumeEntry]]
    if rule.role == .storage, let field = sources.first(where: { device.says($0) }),
      fragment.root[attribute: "type"] != nil
        || fragment.root.all("source").contains(where: { source in places.contains { source[attribute: $0] != nil } })
    {
      refuse(
        "both `xml` of \(name) and `\(field.name)` set the source of the disk", setting,
        "set it only once: with `source:`, or in `xml`")
    }
    checkFields(of: device, fragment, setting, start: rule.template)
  }

  // MARK: Fields

  /// A field of the entry has the only say about its place.
  private mutating func checkFields(
    of object: ObjectSpec, _ fragment: XMLFragment, _ setting: Setting, start: XMLElement
  ) {
    var element = start
    for field in object.type.fields {
      if let value = object.settings[field]?.value { field.lens?.put(value, into: &element) }
    }
    var merged = element
    fragment.merge(into: &merged)
    for field in object.type.fields {
      guard let said = object.settings[field], let lens = field.lens, field.isMet(said.value, in: element),
        !field.isMet(said.value, in: merged)
      else { continue }
      let name = object.type.displayName(of: field)
      refuse(
        "`xml` makes \(name) \(lens.get(merged).map(\.description) ?? "undefined"), but the field is \(said.value)",
        setting, "set it only with the field `\(name)`", rule: "conflict")
    }
  }

  private mutating func refuse(
    _ message: String, _ setting: Setting, _ suggestion: String, rule: String = "reserved-xml"
  ) {
    found.append(Diagnostic(rule, message, at: setting.range, subject: subject, suggestion: suggestion))
  }
}

extension XMLElement {
  /// Whether the element is in a namespace: libvirt's own elements are in none.
  fileprivate var isForeign: Bool { namespaceURI?.isEmpty == false }

  /// The alias of a device, where it is one of those that Vireo gives.
  fileprivate var aliasOfVireo: String? {
    guard let alias = value(at: .alias) else { return nil }
    let kinds = Vocabulary.domain.collections.filter { $0.type.device?.element == name }.map(\.type.name)
    return kinds.contains { DeviceIdentity.key(alias: alias, kind: $0) != nil } ? alias : nil
  }

  /// The first element within that is in a namespace in which libvirt takes none there.
  fileprivate func stray(isDriverElementAllowed: Bool) -> XMLElement? {
    for child in elements {
      if child.isForeign {
        if isDriverElementAllowed, child.namespaceURI?.hasPrefix("http://libvirt.org/schemas/") == true { continue }
        return child
      }
      // Anything may stand in the metadata.
      if isDriverElementAllowed, child.name == "metadata" { continue }
      if let stray = child.stray(isDriverElementAllowed: false) { return stray }
    }
    return nil
  }

  /// A Vireo namespace that an element here is in, or that one is declared for.
  fileprivate var namespaceOfVireo: String? {
    let all = [namespaceURI].compactMap(\.self) + namespaceDeclarations.map(\.uri)
    return all.first { $0.hasPrefix("urn:vireo:") } ?? elements.lazy.compactMap(\.namespaceOfVireo).first
  }
}

extension ObjectSpec {
  /// The entry whose device Vireo gives an alias, by its whole name.
  fileprivate func entry(withAlias alias: String, element: String) -> String? {
    for collection in type.collections where collection.type.device?.element == element {
      guard let key = DeviceIdentity.key(alias: alias, kind: collection.type.name),
        members(collection.key).contains(where: { $0.name == key })
      else { continue }
      return "\(collection.key).\(key)"
    }
    return nil
  }
}
