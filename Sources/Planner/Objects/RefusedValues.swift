// What libvirt has refused to change in a running guest, kept with that guest alone: asking again would give no other
// answer, and a plan that asks every time would never be empty.

public import Vocabulary
public import XMLTree

/// Values that a running guest was to get and that libvirt refused, in the metadata of the guest as it runs. libvirt drops
/// that metadata when the guest stops, and with it the reason not to ask.
public struct RefusedValues: Sendable, Hashable {
  /// The XML namespace of the element in the running guest's `<metadata>`.
  public static let namespace = "urn:vireo:refused:1"
  /// The prefix that libvirt writes it with.
  public static let prefix = "refused"

  /// The values as the spec language writes them, by the field's whole name.
  private var values: [String: String] = [:]

  /// Reads what a running guest has of it.
  public init(in running: XMLElement) {
    guard let element = running.first("metadata")?.elements.first(where: { $0.namespaceURI == Self.namespace }) else {
      return
    }
    for value in element.elements {
      if let field = value[attribute: "field"] { values[field] = value[attribute: "value"] ?? "" }
    }
  }

  /// Whether libvirt has refused nothing since the guest started.
  public var isEmpty: Bool { values.isEmpty }

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
    return result
  }

  private static func text(_ value: Value?) -> String {
    // A password is shown to nobody; libvirt takes any.
    if case .secret? = value { return "" }
    return value?.description ?? ""
  }
}
