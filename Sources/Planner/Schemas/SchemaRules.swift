// What libvirt's schema has against definitions that a plan would store: refused while planning, at the line that is at fault.

import Diagnostics
import Spec
import Vocabulary
package import XMLTree

/// Checks definitions against libvirt's schemas, where the plan has them.
enum SchemaRules {
  private static let rule = SchemaCheck.rule

  // MARK: Domains

  /// Checks a definition that would be stored. What the schema had against the domain before is not the edit's fault.
  static func check(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], _ definition: XMLElement
  ) -> Findings {
    var findings = Findings(about: context.object)
    guard let schemas = context.stack.schemas else { return findings }
    let old = context.observed?.inactive
    if let old, isSame(old, definition) { return findings }
    let stored = definition.spellingOutNone
    guard let message = schemas.refusal(of: stored) else { return findings }
    func devices(in definition: XMLElement) -> [SchemaSearch.Device] {
      context.spec.type.collections.flatMap { collection in
        context.spec.members(collection.key).compactMap { device in
          let key = "\(collection.key).\(device.name)"
          return identities[key]?.find(in: definition).map { (key, device, $0) }
        }
      }
    }
    let search = SchemaSearch(accepts: schemas.accepts)
    var faults = schemas.faults(
      in: stored, isCured: { search.isCured(of: $0, context.spec, devices(in: stored), in: stored) }
    ) { search.faults(in: context.spec, devices(in: stored), of: stored) }
    if let old = old?.spellingOutNone, schemas.refusal(of: old) != nil {
      let before = SchemaSearch.withoutDevices(old)
      let devices = Dictionary(devices(in: old).map { ($0.key, $0.element) }, uniquingKeysWith: { first, _ in first })
      faults.removeAll { fault in
        guard fault.owner != OwnershipRecord.itself else {
          return fault.field == nil || !search.accepts(before) && isUnchanged(fault, context.spec, before)
        }
        guard let element = devices[fault.owner], !search.accepts(SchemaSearch.shell(around: element)),
          let device = context.spec.device(fault.owner)
        else { return fault.reason == .company }
        return isUnchanged(fault, device, element)
      }
    }
    for fault in faults {
      let device = fault.owner == OwnershipRecord.itself ? nil : context.spec.device(fault.owner)
      let problem = Problem(fault, in: device ?? context.spec, message)
      if context.isNew, !context.isCompletedByVireo {
        // libvirt holds, here and there, what its own schema refuses.
        findings.note(
          rule, problem.message, at: problem.range,
          suggestion: problem.suggestion + "; apply stores it only if libvirt keeps all of it", severity: .warning)
      } else {
        findings.refuse(rule, problem.message, at: problem.range, suggestion: problem.suggestion)
      }
    }
    return findings
  }

  /// Whether two definitions differ in nothing but the record, which libvirt stores by itself.
  private static func isSame(_ old: XMLElement, _ new: XMLElement) -> Bool {
    var (old, new) = (old, new)
    OwnershipRecord.remove(from: &old)
    OwnershipRecord.remove(from: &new)
    return old == new
  }

  /// Whether an element that the schema refused before has what is at fault already.
  private static func isUnchanged(_ fault: SchemaFault, _ object: ObjectSpec, _ old: XMLElement) -> Bool {
    guard let field = fault.field.flatMap(object.type.field), let value = object.settings[field]?.value else {
      return true
    }
    if case .xml(let fragment) = value { return fragment.isMet(by: old) }
    return field.isMet(value, in: old)
  }

  // MARK: Networks and pools

  /// Checks the definition of a network. libvirt keeps values of networks that its schema refuses, and those of fields have
  /// rules of their own: only a fragment can have what libvirt would drop.
  static func check(network fields: DefinitionFields) -> Findings {
    var findings = Findings(about: fields.object)
    for (fault, problem) in problems(of: fields) where fault.field == Field.xmlName {
      findings.note(
        rule, problem.message, at: problem.range,
        suggestion: problem.suggestion + "; apply stores it only if libvirt keeps all of it", severity: .warning)
    }
    return findings
  }

  /// Checks the definition of a pool.
  static func check(pool fields: DefinitionFields) -> Findings {
    var findings = Findings(about: fields.object)
    for (_, problem) in problems(of: fields) {
      findings.refuse(rule, problem.message, at: problem.range, suggestion: problem.suggestion)
    }
    return findings
  }

  private static func problems(of fields: DefinitionFields) -> [(SchemaFault, Problem)] {
    guard let schemas = fields.stack.schemas, fields.observed.map({ !isSame($0, fields.xml) }) ?? true,
      let message = schemas.refusal(of: fields.xml)
    else { return [] }
    let search = SchemaSearch(accepts: schemas.accepts)
    var faults = schemas.faults(in: fields.xml) { search.faults(in: fields.spec, fields.xml) }
    if let old = fields.observed, schemas.refusal(of: old) != nil {
      faults.removeAll { isUnchanged($0, fields.spec, old) }
    }
    return faults.map { ($0, Problem($0, in: fields.spec, message)) }
  }

  // MARK: Messages

  /// The message about a fault.
  private struct Problem {
    var message: String
    var suggestion: String
    var range: SourceRange

    /// - Parameter sentence: what the schema's validator says first, for what no field is known of.
    init(_ fault: SchemaFault, in object: ObjectSpec, _ sentence: String) {
      let type = object.type
      let prefix = fault.owner == OwnershipRecord.itself ? "" : fault.owner + "."
      let title = fault.owner == OwnershipRecord.itself ? object.title : fault.owner
      let field = fault.field.flatMap(type.field)
      let name = field.map { "`\(prefix)\(type.displayName(of: $0))`" }
      range = field.flatMap { object.settings[$0]?.range } ?? object.range
      switch fault.reason {
      case .missing(let other):
        message = "\(name ?? title) requires `\(prefix)\(other)`, by libvirt's schema"
        suggestion = "add `\(other):`" + (type.field(other).map { ", \($0.type.explanation)" } ?? "")
      case .value(let place):
        let part = place.map { ": `\($0)`" } ?? ""
        if let name, let field {
          message = "libvirt's schema does not allow this \(name)\(part)"
          suggestion =
            field.isFragment
            ? "correct it as libvirt's documentation describes it, or remove it"
            : "write another value, or leave it out"
        } else {
          message = "libvirt's schema does not allow \(title)\(part.isEmpty ? ": \(sentence)" : part)"
          suggestion = "leave out its fields one after another to find which"
        }
      case .company:
        message = "libvirt's schema does not allow \(name ?? title) beside the rest of the definition: \(sentence)"
        suggestion = "leave it out, or what it excludes"
      }
    }
  }
}

extension ObjectSpec {
  /// The device with a whole name, `disks.root`.
  fileprivate func device(_ key: String) -> ObjectSpec? {
    let parts = key.split(separator: ".", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    return members(String(parts[0])).first { $0.name == parts[1] }
  }
}

extension XMLElement {
  /// The definition with what libvirt leaves out when it writes and insists on when it reads: a memory side cache
  /// without associativity or policy has `none` (measured with libvirt 9.0).
  package var spellingOutNone: XMLElement {
    guard exists(at: "cpu/numa/cell/cache") else { return self }
    var result = self
    result.update(at: "cpu/numa", create: false) { numa in
      numa.updateAll("cell") { cell in
        cell.updateAll("cache") { cache in
          for name in ["associativity", "policy"] where cache[attribute: name] == nil {
            cache[attribute: name] = "none"
          }
        }
      }
    }
    return result
  }
}
