// One entry of the vocabulary: everything that is known about a field of the spec language.

import Versions

/// A field of the spec language, defined once for every use.
///
/// From this come decoding and its messages, the JSON Schema, rendering to XML and reading back, the effect of a
/// change, `vireo explain`, and the reference page. A class, so that handing one on costs nothing.
public final class Field: Sendable {
  /// The field's name in its object; a dot separates a group from its member: `cpu.mode`.
  public let name: String
  /// The kind of its values, which decides how a text is read, what the schema allows, and how a value is compared.
  public let type: ValueType
  /// What it means, in a sentence or a few, for `vireo explain` and the reference.
  public let summary: String
  /// Where it lives in libvirt's XML; nil for what Vireo itself acts on, such as a disk's `image`.
  public let lens: Lens?
  /// The effect of a change.
  public let effect: EffectRule
  /// Whether a spec must set it: a missing one is an error at the object's key.
  public let isRequired: Bool
  /// The value that a new object gets when the spec is silent, where libvirt's own default is a bad one.
  public let initial: Value?
  /// The value that libvirt itself writes down, or holds for meant, where a definition does not say; nil where there is
  /// none, or where it depends on more than the field. Importing leaves it out.
  public let libvirtDefault: Value?
  /// Whether the value stays when the spec no longer names the field: what an object is, and what the guest knows it by,
  /// has no default to go back to.
  public let staysWhenDropped: Bool
  /// Whether a domain's record of what its spec owns holds the value. What an image file says of itself needs no record,
  /// and growing a disk no new definition; nor what is said once, such as the name that a domain had.
  public let isRecorded: Bool
  /// Whether libvirt writes the value of a running guest in the form of the stored definition, so that the two can be
  /// compared to find what waits for a restart.
  public let isComparableWhenRunning: Bool
  /// The page of libvirt's documentation that describes it, without the common prefix.
  public let reference: String?
  /// The version of libvirt that brought the field, nil for what every version has that Vireo works with; and the same for
  /// single values.
  public let origin: Origin
  /// When the field must be set, and when it may be, as far as other fields of the object decide.
  public let rules: FieldRules
  private let equivalent: (@Sendable (_ desired: Value, _ stored: Value) -> Bool)?

  init(
    _ name: String, _ type: ValueType, _ summary: String, lens: Lens? = nil, effect: EffectRule = .nextBoot,
    isRequired: Bool = false, initial: Value? = nil, libvirtDefault: Value? = nil, staysWhenDropped: Bool = false,
    isRecorded: Bool = true,
    isComparableWhenRunning: Bool = true, reference: String? = nil, origin: Origin = Origin(),
    rules: FieldRules = FieldRules(), equivalent: (@Sendable (Value, Value) -> Bool)? = nil
  ) {
    self.name = name
    self.type = type
    self.summary = summary
    self.lens = lens
    self.effect = effect
    self.isRequired = isRequired
    self.initial = initial
    self.libvirtDefault = libvirtDefault
    self.staysWhenDropped = staysWhenDropped
    self.isRecorded = isRecorded
    self.isComparableWhenRunning = isComparableWhenRunning
    self.reference = reference
    self.origin = origin
    self.rules = rules
    self.equivalent = equivalent
  }

  /// The same field, of which some things are different.
  func changed(
    lens: Lens? = nil, isRequired: Bool? = nil, origin: Origin? = nil, rules: FieldRules? = nil
  ) -> Field {
    Field(
      name, type, summary, lens: lens ?? self.lens, effect: effect, isRequired: isRequired ?? self.isRequired,
      initial: initial, libvirtDefault: libvirtDefault, staysWhenDropped: staysWhenDropped,
      isRecorded: isRecorded, isComparableWhenRunning: isComparableWhenRunning, reference: reference,
      origin: origin ?? self.origin, rules: rules ?? self.rules, equivalent: equivalent)
  }

  /// The same field, which every object of the kind must set, unless a new one gets a value.
  var required: Field { changed(isRequired: true) }

  /// The same field, which a version of libvirt brought: `since(11, 2)`.
  func since(_ major: Int, _ minor: Int) -> Field { changed(origin: origin.since(LibvirtVersion(major, minor))) }

  /// The same field, some of whose values a later version of libvirt brought: `values("virtio", since: 10, 4)`.
  func values(_ words: String..., since major: Int, _ minor: Int) -> Field {
    changed(origin: origin.values(words, since: LibvirtVersion(major, minor)))
  }

  /// Whether a stored value is what the spec asks for: equal, or an alias of it such as `q35` for `pc-q35-7.2`.
  public func matches(desired: Value, stored: Value?) -> Bool {
    guard let stored else { return false }
    if desired == stored || (equivalent?(desired, stored) ?? false) { return true }
    // What a record has of a value that is concealed is its digest.
    return desired.isConfidential && desired == stored.concealingTexts
  }

  /// The group that the field is a member of: `cpu` for `cpu.mode`.
  public var group: String? {
    name.lastIndex(of: ".").map { String(name[..<$0]) }
  }
}

extension Field: Hashable {
  /// Whether both are the same entry of the same table.
  public static func == (left: Field, right: Field) -> Bool { left === right }

  /// Feeds the entry's identity to a hasher.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

extension Field: CustomStringConvertible {
  /// The field's name.
  public var description: String { name }
}

extension Field {
  /// Whether the field is libvirt's own XML, which is merged after all the others.
  public var isFragment: Bool { name == Self.xmlName }
}
