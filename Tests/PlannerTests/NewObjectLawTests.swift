// What validates and is new gives a definition that libvirt's schema accepts: specs that are made up from the tables, for
// every field of domains and their devices, of networks and of pools, at its bounds and beside others.

import Diagnostics
import Foundation
import Inventory
import TestSupport
import Testing
import Versions
import Vocabulary
import XMLTree

@testable import Planner
@testable import Spec

@Suite(
  "what validates and is new is a definition that libvirt's schema accepts",
  .enabled(if: InstalledSchema.isInstalled, "needs libvirt's schemas"))
struct NewObjectLawTests {
  /// A domain, a kind of its devices, a network or a pool.
  struct Kind: Sendable, CustomStringConvertible {
    var collection: ObjectType.Collection?
    var root = Vocabulary.domain
    var type: ObjectType { collection?.type ?? root }
    var element: String { type.device?.element ?? root.name }
    var description: String { collection?.key ?? root.name }
    var isDomain: Bool { collection == nil && root === Vocabulary.domain }

    /// What decides of which kind an object is, as far as one field does.
    var selectors: [Field] {
      guard !isDomain else { return [] }
      return fields.filter { field in
        guard case .enumeration = field.type else { return false }
        return type.fields.contains { other in
          (other.rules.only.joined() + other.rules.required.flatMap(\.conditions)).contains { $0.field == field.name }
        }
      }
    }

    var fields: [Field] {
      type.fields.filter { field in
        // These say whether there is an object, and what becomes of one that exists.
        !["xml", "sensitive", "state", "uuid", "renamed-from", "defaults", "count"].contains(field.name)
          // Of a pool this is what it is.
          && (root !== Vocabulary.pool || field.name != "path")
          && !Samples.values(of: field, in: element).isEmpty
      }
    }
  }

  static let kinds =
    [Kind(), Kind(root: Vocabulary.network), Kind(root: Vocabulary.pool)]
    + Vocabulary.domain.collections.filter { $0.type.device != nil }.map { Kind(collection: $0) }

  /// Where an object is new.
  enum Bed: CaseIterable {
    /// On a host without any, completed by Vireo.
    case emptyHost
    /// There, in a domain that libvirt completes.
    case libvirt
    /// In such a domain that exists.
    case existing
  }

  /// Settings of one object, made up of samples.
  enum Samples {
    /// Values that a field can have: its words, or its bounds and texts of many kinds.
    static func values(of field: Field, in element: String) -> [Value] { values(of: field.type, in: element) }

    static func values(of type: ValueType, in element: String) -> [Value] {
      switch type {
      case .enumeration(let names): names.map(Value.string)
      case .integer(let range): [.integer(max(range.lowerBound, -1)), .integer(range.upperBound)]
      case .text:
        (FieldSamples.values(of: type, in: element) + texts.compactMap { try? type.parse($0) })
          .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
      case .size(let granularity, let least, let most):
        [.bytes(max(granularity, least)), .bytes(min(most / granularity * granularity, 1 << 50))]
      case .path: [.string("/srv/one"), .string("/srv/ä b,&<'\"")]
      case .list(let inner): values(of: inner, in: element).map { .list([$0]) }
      case .record(let members): records(members, in: element)
      default: FieldSamples.values(of: type, in: element)
      }
    }

    /// A record with what it must have, with one thing more, and with all.
    private static func records(_ members: [ValueType.Member], in element: String) -> [Value] {
      let pairs = members.compactMap { member in
        values(of: member.type, in: element).first.map { (member, $0) }
      }
      let least = pairs.filter { $0.0.isRequired || !$0.0.rules.required.isEmpty }
      let more = pairs.filter { !$0.0.isRequired }.map { least.map { ($0.0.name, $0.1) } + [($0.0.name, $0.1)] }
      let all = [least.map { ($0.0.name, $0.1) }, pairs.map { ($0.0.name, $0.1) }] + more
      return all.filter { !$0.isEmpty }.map { .table(Dictionary($0) { $1 }) }
    }

    private static let texts = [
      "a b", "ä", "<&>'\"", "a/b", "..", "-", "0", ",", " ", "\u{1F600}", "naa.5123456789abcde0", "10.0.0.1",
      String(repeating: "x", count: 300),
    ]
  }

  /// The version of the libvirt whose schemas are installed.
  private static let version = Task { try await InstalledSchema.load("domain.rng").version }

  /// Makes specs of a kind of object, and finds what validates although libvirt's schema refuses it.
  private struct Trial {
    let kind: Kind
    let schemas: DefinitionSchemas
    let version: LibvirtVersion
    let base: StackSpec
    var accepted = 0
    var found: [String] = []

