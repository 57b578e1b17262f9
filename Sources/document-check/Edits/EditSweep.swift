// Many edits over many domains: which are tried, and how often each came out how.

import Diagnostics
import Foundation
import Importer
import Inventory
import Planner
import Spec
import Vocabulary
import XMLTree
import YAMLTree

/// Tries single edits over imported domains.
///
/// Each edit is applied and taken back, and the law is: a plan right after either is empty, and in the end the definition is the
/// one from before, or the plan said what stays.
struct EditSweep {
  let host: ScratchHost
  /// How many edits are tried of each document.
  let count: Int
  /// Only edits whose subject has this text; all for nil.
  let only: String?
  /// Whether the spec leaves to libvirt what it can: controllers, addresses, what each guest has.
  let isSparse: Bool
  private var tally: [EditOutcome.Verdict: [(cause: String, edit: String, details: [String])]] = [:]
  private var tried: [String: Int] = [:]
  private var documents = 0
  private var unfit: [String] = []

  init(_ host: ScratchHost, count: Int, only: String?, isSparse: Bool) {
    (self.host, self.count, self.only, self.isSparse) = (host, count, only, isSparse)
  }

  /// Whether the law holds for every edit.
  var holds: Bool {
    [.failed, .unsettled, .unreverted, .unsettledRevert, .residue].allSatisfy { tally[$0, default: []].isEmpty }
  }

  mutating func run(_ document: Document) async {
    do {
      let object = try await host.define(document)
      defer { documents += 1 }
      try await run(document, object)
      await host.undefine(object)
    } catch {
      unfit.append("\(document.name): \(error)")
    }
  }

  private struct Unfit: Error, CustomStringConvertible { let description: String }

  private mutating func run(_ document: Document, _ object: ScratchHost.Object) async throws {
    let importer = Importer(stack: "edits", includesSecrets: true)
    let inventory = host.inventory(object, for: InventoryRequest(importing: [object.reference]))
    guard let imported = importer.read([object.reference], from: inventory).documents.first?.document else {
      throw Unfit(description: "not imported")
    }
    let source = isSparse ? Self.sparse(imported, domain: object.reference.name) : imported
    func load(_ document: YAMLDocument) -> SpecLoader.Result {
      SpecLoader().load([
        SourceFile(path: "edits.yaml", text: importer.head.serialised() + document.serialised())
      ])
    }
    let loaded = load(source)
    guard let stack = loaded.stack, let domain = stack.domains.first else {
      throw Unfit(description: loaded.diagnostics.first?.message ?? "no spec")
    }
    guard let adopted = try await adopt(stack, object) else { throw Unfit(description: "adoption changes something") }
    let trial = EditTrial(host: host, stack: stack, adopted: adopted)
    var left = count
    for edit in edits(of: domain, seed: document.name) where left > 0 {
      guard let text = edit.edited(source, domain: object.reference.name) else { continue }
      let loaded = load(text)
      var outcome = EditOutcome(
        verdict: .invalid, cause: loaded.diagnostics.first?.rule ?? "",
        details: loaded.diagnostics.prefix(1).map(\.message))
      if let edited = loaded.stack {
        outcome = await trial.run(edited, edit)
        if ![.refused, .unchanged].contains(outcome.verdict) { left -= 1 }
        try await host.reset(adopted)
      }
      tried[edit.subject, default: 0] += 1
      tally[outcome.verdict, default: []].append((outcome.cause, "\(document.name): \(edit)", outcome.details))
    }
  }

  /// Takes the domain over, and stores its definition once more: what libvirt counts again with each definition is counted then.
  private func adopt(_ stack: StackSpec, _ object: ScratchHost.Object) async throws -> ScratchHost.Object? {
    let plan = try Plan(for: stack, on: host.inventory(object, for: InventoryRequest(for: stack)))
    guard plan.objects.flatMap(\.changes).allSatisfy(\.isRecordOnly) else { return nil }
    var adopted = object
    for action in plan.actions { adopted = try await host.store(action.operation) ?? adopted }
    for _ in 0..<2 { adopted = try await host.reset(adopted) }
    return adopted
  }

