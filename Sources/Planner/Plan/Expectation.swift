// What must be found when a definition is read back.

import Spec
public import Vocabulary

/// A field that a stored definition must have with a value; libvirt drops silently what it does not know.
public struct Expectation: Sendable, Hashable, Codable {
  /// The field as the spec writes it: `disks.root.bus`.
  public var field: String
  /// The value that must be found, whichever notation libvirt gives it; nil where any value will do.
  public var value: Value?
  /// Finds the device that the field belongs to; nil for the domain itself.
  public var device: DeviceIdentity?
  /// The entry of the vocabulary: a disk's `bus`.
  public var entry: FieldReference

  /// An expectation of a field; a device of nil means the definition's own.
  public init(field: String, value: Value?, device: DeviceIdentity?, entry: Field) {
    self.field = field
    self.value = value
    self.device = device
    self.entry = FieldReference(entry)
  }
}

extension ObjectSpec {
  /// What the object says of its element.
  ///
  /// - Parameters:
  ///   - prefix: what stands before the fields' names: `disks.root.`.
  ///   - device: how the element is found when it is read back; nil for a definition's own.
  ///   - others: fields that are what somebody else makes them.
  func expectations(
    of prefix: String = "", on device: DeviceIdentity? = nil, except others: Set<Field> = []
  ) -> [Expectation] {
    type.fields.compactMap { field in
      guard let setting = settings[field], field.lens != nil || field.isFragment,
        !others.contains(field)
      else { return nil }
      return Expectation(
        field: prefix + type.displayName(of: field), value: setting.value, device: device, entry: field)
    }
  }
}
