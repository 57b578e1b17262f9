// One domain: from a document to a spec and back.

import Diagnostics
import Importer
import Inventory
import Libvirt
import Planner
import Spec
import Vocabulary
import XMLTree
import YAMLTree

/// What came of one document.
struct Outcome {
  var document: Document
  /// What libvirt has against the document itself: nothing of Vireo's.
  var refusal: String?
  /// The definition as libvirt holds it.
  var stored: XMLElement?
  var spec = ""
  /// Why there is no spec.
  var importProblems: [String] = []
  /// What a plan would change, and an adoption did.
  var phantoms: [String] = []
  /// What the domain on an empty host has otherwise.
  var differences: [String] = []
  /// Lenses that do not give back what they got.
  var lawBreaches: [String] = []
  var coverage = Coverage()
}

/// Runs one document.
struct DomainRoundTrip {
  let document: Document
  let host: ScratchHost

  init(_ document: Document, on host: ScratchHost) {
    self.document = document
    self.host = host
  }

  func run() async -> Outcome {
    var outcome = Outcome(document: document)
    let defined: (LibvirtDomain, XMLElement)
    do {
      let domain = try await host.define(document.text)
      defined = (domain, try await host.xml(of: domain))
    } catch {
      outcome.refusal = "\(error)"
      return outcome
    }
    let (domain, stored) = defined
    outcome.stored = stored
    let observed = ObservedDomain(
      name: domain.name, uuid: domain.uuid, state: .stopped, isActive: false, inactive: stored)
    outcome.lawBreaches = LensLaws.breaches(in: stored)

    let importer = Importer(stack: "round-trip", includesSecrets: true)
    let result = importer.read([domain.name], from: host.inventory([observed], for: InventoryRequest()))
    outcome.importProblems = result.messages.map { "\($0.rule): \($0.message)" }
    guard let (name, document) = result.documents.first else {
      await host.undefine(domain)
      return outcome
    }
    outcome.spec = importer.head.serialised() + document.serialised()
    let loaded = SpecLoader().load([SourceFile(path: name, text: outcome.spec)])
    guard let stack = loaded.stack else {
      outcome.importProblems += loaded.diagnostics.map(\.message)
      await host.undefine(domain)
      return outcome
    }
    outcome.coverage = Coverage(of: stored.withoutOwnership, said: stack.domains)
    await adopt(stack, observed, &outcome)
    await host.undefine(domain)
    await recreate(stack, stored, &outcome)
    return outcome
  }

  /// Takes the domain over, as an apply would, and plans again.
  private func adopt(
    _ stack: StackSpec, _ observed: ObservedDomain, _ outcome: inout Outcome
  ) async {
    do {
      let request = InventoryRequest(for: stack)
      let plan = try Plan(for: stack, on: host.inventory([observed], for: request))
      outcome.phantoms += plan.objects.flatMap(\.changes).filter { $0.old != $0.new }.map { "planned: \($0.field)" }
      var adopted = observed
      for case .defineDomain(let definition) in plan.actions.map(\.operation) {
        adopted.inactive = try await host.store(definition).stored
      }
      outcome.phantoms += Self.differences(observed.inactive, adopted.inactive).map { "adopted: \($0)" }
      let second = try Plan(for: stack, on: host.inventory([adopted], for: request))
      outcome.phantoms += second.objects.flatMap(\.changes).map { "again: \($0.field)" }
      for case .defineDomain(let definition) in second.actions.map(\.operation) {
        outcome.phantoms += difference(adopted.inactive, definition.xml).map {
          "again: \($0.path) \($0.old ?? "nothing") → \($0.new ?? "nothing")"
        }
      }
      if !second.isEmpty, outcome.phantoms.isEmpty { outcome.phantoms = ["again: the definition would be stored"] }
    } catch let error as DiagnosticsError {
      outcome.phantoms += error.diagnostics.map { "\($0.rule): \($0.message)" }
    } catch {
      outcome.phantoms.append("\(error)")
    }
  }

  /// Makes the domain on the empty host.
  private func recreate(_ stack: StackSpec, _ stored: XMLElement, _ outcome: inout Outcome) async {
    do {
      let plan = try Plan(for: stack, on: host.inventory([], for: InventoryRequest(for: stack)))
      for case .defineDomain(let definition) in plan.actions.map(\.operation) {
        let (domain, made) = try await host.store(definition)
        outcome.differences += Self.differences(stored, made)
        await host.undefine(domain)
      }
    } catch let error as DiagnosticsError {
      outcome.differences += error.diagnostics.map { "\($0.rule): \($0.message)" }
    } catch {
      outcome.differences.append("\(error)")
    }
  }

  /// What two definitions differ in, but for whose they are and the order of siblings that has no meaning.
  private static func differences(_ a: XMLElement, _ b: XMLElement) -> [String] {
    var options = XMLDifferenceOptions.siblings
    options.isUnordered = { element, _ in !["disk", "interface", "boot"].contains(element.name) }
    return difference(a.withoutOwnership, b.withoutOwnership, options: options).map { change in
      "\(change.path): \(change.old ?? "nothing") → \(change.new ?? "nothing")"
    }
  }
}
