// What a spec marks as secret: read from its objects, and checked, for a name that means nothing would conceal nothing.

public import Diagnostics
public import Vocabulary
import XMLTree

extension ObjectSpec {
  /// What the object and its devices say is secret.
  public var sensitivePlaces: SensitivePlaces {
    var places = SensitivePlaces()
    for (object, owner) in withDevices {
      for name in object[.sensitive] ?? [] {
        // What a name means nothing for is reported by the checks.
        try? places.insert(name, in: object.type, owner: owner)
      }
    }
    return places
  }

  /// The object and its devices, each with its name in the object.
  private var withDevices: [(object: ObjectSpec, owner: String)] {
    let devices = type.collections.filter { $0.type.device != nil }.flatMap { collection in
      members(collection.key).map { (object: $0, owner: "\(collection.key).\($0.name)") }
    }
    return [(self, "")] + devices
  }

  /// Adds the texts of its values that no output may show.
  ///
  /// - Parameter others: what is secret besides its own list.
  public func collect(into secrets: inout KnownSecrets, besides others: SensitivePlaces = SensitivePlaces()) {
    var places = sensitivePlaces
    places.formUnion(others)
    for (object, owner) in withDevices {
      for (field, setting) in object.settings {
        switch setting.value {
        case .xml(let fragment):
          secrets.insertSuspects(fragment.secrets() + fragment.passwords)
          let paths = places.paths(of: owner)
          if !paths.isEmpty { secrets.insert(fragment.texts(at: paths)) }
        // What a file beside the spec holds.
        case .secret(let password): secrets.insertSuspects([password])
        case _ where places.contains(field, of: owner): secrets.insert(setting.value.concealingTexts.secrets)
        case let value where value.isConfidential: secrets.insertSuspects(value.secrets)
        default: break
        }
      }
    }
  }
}

extension StackSpec {
  /// The texts of its values that no output may show.
  public var secrets: KnownSecrets {
    var secrets = KnownSecrets()
    for object in networks + pools + domains { object.collect(into: &secrets) }
    return secrets
  }
}

/// Checks the names of what is secret.
enum SensitiveChecks {
  static func check(_ object: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    check(object, in: object, into: &diagnostics)
    for collection in object.type.collections where collection.type.device != nil {
      for device in object.members(collection.key) { check(device, in: object, into: &diagnostics) }
    }
  }

  private static func check(_ object: ObjectSpec, in owner: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard let setting = object.setting(.sensitive) else { return }
    for name in object[.sensitive] ?? [] {
      guard let problem = problem(name, of: object) else { continue }
      diagnostics.append(
        Diagnostic(
          "unknown-sensitive", problem.message, at: setting.range, subject: owner.title, suggestion: problem.suggestion)
      )
    }
  }

  private static func problem(_ name: String, of object: ObjectSpec) -> ValueProblem? {
    var places = SensitivePlaces()
    do throws(SensitivePlaces.Unknown) {
      try places.insert(name, in: object.type)
    } catch {
      return explanation(of: error, name, object)
    }
    let owner = places.owners.first ?? ""
    guard let named = member(owner, of: object) else {
      let parts = owner.split(separator: ".", maxSplits: 1).map(String.init)
      let known = object.members(parts[0]).map { "\(parts[0]).\($0.name)" }
      return ValueProblem(
        "`\(name)` is listed as sensitive, but there is no `\(owner)`",
        suggestion: didYouMean(owner, among: known) ?? "declare it, or remove the name")
    }
    guard let path = places.paths(of: owner).first else { return nil }
    let prefix = owner.isEmpty ? "" : "\(owner)."
    guard let fragment = named[.xml] else {
      // What is wrong with it has been reported.
      guard !named.says(.xml) else { return nil }
      return ValueProblem(
        "`\(name)` is listed as sensitive, but \(owner.isEmpty ? "the \(object.type.name)" : "`\(owner)`") has no `xml`",
        suggestion: "write `xml:`, or remove the name")
    }
    guard !fragment.root.exists(at: path) else { return nil }
    let known = fragment.root.places.map { "\(prefix)\(Field.xmlName)/\($0)" }
    return ValueProblem(
      "`\(name)` is listed as sensitive, but the XML has no such element",
      suggestion: didYouMean(name, among: known)
        ?? "write the names of nested elements with `/` between them, such as `\(known.first ?? "xml/description")`")
  }

  private static func member(_ owner: String, of object: ObjectSpec) -> ObjectSpec? {
    guard let dot = owner.firstIndex(of: ".") else { return object }
    return object.members(String(owner[..<dot])).first { $0.name == owner[owner.index(after: dot)...] }
  }

  private static func explanation(
    of error: SensitivePlaces.Unknown, _ name: String, _ object: ObjectSpec
  ) -> ValueProblem {
    switch error {
    case .name:
      let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
      if parts.count == 3, let collection = object.type.collection(parts[0]), collection.type.device != nil {
        let prefix = "\(parts[0]).\(parts[1])."
        return ValueProblem(
          "`\(name)` is listed as sensitive, but \(collection.type.name.withArticle) has no field `\(parts[2])`",
          suggestion: didYouMean(name, among: names(of: collection.type).map { prefix + $0 }))
      }
      let entries = object.type.collections.filter { $0.type.device != nil }.flatMap { collection in
        object.members(collection.key).flatMap { member in
          names(of: collection.type).map { "\(collection.key).\(member.name).\($0)" }
        }
      }
      return ValueProblem(
        "`\(name)` is listed as sensitive, but \(object.type.name.withArticle) has no such field",
        suggestion: didYouMean(name, among: names(of: object.type) + entries)
          ?? "write the name of a field, or a place in libvirt's XML such as `xml/description`")
    case .entry:
      return ValueProblem("`\(name)` is not a field", suggestion: "name one of its fields, such as `disks.root.serial`")
    case .noText:
      return ValueProblem(
        "`\(name)` cannot be sensitive: only texts in libvirt's definition can be",
        suggestion: "remove the name; Vireo always shows names of files and objects, numbers and keywords of libvirt")
    case .path(let message):
      return ValueProblem(
        "`\(name)` is not a place in XML: \(message)",
        suggestion: "write names of elements with `/` between them, such as `xml/os/loader` or `xml/os/type/@arch`")
    }
  }

  private static func names(of type: ObjectType) -> [String] {
    type.fields.filter { $0.holdsSecrets || $0.isFragment }.map(\.name)
  }

  private static func didYouMean(_ name: String, among known: [String]) -> String? {
    closestMatch(to: name, among: known).map { "did you mean `\($0)`?" }
  }
}

extension XMLElement {
  /// The places of the elements and attributes within: `os/type`, `os/type/@arch`.
  fileprivate var places: [String] {
    attributes.map { "@\($0.name)" }
      + elements.flatMap { child in
        [child.qualifiedName] + child.places.map { "\(child.qualifiedName)/\($0)" }
      }
  }
}
