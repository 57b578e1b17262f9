// What libvirt or a running guest has refused to change, kept with that guest alone: asking again would give no other answer,
// and a plan that asks every time would never be empty. What is not noted here was never asked for, or by a run that was cut
// off before it had its answer.

public import Vocabulary
public import XMLTree

/// Values that a running guest was to get and devices that it was to get or to lose, and that it or libvirt refused, in the
/// metadata of the guest as it runs. libvirt drops that metadata when the guest stops, and with it the reason not to ask.
public struct RefusedValues: Sendable, Hashable {
  /// The XML namespace of the element in the running guest's `<metadata>`.
  public static let namespace = "urn:vireo:refused:1"
  /// The prefix that libvirt writes it with.
  public static let prefix = "refused"

  /// The values as the spec language writes them, by the field's whole name.
  private var values: [String: String] = [:]

  /// Devices by their whole names, such as `disks.data`, and what was refused of each.
  private var devices: [String: Plugging] = [:]

  /// What a running guest is asked to do with a device.
  public enum Plugging: String, Sendable {
    /// The guest is to get it.
    case attach
    /// The guest is to let go of it.
    case detach
  }

  /// Reads what a running guest has of it.
  public init(in running: XMLElement) {
    guard let element = running.first("metadata")?.elements.first(where: { $0.namespaceURI == Self.namespace }) else {
      return
    }
    for value in element.elements {
      if let field = value[attribute: "field"] { values[field] = value[attribute: "value"] ?? "" }
      if let device = value[attribute: "device"] {
        devices[device] = value[attribute: "refused"].flatMap(Plugging.init)
      }
    }
  }

  /// Whether nothing was refused since the guest started.
  public var isEmpty: Bool { values.isEmpty && devices.isEmpty }

  /// Whether the guest did not get a device, or did not let go of it, when that was asked for.
  public func contains(_ plugging: Plugging, of device: String) -> Bool { devices[device] == plugging }

  /// Takes note of what came of plugging a device in or out.
  public mutating func note(_ plugging: Plugging, of device: String, isRefused: Bool) {
    devices[device] = isRefused ? plugging : nil
  }

  /// Whether libvirt has refused this value of a field; a value of nil stands for libvirt's default.
  public func contains(_ field: String, _ value: Value?) -> Bool {
    guard let text = values[field] else { return false }
    guard let value, let notation = SecretMask.notation(in: text) else { return text == Self.text(value) }
    return text == value.text(notation) || text == value.concealingTexts.text(notation)
  }

  /// Takes note of what came of a change.
  ///
  /// - Parameter salt: for the digest of a value that is a secret.
  public mutating func note(_ change: LiveChange, isRefused: Bool, salt: String) {
    guard isRefused else {
      values[change.field] = nil
      return
    }
    let value = change.isConcealed ? change.value?.concealingTexts : change.value
    let isSecret = value.map { if case .secret = $0 { false } else { $0.isConfidential } } ?? false
    values[change.field] = isSecret ? value?.text(.salted(salt)) : Self.text(value)
  }

  /// The element for libvirt's metadata.
  public var element: XMLElement {
    var result = XMLElement("values")
    for (field, value) in values.sorted(by: { $0.key < $1.key }) {
      result.append(XMLElement("value", ["field": field, "value": value]))
    }
    for (device, plugging) in devices.sorted(by: { $0.key < $1.key }) {
      result.append(XMLElement("plugging", ["device": device, "refused": plugging.rawValue]))
    }
    return result
  }

  private static func text(_ value: Value?) -> String {
    // A password is shown to nobody; libvirt takes any.
    if case .secret? = value { return "" }
    return value?.description ?? ""
  }
}