    init(_ kind: Kind) async throws {
      self.kind = kind
      version = try await NewObjectLawTests.version.value
      let path = InstalledSchema.path(of: "domain.rng")
      schemas = DefinitionSchemas(folder: String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)))
      base = try stack(ImaginedHost.lab + "\nnetworks: { lan: { address: 10.10.0.1/24 } }\n")
    }

    private var range: SourceRange { base.domains[0].range }

    /// The object without any settings.
    private var plain: ObjectSpec {
      if let collection = kind.collection { return ObjectSpec(collection.type, "extra", at: range) }
      return switch kind.root.name {
      case "network": base.networks[0]
      case "pool": base.pools[0]
      default: base.domains[0]
      }
    }

    /// The stack with an object, and the host that it is planned for.
    private func spec(with object: ObjectSpec, _ bed: Bed) -> (StackSpec, Inventory)? {
      var spec = base
      if bed != .emptyHost { spec.domains[0].set(.defaults, to: Setting(.string("libvirt"), at: range)) }
      let before = spec
      switch (kind.collection, kind.root.name) {
      case (let collection?, _): spec.domains[0].members[collection.key] = [object]
      case (_, "network"): spec.networks[0] = object
      case (_, "pool"): spec.pools[0] = object
      default:
        let defaults = spec.domains[0].setting(.defaults)
        spec.domains[0] = object
        spec.domains[0].set(.defaults, to: defaults)
      }
      spec.domains[0] = DomainDefaults.completed(spec.domains[0], in: spec)
      var host = Inventory.supposed(for: InventoryRequest(for: spec), with: [])
      guard bed == .existing else { return (spec, host) }
      guard let plan = try? Plan(for: before, on: host) else { return nil }
      for case .defineDomain(let definition) in plan.actions.map(\.operation) {
        host.domains[definition.identity.name] = ObservedDomain(
          name: definition.identity.name, uuid: definition.identity.uuid, state: .stopped, isActive: false,
          autostart: false, inactive: definition.xml, running: nil)
      }
      return (spec, host)
    }

    /// Tries an object with these settings, and with all that these require if that is wanted.
    mutating func attempt(_ settings: [(Field, Value)], completed: Bool, in bed: Bed = .emptyHost) async {
      // Other tests have a limit of time.
      await Task.yield()
      var object = plain
      for (field, value) in settings { object.settings[field] = Setting(value, at: range) }
      if completed { complete(&object) }
      guard !isNewer(object), let (spec, host) = spec(with: object, bed) else { return }
      var diagnostics: [Diagnostic] = []
      StackChecks.check(spec, profiles: [], into: &diagnostics)
      // A plan may refuse what no host can do.
      guard !diagnostics.contains(where: { $0.severity == .error }), let plan = try? Plan(for: spec, on: host) else {
        return
      }
      let definitions = plan.actions.compactMap { action -> XMLElement? in
        switch action.operation {
        case .defineDomain(let definition): definition.xml.spellingOutNone
        case .defineNetwork(let definition): definition.xml
        case .definePool(let pool): pool.definition.xml
        default: nil
        }
      }
      guard !definitions.isEmpty else { return }
      accepted += 1
      guard let problem = definitions.lazy.compactMap(schemas.refusal).first else { return }
      let text = object.settings.map { "\($0.key.name): \($0.value.value)" }.sorted().joined(separator: ", ")
      found.append("\(kind), \(bed) { \(text) }: \(problem)")
    }

    /// Whether this libvirt is too old for the object. The display of a PCI device came with 10.3, and other devices have
    /// had one before.
    private func isNewer(_ object: ObjectSpec) -> Bool {
      if kind.type.since.map({ $0 > version }) ?? false { return true }
      if kind.description == "hostdevs", version < LibvirtVersion(10, 3), object[.type] == "pci",
        object.settings.contains(where: { ["display", "ramfb"].contains($0.key.name) })
      {
        return true
      }
      return object.settings.contains { field, setting in
        field.requirements(of: setting.value).contains { $0.version > version }
      }
    }

    /// Adds what the rules require, with samples.
    private func complete(_ object: inout ObjectSpec) {
      for _ in 0..<8 {
        guard let (field, value) = missing(in: object) else { return }
        object.settings[field] = Setting(value, at: range)
      }
    }

    private func missing(in object: ObjectSpec) -> (Field, Value)? {
      func value(_ name: String) -> Value? {
        object.type.field(name).flatMap { object.settings[$0]?.value ?? $0.initial ?? $0.libvirtDefault }
      }
      func holds(_ condition: FieldCondition) -> Bool {
        condition.isMet(
          by: condition.words == nil
            ? object.type.field(condition.field).flatMap { object.settings[$0]?.value } : value(condition.field))
      }
      for field in kind.type.fields where object.settings[field] != nil {
        for conditions in field.rules.only where !conditions.contains(where: holds) {
          let condition = conditions[0]
          guard let other = object.type.field(condition.field), object.settings[other] == nil else { continue }
          let values = Samples.values(of: other, in: kind.element)
          let sample = condition.words.map { words in values.first { words.contains($0.description) } } ?? values.first
          if let sample { return (other, sample) }
        }
      }
      for field in kind.type.fields where object.settings[field] == nil && field.initial == nil {
        let isMissing =
          field.isRequired
          || field.rules.required.contains { rule in
            rule.conditions.allSatisfy(holds)
              && !rule.alternatives.contains { object.type.field($0).map { object.settings[$0] != nil } ?? false }
          }
        let words = field.rules.words.first { holds($0.condition) }?.words
        if isMissing, let sample = words?.first.map(Value.string) ?? Samples.values(of: field, in: kind.element).first {
          return (field, sample)
        }
      }
      return nil
    }
  }

  /// How much is tried, as a multiple of the usual: `VIREO_SPECS=10`.
  private static let effort = ProcessInfo.processInfo.environment["VIREO_SPECS"].flatMap(Int.init) ?? 1

  @Test("every field, alone and with what it requires", arguments: kinds)
  func single(kind: Kind) async throws {
    var trial = try await Trial(kind)
    await trial.attempt([], completed: false)
    await trial.attempt([], completed: true)
    for field in kind.fields {
      for value in Samples.values(of: field, in: kind.element) {
        await trial.attempt([(field, value)], completed: true)
        if !kind.isDomain { await trial.attempt([(field, value)], completed: false) }
      }
    }
    for bed in Bed.allCases where bed != .emptyHost && kind.root === Vocabulary.domain {
      guard bed == .libvirt || kind.collection != nil else { continue }
      await trial.attempt([], completed: false, in: bed)
      for field in kind.fields {
        for value in Samples.values(of: field, in: kind.element).prefix(kind.isDomain ? 1 : 2) {
          await trial.attempt([(field, value)], completed: true, in: bed)
        }
      }
    }
    #expect(trial.found.isEmpty)
    let isKnown = kind.type.since.map { $0 <= trial.version } ?? true
    #expect(trial.accepted > 0 || !isKnown)
  }

  @Test("every field beside others", arguments: kinds)
  func mixed(kind: Kind) async throws {
    var trial = try await Trial(kind)
    var choices = SeededChoices(seed: 15)
    for selector in kind.selectors {
      for word in Samples.values(of: selector, in: kind.element) {
        for field in kind.fields where field != selector && Int.random(in: 0..<4, using: &choices) < Self.effort {
          let values = Samples.values(of: field, in: kind.element)
          await trial.attempt([(selector, word), (field, values[0])], completed: true)
        }
      }
    }
    for round in 0..<(kind.isDomain ? 300 : 40) * Self.effort {
      let fields = kind.fields.shuffled(using: &choices).prefix(Int.random(in: 2...6, using: &choices))
      let settings = fields.compactMap { field in
        Samples.values(of: field, in: kind.element).randomElement(using: &choices).map { (field, $0) }
      }
      await trial.attempt(settings, completed: true)
      guard kind.collection != nil, round % 4 == 0 else { continue }
      await trial.attempt(settings, completed: true, in: round % 8 == 0 ? .libvirt : .existing)
    }
    #expect(trial.found.isEmpty)
  }

  @Test("rules name fields that there are, and words that these have", arguments: kinds)
  func names(kind: Kind) {
    for field in kind.type.fields {
      let rules = field.rules
      let required = rules.required.flatMap(\.conditions)
      for condition in rules.only.joined() + rules.excluded + required + rules.words.map(\.condition) {
        let other = kind.type.field(condition.field)
        #expect(other != nil, "\(kind).\(field): \(condition.field)")
        guard let other, case .enumeration(let names) = other.type else { continue }
        #expect(Set(condition.words ?? []).subtracting(names).isEmpty, "\(kind).\(field): \(condition.explanation)")
      }
      for name in rules.required.flatMap(\.alternatives) { #expect(kind.type.field(name) != nil, "\(field): \(name)") }
      guard case .enumeration(let names) = field.type else { continue }
      #expect(Set(rules.words.flatMap(\.words)).subtracting(names).isEmpty, "\(kind).\(field)")
    }
  }
}