  // MARK: Which edits

  /// The edits to try, those of subjects first that have been tried least.
  private func edits(of domain: ObjectSpec, seed: String) -> [SpecEdit] {
    var all = Self.edits(of: domain, of: nil)
    for collection in domain.type.collections where collection.type.device != nil {
      for device in domain.members(collection.key) {
        let owner = (collection, device.name)
        all += Self.edits(of: device, of: owner)
        all.append(SpecEdit(kind: .remove, device: owner, field: nil, value: nil))
      }
    }
    if let only { all = all.filter { "\($0.kind) \($0.subject) \($0)".contains(only) } }
    func rank(_ edit: SpecEdit) -> UInt64 {
      // FNV-1a, so that runs are alike.
      (seed + "\(edit)").utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
    return all.map { ($0, rank($0)) }.sorted { a, b in
      let (x, y) = (tried[a.0.subject] ?? 0, tried[b.0.subject] ?? 0)
      return x == y ? a.1 < b.1 : x < y
    }.map(\.0)
  }

  /// Fields that say whether there is an object, or do something else than to define it.
  private static let passive: Set<String> = ["state", "defaults", "sensitive", "xml", "uuid", "alias"]

  private static func edits(
    of object: ObjectSpec, of owner: (collection: ObjectType.Collection, name: String)?
  ) -> [SpecEdit] {
    object.type.fields.filter { $0.lens != nil && !passive.contains($0.name) }.flatMap { field -> [SpecEdit] in
      let current = object.settings[field]?.value
      let values = EditValues.others(of: field.type, than: current)
      let drop = current == nil ? [] : [SpecEdit(kind: .drop, device: owner, field: field, value: nil)]
      return drop
        + values.map { SpecEdit(kind: current == nil ? .add : .change, device: owner, field: field, value: $0) }
    }
  }

  /// The spec of somebody who leaves to libvirt what it can.
  private static func sparse(_ document: YAMLDocument, domain: String) -> YAMLDocument {
    guard case .mapping(var top) = document, let place = top.firstIndex(where: { $0.key == "domains" }),
      case .mapping(var domains) = top[place].value, let own = domains.firstIndex(where: { $0.key == domain }),
      case .mapping(var entries) = domains[own].value
    else { return document }
    entries.removeAll {
      ["controllers", "inputs", "memballoons", "audios", "cpu", "emulator", "clock", "features"].contains($0.key)
    }
    for index in entries.indices {
      guard case .mapping(let devices) = entries[index].value,
        Vocabulary.domain.collection(entries[index].key)?.type.device != nil
      else { continue }
      entries[index].value = .mapping(
        devices.map { key, value in
          guard case .mapping(let fields) = value else { return (key, value) }
          return (key, .mapping(fields.filter { $0.key != "address" }))
        })
    }
    domains[own].value = .mapping(entries)
    top[place].value = .mapping(domains)
    return .mapping(top)
  }

  // MARK: Figures

  func text(examples: Int) -> String {
    let tried = tally.filter { ![.refused, .unchanged, .invalid].contains($0.key) }.values.map(\.count).reduce(0, +)
    var text =
      "\(documents) domains, \(tried) edits applied and taken back, of \(self.tried.count) fields and devices\n"
    if !unfit.isEmpty { text += "\(unfit.count) domains that cannot be edited\n" + unfit.map { "  \($0)\n" }.joined() }
    for verdict in EditOutcome.Verdict.allCases {
      let all = tally[verdict] ?? []
      text += "\n\(all.count)  \(verdict.rawValue)\n"
      guard verdict != .restored, verdict != .unchanged else { continue }
      let causes = Dictionary(grouping: all, by: \.cause).sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
      for (cause, edits) in causes {
        text += "  \(edits.count)  \(cause)\n"
        for edit in edits.prefix(verdict == .invalid || verdict == .refused ? 1 : examples) {
          text += "       \(edit.edit)\n" + edit.details.prefix(12).map { "         \($0)\n" }.joined()
        }
      }
    }
    return text
  }
}
