// Changes of running guests: what libvirt can be asked to change without a restart.

public import Vocabulary

/// A value that a running guest is to get, which the stored definition has by then.
public struct LiveChange: Sendable, Hashable, Codable {
  /// The field as the spec writes it: `interfaces.lan.link`.
  public var field: String
  /// The device that it belongs to; nil for the domain itself.
  public var device: DeviceIdentity?
  /// The entry of the vocabulary: an interface's `link`.
  public var entry: FieldReference
  /// The value; nil for libvirt's default.
  public var value: Value?
  /// The call of libvirt's that changes it.
  public var way: LiveWay
  /// Whether the value is a secret.
  public var isConcealed = false

  /// A change of a value that may be shown, unless ``isConcealed`` is set.
  public init(field: String, device: DeviceIdentity? = nil, entry: Field, value: Value?, way: LiveWay) {
    self.field = field
    self.device = device
    self.entry = FieldReference(entry)
    self.value = value
    self.way = way
  }
}
