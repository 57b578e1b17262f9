// The field `sensitive`, which stands wherever `xml` does: names of fields, and places in libvirt's own XML, whose texts are
// concealed in everything that Vireo prints or keeps.

public import XMLTree

extension Field {
  /// The name of the field in every object that has it.
  public static let sensitiveName = "sensitive"

  /// The kind of the field's values: names, each on one line.
  public static let sensitiveType = ValueType.list(of: .text(.line))

  /// The field that marks others as secrets.
  static let sensitive = Field(
    sensitiveName, sensitiveType,
    """
    What of the entry is secret: names of fields as the spec writes them, such as `title`, `smbios.oem-strings` or \
    `disks.root.serial`, and places in libvirt's XML under `xml`, such as `xml/description` or \
    `xml/sysinfo/entry[@name='token']`, attributes with an `@`. Their texts are shown as `(secret)`, in plans and in \
    messages alike, and recorded as digests with a salt. libvirt's own definition has them as they are. `xml` alone means \
    all of it. What names files, other objects and numbers cannot be concealed.
    """, effect: .define)
}

/// What of an object and of its devices is secret.
public struct SensitivePlaces: Sendable, Hashable {
  /// Fields by the object that they belong to: `disks.root`; the empty name for the object itself.
  private var fields: [String: Set<Field>] = [:]
  /// Places in libvirt's XML, likewise.
  private var paths: [String: [XMLPath]] = [:]

  /// No place at all.
  public init() {}

  /// Whether nothing is concealed beyond what Vireo itself knows to be secret.
  public var isEmpty: Bool { fields.isEmpty && paths.isEmpty }

  /// Whether a field is concealed. The field `xml` never is as a whole: ``paths(of:)`` says what of it.
  public func contains(_ field: Field, of owner: String) -> Bool { fields[owner]?.contains(field) ?? false }

  /// What of an object's own XML is concealed, relative to its element.
  public func paths(of owner: String) -> [XMLPath] { paths[owner] ?? [] }

  /// The concealed fields of an object.
  public func fields(of owner: String) -> Set<Field> { fields[owner] ?? [] }

  /// The objects of which something is concealed.
  public var owners: Set<String> { Set(fields.keys).union(paths.keys) }

  /// Adds the places of another value; places that both have are kept once.
  public mutating func formUnion(_ other: SensitivePlaces) {
    fields.merge(other.fields) { $0.union($1) }
    paths.merge(other.paths) { own, more in own + more.filter { !own.contains($0) } }
  }

  /// Adds what a name means.
  ///
  /// - Parameters:
  ///   - name: as the spec has it.
  ///   - type: the kind of the object with the list.
  ///   - owner: the object's own name in what it belongs to.
  /// - Throws: what the name is, where it is none.
  public mutating func insert(_ name: String, in type: ObjectType, owner: String = "") throws(Unknown) {
    if let path = try Self.path(name) {
      guard type.field(Field.xmlName) != nil else { throw .name }
      if !paths[owner, default: []].contains(path) { paths[owner, default: []].append(path) }
      return
    }
    let members = type.fields.filter { $0.name == name || (type.group(name) != nil && $0.name.hasPrefix(name + ".")) }
    if !members.isEmpty {
      let texts = members.filter(\.holdsSecrets)
      guard !texts.isEmpty else { throw .noText }
      fields[owner, default: []].formUnion(texts)
      return
    }
    let parts = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard owner.isEmpty, let collection = type.collection(parts[0]), collection.type.device != nil else { throw .name }
    guard parts.count == 3 else { throw .entry }
    try insert(parts[2], in: collection.type, owner: "\(parts[0]).\(parts[1])")
  }

  /// Why a name means nothing.
  public enum Unknown: Error, Sendable, Hashable {
    /// No field, group or entry has it.
    case name
    /// It is a collection or an entry, and a field of it has to be named.
    case entry
    /// The field has no text of its own.
    case noText
    /// The place in XML is not written as one.
    case path(String)
  }

  /// The place that `xml/…` names; nil for a name of another kind.
  public static func path(_ name: String) throws(Unknown) -> XMLPath? {
    if name == Field.xmlName { return try parse(".") }
    guard name.hasPrefix(Field.xmlName + "/") else { return nil }
    return try parse(String(name.dropFirst(Field.xmlName.utf8.count + 1)))
  }

  private static func parse(_ text: String) throws(Unknown) -> XMLPath {
    do {
      return try XMLPath(parsing: text)
    } catch {
      throw .path(error.message)
    }
  }
}

extension Field {
  /// Whether the value is a text, or has some in it, that libvirt's definition alone need have.
  public var holdsSecrets: Bool { lens != nil && type.holdsTexts && !Self.names.contains(name) }

  /// Texts that name other objects of libvirt's and devices of the host.
  private static let names: Set = ["network", "bridge", "direct", "volume.pool", "volume.name", "volume.entry"]
}

extension ValueType {
  fileprivate var holdsTexts: Bool {
    switch self {
    case .text(let rule): rule.words == nil
    case .secretFile: true
    case .list(let element), .table(_, let element): element.holdsTexts
    case .record(let members): members.contains { $0.type.holdsTexts }
    case .integer, .boolean, .size, .duration, .enumeration, .path, .reference, .xml, .map: false
    }
  }

  /// Whether there is a place for a secret in it that needs no mark.
  public var isConfidential: Bool {
    switch self {
    case .text(let rule): rule.secrecy != nil
    case .list(let element), .table(_, let element): element.isConfidential
    case .record(let members): members.contains { $0.type.isConfidential }
    case .secretFile, .integer, .boolean, .size, .duration, .enumeration, .path, .reference, .xml, .map: false
    }
  }
}

extension Value {
  /// The value with all its texts concealed. Numbers and names of entries stay as they are.
  public var concealingTexts: Value {
    switch self {
    case .string(let text): .concealed(ConcealedText(text, .whole))
    case .concealed(let value): .concealed(ConcealedText(value.text, .whole))
    case .list(let values): .list(values.map(\.concealingTexts))
    case .table(let entries): .table(entries.mapValues(\.concealingTexts))
    case .xml(let fragment): .xml(fragment)
    case .secret, .integer, .boolean, .bytes, .seconds: self
    }
  }

  /// A value as a record has it, with its masks for what they stand for.
  public var readingMasks: Value {
    switch self {
    case .string(let text): SecretMask.isMask(text) ? .concealed(ConcealedText(text, .whole)) : self
    case .list(let values): .list(values.map(\.readingMasks))
    case .table(let entries): .table(entries.mapValues(\.readingMasks))
    default: self
    }
  }
}

extension FieldKey<[String]> {
  /// Names of fields and places in XML that are secret.
  public static var sensitive: Self { Self("sensitive") }
}
