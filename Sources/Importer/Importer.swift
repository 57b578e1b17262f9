// From domains that exist to spec files that say so, proved before they are handed out.

public import Diagnostics
public import Inventory
import Planner
import Spec
import Vocabulary
public import XMLTree
public import YAMLTree

/// Writes specs for what a host has.
///
/// What is written is proved: planned against the same host it changes nothing but who owns what. Where a domain cannot
/// be said with fields, more of it is said in libvirt's own XML, until the proof holds.
public struct Importer: Sendable {
  /// The name of the stack that the specs make.
  public var stack: String
  /// Whether passwords are written into the specs.
  public var includesSecrets: Bool

  public init(stack: String, includesSecrets: Bool = false) {
    self.stack = stack
    self.includesSecrets = includesSecrets
  }

  /// What came of it.
  public struct Result: Sendable {
    /// A document for each domain that could be read, by the domain's name and in the order asked for.
    public var documents: [(name: String, document: YAMLDocument)] = []
    /// Domains that could not be, and what the reader should know.
    public var messages: [Diagnostic] = []
  }

  /// Reads domains of a host.
  ///
  /// - Parameters:
  ///   - names: the domains, which must be in the inventory.
  ///   - inventory: the host, with the files that the domains have.
  public func read(_ names: [String], from inventory: Inventory) -> Result {
    var result = Result()
    var drafts: [Draft] = []
    for name in names {
      guard let domain = inventory.domains[name] else {
        result.messages.append(
          Diagnostic(
            "unknown-domain", "the host has no domain `\(name)`",
            suggestion: closestMatch(to: name, among: inventory.domains.keys.sorted()).map { "did you mean `\($0)`?" }))
        continue
      }
      if let owner = OwnershipRecord(in: domain.inactive)?.stack, owner != stack {
        result.messages.append(
          Diagnostic(
            .warning, "owned-domain", "the domain belongs to the stack \(owner) already and is left out",
            subject: "domain \(name)", suggestion: "its spec is that stack's"))
        continue
      }
      guard domain.isPersistent else {
        result.messages.append(
          Diagnostic(
            .warning, "transient-domain", "the domain has no stored definition and is left out",
            subject: "domain \(name)"))
        continue
      }
      if !includesSecrets, XMLFragment(domain.inactive).hasSecrets {
        result.messages.append(
          Diagnostic(
            .note, "password", "the domain has a password, which is not written down", subject: "domain \(name)",
            suggestion: "it stays as it is on this host"))
      }
      drafts.append(Draft(domain, .fields, self))
    }
    while true {
      let failures = Proof(self, inventory).failures(of: drafts)
      guard !failures.isEmpty else { break }
      for index in drafts.indices.reversed() {
        guard let reasons = failures[drafts[index].domain.name] else { continue }
        if let lower = drafts[index].detail.lower {
          var draft = Draft(drafts[index].domain, lower, self)
          draft.reasons = drafts[index].reasons + reasons
          drafts[index] = draft
        } else {
          result.messages += reasons
          drafts.remove(at: index)
        }
      }
    }
    for draft in drafts where draft.detail != .fields {
      let reasons = draft.reasons.map(\.message).joined(separator: "; ")
      result.messages.append(
        Diagnostic(
          .note, "less-detail",
          "\(draft.detail == .xml ? "most of it" : "its devices") are written in libvirt's own XML: \(reasons)",
          subject: "domain \(draft.domain.name)"))
    }
    result.documents = drafts.map { ($0.domain.name, $0.document) }
    return result
  }

  /// Documents of a result in one.
  public static func merged(_ documents: [(name: String, document: YAMLDocument)]) -> YAMLDocument {
    .mapping([
      (
        "domains",
        .mapping(
          documents.flatMap { _, document -> [(key: String, value: YAMLDocument)] in
            guard case .mapping(let top) = document, case .mapping(let entries)? = top.first?.value else { return [] }
            return entries
          })
      )
    ])
  }

