// Definitions against libvirt's own schemas, without a host: what they refuse, at its place in the spec.

public import Diagnostics
import Inventory
public import Spec
import Vocabulary

/// Checks what a spec makes against libvirt's Relax NG schemas.
public struct SchemaCheck: Sendable {
  /// The name that messages about libvirt's schemas have.
  static let rule = "libvirt-schema"

  private let schemas: DefinitionSchemas

  /// - Parameter schemas: libvirt's.
  public init(_ schemas: DefinitionSchemas) {
    self.schemas = schemas
  }

  /// What the schemas have against the objects of a spec, as they would be on a host that has all their files.
  ///
  /// - Throws: what keeps the objects from being planned at all.
  public func problems(of spec: StackSpec) throws(DiagnosticsError) -> [Diagnostic] {
    let volumes = spec.volumes.compactMap(spec.path(ofVolume:))
    let sources = Set(spec.domains.flatMap { $0.members("disks") }.compactMap { $0[.source] } + volumes)
    return try problems(of: spec, on: .supposed(for: InventoryRequest(for: spec), with: sources))
  }

  /// What the schemas have against the objects of a spec on a host.
  func problems(of spec: StackSpec, on inventory: Inventory) throws(DiagnosticsError) -> [Diagnostic] {
    let plan = try Plan(for: spec, on: inventory, schemas: schemas, refusingObjects: true)
    let refusals = plan.refused.flatMap(\.problems)
    let others = refusals.filter { ![Self.rule, "depends-on-refused"].contains($0.rule) }
    guard others.isEmpty else { throw DiagnosticsError(others) }
    return (refusals + plan.notes).filter { $0.rule == Self.rule }
  }
}
