// Definitions against libvirt's own schema, without a host: what it refuses, at its place in the spec.

public import Diagnostics
import Inventory
public import Spec
import Vocabulary
public import XMLTree

/// Checks what a spec makes against libvirt's Relax NG schema of domains.
public struct SchemaCheck: Sendable {
  /// Where libvirt's packages put its schemas.
  public static let installedFolder = "/usr/share/libvirt/schemas"

  private let schema: XMLSchema

  /// - Parameter schema: libvirt's `domain.rng`.
  public init(_ schema: XMLSchema) {
    self.schema = schema
  }

  /// What the schema has against the domains of a spec, as they would be on a host that has all their files.
  ///
  /// - Throws: what keeps the domains from being planned at all.
  public func problems(of spec: StackSpec) throws(DiagnosticsError) -> [Diagnostic] {
    let volumes = spec.volumes.compactMap(spec.path(ofVolume:))
    let sources = Set(spec.domains.flatMap { $0.members("disks") }.compactMap { $0[.source] } + volumes)
    let plan = try Plan(for: spec, on: .supposed(for: InventoryRequest(for: spec), with: sources))
    let domains = Dictionary(spec.domains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    return plan.actions.flatMap { action -> [Diagnostic] in
      guard case .defineDomain(let definition) = action.operation, let domain = domains[definition.identity.name],
        let message = refusal(of: definition.xml)
      else { return [] }
      let culprits = culprits(in: domain, definition.xml)
      guard !culprits.isEmpty else {
        return [
          Diagnostic(
            "libvirt-schema", "libvirt's schema does not allow the definition: \(message)", at: domain.range,
            subject: domain.title)
        ]
      }
      return culprits.map { culprit in
        Diagnostic(
          "libvirt-schema", "libvirt's schema does not allow this `\(culprit.field)`: \(culprit.message)",
          at: culprit.range, subject: domain.title)
      }
    }.map(plan.secrets.redacted)
  }

  /// What the schema says first of a definition; nil for nothing.
  private func refusal(of xml: XMLElement) -> String? {
    do {
      return try schema.validate(xml).first?.message
    } catch {
      return error.message
    }
  }

  // MARK: Who it was

  /// A part of a spec that the schema does not allow.
  private struct Culprit {
    var field: String
    var range: SourceRange
    var message: String
  }

  /// The parts of a spec that the schema has something against: the schema itself names little more than the nearest
  /// list of choices.
  private func culprits(in domain: ObjectSpec, _ xml: XMLElement) -> [Culprit] {
    var bare = xml
    bare.update("devices", create: false) { $0.children = [] }
    var found: [Culprit] = []
    if let message = refusal(of: bare), let field = culprit(among: domain, in: bare) {
      found.append(Culprit(field: domain.type.displayName(of: field.0), range: field.1.range, message: message))
    }
    // Each device on its own, in a domain that has nothing else wrong.
    let shell = XMLElement(
      "domain", ["type": "qemu"],
      children: ["name", "memory", "os"].compactMap { bare.first($0) } + [XMLElement("devices")])
    for collection in domain.type.collections {
      guard collection.type.device != nil, let record = OwnershipRecord(in: xml) else { continue }
      let known = RecordedDevices(of: collection, in: xml, record)
      for device in domain.members(collection.key) {
        guard let element = known.element(of: device.name) else { continue }
        func domain(with element: XMLElement) -> XMLElement {
          var result = shell
          result.update("devices") { $0.append(element) }
          return result
        }
        guard let message = refusal(of: domain(with: element)) else { continue }
        let key = "\(collection.key).\(device.name)"
        let inner = culprit(among: device, in: element, wrapped: domain)
        found.append(
          Culprit(
            field: inner.map { "\(key).\(device.type.displayName(of: $0.0))" } ?? key,
            range: inner?.1.range ?? device.range, message: message))
      }
    }
    return found
  }

  /// The field without which the schema would have nothing against an element.
  private func culprit(
    among object: ObjectSpec, in element: XMLElement, wrapped: (XMLElement) -> XMLElement = { $0 }
  ) -> (Field, Setting)? {
    for field in object.type.fields.reversed() {
      guard let setting = object.settings[field] else { continue }
      var without = element
      if case .xml(let fragment) = setting.value {
        fragment.remove(from: &without)
      } else {
        field.lens?.put(nil, into: &without)
      }
      if without != element, refusal(of: wrapped(without)) == nil { return (field, setting) }
    }
    return nil
  }
}
