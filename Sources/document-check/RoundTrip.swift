// One document: defined, imported, taken over, re-created, and compared.

import Applier
import Diagnostics
import Importer
import Inventory
import Planner
import Spec
import Vocabulary
import XMLTree
import YAMLTree

/// What came of one document.
struct Outcome {
  var document: Document
  /// What libvirt has against the document itself: nothing that Vireo added.
  var refusal: String?
  /// The definition as libvirt holds it.
  var stored: XMLElement?
  var spec = ""
  /// Why there is no spec, or not in full detail.
  var importProblems: [String] = []
  /// What a plan would change, and an adoption did.
  var phantoms: [String] = []
  /// What an adoption changed outside of the metadata, byte for byte.
  var alterations: [String] = []
  /// What QEMU would be started with otherwise once the domain is adopted.
  var commandLineChanges: [String] = []
  /// Whether libvirt could work out QEMU's command line here at all.
  var hasCommandLine = false
  /// What the object on an empty host has otherwise.
  var differences: [String] = []
  /// Lenses that do not give back what they got.
  var lawBreaches: [String] = []
  var coverage = Coverage()
}

/// Runs one document.
struct RoundTrip {
  let document: Document
  let host: ScratchHost
  let commandLines: CommandLines

  init(_ document: Document, on host: ScratchHost, _ commandLines: CommandLines) {
    self.document = document
    self.host = host
    self.commandLines = commandLines
  }

  func run() async -> Outcome {
    var outcome = Outcome(document: document)
    let object: ScratchHost.Object
    do {
      object = try await host.define(document)
    } catch {
      outcome.refusal = "\(error)"
      return outcome
    }
    outcome.stored = object.stored
    outcome.lawBreaches = LensLaws.breaches(in: object.stored)
    if let stack = importSpec(of: object, &outcome) {
      outcome.coverage = Coverage(
        of: object.stored.withoutOwnership, said: stack.domains + stack.networks + stack.pools)
      await adopt(stack, object, &outcome)
      await host.undefine(object)
      await recreate(stack, object.stored, &outcome)
    } else {
      await host.undefine(object)
    }
    return outcome
  }

  private func importSpec(of object: ScratchHost.Object, _ outcome: inout Outcome) -> StackSpec? {
    let importer = Importer(stack: "round-trip", includesSecrets: true)
    let request = InventoryRequest(importing: [object.reference])
    let inventory = host.inventory(object, for: request)
    let result = importer.read([object.reference], from: inventory)
    outcome.importProblems = result.messages.map { "\($0.rule): \($0.message)" }
    guard let document = result.documents.first?.document else { return nil }
    let text = importer.head.serialised() + document.serialised()
    let loaded = SpecLoader().load([SourceFile(path: self.document.name, text: text)])
    guard let stack = loaded.stack else {
      outcome.importProblems += loaded.diagnostics.map(\.message)
      return nil
    }
    outcome.spec = text
    return stack
  }

  /// Takes the object over, as an apply would, and plans again.
  private func adopt(_ stack: StackSpec, _ object: ScratchHost.Object, _ outcome: inout Outcome) async {
    do {
      let request = InventoryRequest(for: stack)
      let plan = try Plan(for: stack, on: host.inventory(object, for: request))
      outcome.phantoms += plan.objects.flatMap(\.changes).filter { !$0.isRecordOnly && $0.old != $0.new }.map {
        "planned: \($0.field)"
      }
      var adopted = object
      for action in plan.actions {
        guard let stored = try await host.store(action.operation) else { continue }
        adopted = stored
        outcome.phantoms += Self.told(stored.stored, action.operation).map { "told: \($0)" }
      }
      outcome.phantoms += adopted.stored.alterations(of: object.stored).map { "adopted: \($0)" }
      outcome.alterations = AdoptionLaws.alterations(from: object.text, to: adopted.text)
      compareCommandLines(object, adopted, &outcome)
      let second = try Plan(for: stack, on: host.inventory(adopted, for: request))
      outcome.phantoms += second.objects.flatMap(\.changes).map { "again: \($0.field)" }
      // As a guest that was started then: every device of the spec is found in it.
      let running = try Plan(for: stack, on: host.inventory(adopted, for: request, isRunning: true))
      outcome.phantoms += running.objects.flatMap { $0.changes.map(\.field) + $0.pending.map(\.field) }
        .map { "running: \($0)" }
      if !second.isEmpty, outcome.phantoms.isEmpty { outcome.phantoms = ["again: something would be done"] }
    } catch let error as DiagnosticsError {
      outcome.phantoms += error.diagnostics.map { "\($0.rule): \($0.message)" }
    } catch {
      outcome.phantoms.append("\(error)")
    }
  }

