// One edit of one domain: applied, planned again, taken back, planned again, and compared with what was there before.

import Applier
import Diagnostics
import Inventory
import Libvirt
import Planner
import Spec
import Vocabulary
import XMLTree
import YAMLTree

/// What came of an edit.
struct EditOutcome {
  /// How far an edit came, the worst first.
  enum Verdict: String, CaseIterable {
    case failed = "a stated change that fails"
    case unsettled = "a plan right after an apply that is not empty"
    case unreverted = "a revert that fails"
    case unsettledRevert = "a plan right after a revert that is not empty"
    case residue = "residue that no plan shows"
    case shown = "residue that the plan shows"
    case restored = "the definition from before"
    case refused = "refused by the plan"
    case unchanged = "no change of the definition"
    case invalid = "refused by the spec's checks"
  }

  let verdict: Verdict
  /// What is the same for all edits with one cause.
  var cause = ""
  /// What differs or was said.
  var details: [String] = []
}

/// Tries edits of a domain that has been adopted.
struct EditTrial {
  let host: ScratchHost
  /// The spec without the edit.
  let stack: StackSpec
  /// The domain as it was adopted.
  let adopted: ScratchHost.Object

  func run(_ edited: StackSpec, _ edit: SpecEdit) async -> EditOutcome {
    var now = adopted
    switch await apply(edited, to: &now) {
    case .refused(let rule, let text): return EditOutcome(verdict: .refused, cause: rule, details: [text])
    case .failed(let text): return EditOutcome(verdict: .failed, cause: Self.cause(text), details: [text])
    case .nothing: return EditOutcome(verdict: .unchanged)
    case .done(let plan):
      // What nobody needs to store is nothing to take back.
      if !plan.objects.flatMap(\.changes).contains(where: { !$0.isRecordOnly }) {
        return EditOutcome(verdict: .unchanged)
      }
    }
    let rest = changes(edited, on: now)
    guard rest.isEmpty else { return EditOutcome(verdict: .unsettled, cause: edit.subject, details: rest) }
    let middle = now.stored
    let shown: [FieldChange]
    switch await apply(stack, to: &now) {
    case .refused(let rule, let text): return EditOutcome(verdict: .unreverted, cause: rule, details: [text])
    case .failed(let text): return EditOutcome(verdict: .unreverted, cause: Self.cause(text), details: [text])
    case .nothing: shown = []
    case .done(let plan): shown = plan.objects.flatMap(\.changes)
    }
    let left = changes(stack, on: now)
    guard left.isEmpty else { return EditOutcome(verdict: .unsettledRevert, cause: edit.subject, details: left) }
    let alterations = now.stored.alterations(of: adopted.stored)
    guard !alterations.isEmpty else { return EditOutcome(verdict: .restored) }
    let places = Set(alterations.map(Self.cause)).sorted().joined(separator: " + ")
    let isShown = shown.contains { $0.detail == "kept; no longer recorded" }
    return EditOutcome(
      verdict: isShown ? .shown : .residue, cause: places,
      details: alterations
        + shown.map {
          "shown: \($0.field): \($0.old?.description ?? "nothing") → \($0.new?.description ?? "nothing") \($0.detail ?? "")"
        }
        + middle.alterations(of: adopted.stored).map { "between: \($0)" })
  }

  private enum Applied {
    case nothing
    case done(Plan)
    case refused(rule: String, text: String)
    case failed(String)
  }

  /// Plans a spec and stores what comes of it, as an apply does.
  private func apply(_ spec: StackSpec, to object: inout ScratchHost.Object) async -> Applied {
    do {
      let plan = try Plan(for: spec, on: host.inventory(object, for: InventoryRequest(for: spec)))
      if let problem = plan.refused.first?.problems.first {
        return .refused(rule: problem.rule, text: problem.message)
      }
      var isStored = false
      for action in plan.actions {
        guard case .defineDomain(let definition) = action.operation else {
          return .refused(rule: "not of the definition alone", text: "\(action.operation)".prefix(80).description)
        }
        guard let stored = try await host.store(.defineDomain(definition)) else { continue }
        try definition.check(stored.stored)
        let unasked = UnaskedChange.all(in: stored.stored, asked: definition.xml, replacing: definition.replacing)
        if let change = unasked.first(where: \.isSubstance) { return .failed("libvirt \(change.description)") }
        (object, isStored) = (stored, true)
      }
      return isStored ? .done(plan) : .nothing
    } catch let error as DiagnosticsError {
      return .refused(rule: error.diagnostics.first?.rule ?? "", text: error.diagnostics.first?.message ?? "")
    } catch let error as DroppedDefinition {
      return .failed("\(error.refusal.message); \(error.place)")
    } catch let error as LibvirtError {
      return .failed(error.message)
    } catch {
      return .failed("\(error)")
    }
  }

  /// What a plan would still do.
  private func changes(_ spec: StackSpec, on object: ScratchHost.Object) -> [String] {
    do {
      let plan = try Plan(for: spec, on: host.inventory(object, for: InventoryRequest(for: spec)))
      let texts = plan.objects.flatMap(\.changes).map {
        "\($0.field): \($0.old?.description ?? "nothing") → \($0.new?.description ?? "nothing")"
      }
      return texts.isEmpty && !plan.actions.isEmpty ? ["a step without a change"] : texts
    } catch {
      return error.diagnostics.map(\.message)
    }
  }

  /// A message without what differs between documents: numbers, quoted names, conditions of places.
  private static func cause(_ text: String) -> String {
    var text = text
    text.replace(#/\[[^\]]*\]/#, with: "")
    text.replace(#/'[^']*'/#, with: "'…'")
    text.replace(#/[0-9a-f]*[0-9]+[0-9a-f]*/#, with: "0")
    if let range = text.firstRange(of: " would change from ") {
      let place = text[..<range.lowerBound]
      let isGone = text.hasSuffix(" to nothing")
      let isNew = text.contains("from nothing to")
      return (isGone ? "- " : isNew ? "+ " : "~ ") + place
    }
    return String(text.prefix(160))
  }
}
