// The proof that specs say what is there: they are planned, and nothing may change.

import Diagnostics
import Inventory
import Planner
import Spec
import Vocabulary
public import XMLTree

/// The proof that specs say what is there.
struct Proof {
  let importer: Importer
  let inventory: Inventory

  init(_ importer: Importer, _ inventory: Inventory) {
    self.importer = importer
    self.inventory = inventory
  }

  /// What keeps objects from being what their specs say, by the object's description; none for those that hold.
  func failures(of drafts: [Draft]) -> [String: [Diagnostic]] {
    let files =
      [SourceFile(path: "the stack", text: importer.head.serialised())]
      + drafts.map { SourceFile(path: $0.object.reference.description, text: $0.document.serialised()) }
    var failures: [String: [Diagnostic]] = [:]
    let loaded = SpecLoader().load(files)
    for problem in loaded.diagnostics where problem.severity == .error {
      failures[problem.range?.file.path ?? "", default: []].append(problem)
    }
    guard let stack = loaded.stack else { return failures }
    let plan: Plan
    do {
      plan = try Plan(for: stack, on: inventory.knowing(drafts.map(\.object)))
    } catch {
      for problem in error.diagnostics {
        failures[problem.range?.file.path ?? problem.subject ?? "", default: []].append(problem)
      }
      return failures
    }
    func fail(_ object: ObjectReference, _ message: String) {
      failures[object.description, default: []].append(
        Diagnostic("not-the-same", message, subject: object.description))
    }
    for object in plan.objects {
      for change in object.changes where !change.isRecordOnly && (change.old != change.new || change.old == nil) {
        fail(
          object.object,
          "\(change.field) would change from \(change.old?.description ?? "nothing") to \(change.new?.description ?? "nothing")"
        )
      }
    }
    let objects = Dictionary(drafts.map { ($0.object.reference, $0.object) }, uniquingKeysWith: { first, _ in first })
    for action in plan.actions {
      guard let planned = action.operation.definition, let observed = objects[action.object]?.definition else {
        fail(action.object, "the plan would do more than store the definition")
        continue
      }
      for change in planned.alterations(of: observed) { fail(action.object, change) }
    }
    return failures
  }
}

extension Operation {
  /// The definition that a step stores, nil for one that does something else.
  fileprivate var definition: XMLElement? {
    switch self {
    case .defineDomain(let definition): definition.xml
    case .defineNetwork(let definition): definition.xml
    default: nil
    }
  }
}

extension XMLElement {
  /// What a definition that takes another one over has otherwise, beside the record of its owner: the names of devices
  /// and the order of elements count. Empty for nothing.
  public func alterations(of observed: XMLElement) -> [String] {
    var (before, after) = (observed, self)
    OwnershipRecord.remove(from: &before)
    OwnershipRecord.remove(from: &after)
    before.removeEmptyMetadata()
    after.removeEmptyMetadata()
    guard before != after else { return [] }
    let changes = difference(before, after, options: .siblings).map { change in
      "\(change.path) would change from \(change.old ?? "nothing") to \(change.new ?? "nothing")"
    }
    return changes.isEmpty ? ["the order or the notation of its elements would change"] : changes
  }

  /// The definition without what says that it is Vireo's, the record and the names that devices carry, and without what
  /// another definition of the very same would have otherwise.
  public var withoutOwnership: XMLElement {
    var result = self
    OwnershipRecord.remove(from: &result)
    result.removeEmptyMetadata()
    result.removeCountedNumbers()
    // Firmware that was chosen and keeps its variables does so whether it was asked to or not.
    if result.hasChosenFirmware, result.keepsVariables, result.value(at: .loaderStateless) == "no" {
      result.remove(at: .loaderStateless)
    }
    result.update("devices", create: false) { devices in
      devices.children = devices.children.map { node in
        guard var device = node.element else { return node }
        device.removeAll("alias")
        return .element(device)
      }
    }
    return result
  }

  /// Takes metadata out in which nothing is written, which a record leaves behind where it was all that there was.
  mutating func removeEmptyMetadata() {
    guard let metadata = first("metadata") else { return }
    let isBlank = metadata.children.allSatisfy { node in
      if case .text(let text) = node { text.allSatisfy(\.isWhitespace) } else { false }
    }
    if isBlank, metadata.attributes.isEmpty { removeAll("metadata") }
  }

  /// Takes numbers out that libvirt counts again with each definition and at times otherwise: where such a device is, its
  /// address says.
  mutating func removeCountedNumbers() {
    for case let rule? in Vocabulary.domain.collections.map(\.type.device) {
      guard let path = rule.renumbered else { continue }
      update("devices", create: false) { devices in
        devices.updateAll(rule.element, where: rule.matches) { $0.remove(at: path) }
      }
    }
  }
}