  private func compareCommandLines(
    _ object: ScratchHost.Object, _ adopted: ScratchHost.Object, _ outcome: inout Outcome
  ) {
    guard object.stored.name == "domain", let before = commandLines.of(object.text) else { return }
    outcome.hasCommandLine = true
    guard let after = commandLines.of(adopted.text) else {
      outcome.commandLineChanges = ["there is none any more"]
      return
    }
    outcome.commandLineChanges = AdoptionLaws.changes(from: before, to: after)
  }

  /// Makes the object on the empty host.
  private func recreate(_ stack: StackSpec, _ stored: XMLElement, _ outcome: inout Outcome) async {
    do {
      let plan = try Plan(for: stack, on: host.inventory(nil, for: InventoryRequest(for: stack)))
      var isMade = false
      for action in plan.actions {
        guard let made = try await host.store(action.operation) else { continue }
        isMade = true
        outcome.differences += Self.differences(stored, made.stored)
        outcome.differences += Self.told(made.stored, action.operation).map { "told: \($0)" }
        await host.undefine(made)
      }
      if !isMade { outcome.differences.append("nothing would be defined") }
    } catch let error as DiagnosticsError {
      outcome.differences += error.diagnostics.map { "\($0.rule): \($0.message)" }
    } catch {
      outcome.differences.append("\(error)")
    }
  }

  /// What an apply would report about what libvirt stored beside what it was asked for.
  private static func told(_ stored: XMLElement, _ operation: Planner.Operation) -> [String] {
    guard case .defineDomain(let definition) = operation else { return [] }
    return UnaskedChange.all(in: stored, asked: definition.xml, replacing: definition.replacing).map(\.description)
  }

  /// What two definitions differ in, but for whose they are and the order of siblings that has no meaning.
  private static func differences(_ a: XMLElement, _ b: XMLElement) -> [String] {
    var options = XMLDifferenceOptions.siblings
    options.isUnordered = { element, _ in !["disk", "interface", "boot"].contains(element.name) }
    let changes = difference(a.withoutOwnership, b.withoutOwnership, options: options).map { change in
      "\(change.path): \(change.old ?? "nothing") → \(change.new ?? "nothing")"
    }
    return changes + aliases(a, b)
  }

  /// Aliases of devices that a definition does not have again. A device that had none may be called by its key.
  private static func aliases(_ a: XMLElement, _ b: XMLElement) -> [String] {
    func places(_ domain: XMLElement) -> [String: DeviceMarks] {
      var result: [String: DeviceMarks] = [:]
      for device in domain.first("devices")?.elements.map({ $0 }) ?? [] {
        guard let alias = device.value(at: .alias) else { continue }
        var marks = DeviceMarks(of: device)
        // Where libvirt puts a device is compared above.
        marks[.address] = nil
        result["\(device.name) \(alias)"] = marks
      }
      return result
    }
    let made = places(b)
    return places(a).sorted { $0.key < $1.key }.compactMap { name, marks in
      guard let other = made[name] else { return "devices/\(name): no device has this alias" }
      return marks.agree(with: other) ? nil : "devices/\(name): another device has this alias"
    }
  }
}