  /// The document that names the stack.
  public var head: YAMLDocument { .mapping([("stack", .text(stack))]) }
}

/// A domain on its way into a spec.
struct Draft {
  var domain: ObservedDomain
  var detail: Detail
  var document: YAMLDocument
  /// Why more detail did not hold.
  var reasons: [Diagnostic] = []

  init(_ domain: ObservedDomain, _ detail: Detail, _ importer: Importer) {
    self.domain = domain
    self.detail = detail
    let object = DomainReading(includesSecrets: importer.includesSecrets).object(for: domain, detail)
    document = .mapping([("domains", .mapping([(domain.name, object.document())]))])
  }
}

/// The proof that specs say what is there.
struct Proof {
  let importer: Importer
  let inventory: Inventory

  init(_ importer: Importer, _ inventory: Inventory) {
    self.importer = importer
    self.inventory = inventory
  }

  /// What keeps domains from being what their specs say, by domain; none for those that hold.
  func failures(of drafts: [Draft]) -> [String: [Diagnostic]] {
    let files =
      [SourceFile(path: "the stack", text: importer.head.serialised())]
      + drafts.map { SourceFile(path: $0.domain.name, text: $0.document.serialised()) }
    var failures: [String: [Diagnostic]] = [:]
    let loaded = SpecLoader().load(files)
    for problem in loaded.diagnostics where problem.severity == .error {
      failures[problem.range?.file.path ?? "", default: []].append(problem)
    }
    guard let stack = loaded.stack else { return failures }
    let plan: Plan
    do {
      plan = try Plan(for: stack, on: inventory)
    } catch {
      for problem in error.diagnostics {
        let name = problem.range?.file.path ?? problem.subject.map { String($0.dropFirst("domain ".count)) } ?? ""
        failures[name, default: []].append(problem)
      }
      return failures
    }
    for object in plan.objects where object.object.kind == .domain {
      for change in object.changes where change.old != change.new || change.old == nil {
        failures[object.object.name, default: []].append(
          Diagnostic(
            "not-the-same",
            "\(change.field) would change from \(change.old?.description ?? "nothing") to \(change.new?.description ?? "nothing")",
            subject: object.object.description))
      }
    }
    for action in plan.actions {
      guard case .defineDomain(let definition) = action.operation else {
        failures[action.object.name, default: []].append(
          Diagnostic(
            "not-the-same", "something would be done beside storing the definition", subject: action.object.description)
        )
        continue
      }
      guard let observed = inventory.domains[definition.identity.name] else { continue }
      let changed = difference(
        observed.inactive.withoutOwnership, definition.xml.withoutOwnership, options: .siblings)
      for change in changed {
        failures[observed.name, default: []].append(
          Diagnostic(
            "not-the-same", "\(change.path) would change from \(change.old ?? "nothing") to \(change.new ?? "nothing")",
            subject: "domain \(observed.name)"))
      }
    }
    return failures
  }
}

extension XMLElement {
  /// The definition without what says that it is Vireo's, the record and the names that devices carry, and without what
  /// another definition of the very same would have otherwise.
  public var withoutOwnership: XMLElement {
    var result = self
    OwnershipRecord.remove(from: &result)
    result.removeVirtioConsolePorts()
    result.update("devices", create: false) { devices in
      devices.children = devices.children.map { node in
        guard var device = node.element else { return node }
        device.removeAll("alias")
        return .element(device)
      }
    }
    return result
  }

  /// Takes the ports of virtio consoles out: they are counted anew with each definition and at times otherwise (measured
  /// with libvirt 9.0); where such a console is, its address says.
  mutating func removeVirtioConsolePorts() {
    update("devices", create: false) { devices in
      devices.updateAll("console") { console in
        guard console.value(at: "target/@type") == "virtio" else { return }
        console.update("target", create: false) { $0[attribute: "port"] = nil }
      }
    }
  }
}
