// From objects that exist to spec files that say so, proved before they are handed out.

public import Diagnostics
public import Inventory
public import Planner
import Vocabulary
import XMLTree
public import YAMLTree

/// Writes specs for what a host has.
///
/// What is written is proved: planned against the same host it changes nothing but who owns what. Where an object cannot
/// be said with fields, more of it is said in libvirt's own XML, until the proof holds.
public struct Importer: Sendable {
  /// The name of the stack that the specs make.
  public var stack: String
  /// Whether passwords are written into the specs.
  public var includesSecrets: Bool

  /// An importer that, by default, leaves passwords out.
  public init(stack: String, includesSecrets: Bool = false) {
    self.stack = stack
    self.includesSecrets = includesSecrets
  }

  /// What came of it.
  public struct Result: Sendable {
    /// A document for each object that could be read, in the order asked for.
    public var documents: [(object: ObjectReference, document: YAMLDocument)] = []
    /// Objects that could not be, and what the reader should know.
    public var messages: [Diagnostic] = []
    /// Whether there are secrets in the documents, which nobody but their owner is to read.
    public var isConfidential = false
  }

  /// Reads domains, networks and pools of a host, and with domains the base images that their disks stand on.
  ///
  /// - Parameters:
  ///   - objects: what to read; each must be in the inventory.
  ///   - inventory: the host, with the files that the domains have and the definitions of networks and pools.
  public func read(_ objects: [ObjectReference], from inventory: Inventory) -> Result {
    var result = Result()
    var drafts: [Draft] = []
    for object in objects {
      guard let found = HostObject(object, in: inventory) else {
        result.messages.append(unknown(object, in: inventory))
        continue
      }
      if let message = found.obstacle(for: stack) {
        result.messages.append(message)
        continue
      }
      if !includesSecrets, found.hasSecrets {
        result.messages.append(
          Diagnostic(
            .note, "password", "it has a password, which is not written", subject: object.description,
            suggestion: "the password on this host does not change"))
      }
      drafts.append(Draft(found, .fields, self, on: inventory.host))
    }
    let exclusions = CommonDisks(of: drafts.map(\.object), in: inventory).exclusions
    for index in drafts.indices {
      guard let others = exclusions[drafts[index].object.reference] else { continue }
      drafts[index] = Draft(drafts[index].object, .fields, exclusions: others, self, on: inventory.host)
    }
    drafts =
      HostBaseImage.all(below: drafts.map(\.object), in: inventory).map {
        Draft(.image($0), .fields, self, on: inventory.host)
      }
      + drafts
    prove(&drafts, on: inventory, &result)
    for draft in drafts where draft.detail == .fields && !draft.rawDevices.isEmpty {
      let reasons = draft.reasons.map(\.message).joined(separator: "; ")
      let devices = draft.rawDevices.sorted().joined(separator: ", ")
      result.messages.append(
        Diagnostic(
          .note, "less-detail", "most of \(devices) is written in libvirt's own XML: \(reasons)",
          subject: draft.object.reference.description))
    }
    for draft in drafts where draft.detail != .fields {
      let reasons = draft.reasons.map(\.message).joined(separator: "; ")
      let what = draft.detail == .xml ? "most of it is" : "its devices are"
      result.messages.append(
        Diagnostic(
          .note, "less-detail", "\(what) written in libvirt's own XML: \(reasons)",
          subject: draft.object.reference.description))
    }
    // Who asked for passwords knows.
    for draft in drafts where draft.isConfidential && !includesSecrets {
      result.isConfidential = true
      result.messages.append(
        Diagnostic(
          .note, "secret", "there are secrets in its entry", subject: draft.object.reference.description,
          suggestion: "keep the file private, or replace them with variables: `${NAME}`"))
    }
    result.documents = drafts.map { ($0.object.reference, $0.document) }
    return result
  }

  /// Plans the drafts, and says more of those that do not hold in libvirt's own XML, until all do.
  private func prove(_ drafts: inout [Draft], on inventory: Inventory, _ result: inout Result) {
    while true {
      let failures = Proof(self, inventory).failures(of: drafts)
      // A failure without an object would be met again.
      guard drafts.contains(where: { failures[$0.object.reference.description] != nil }) else {
        result.messages += failures.values.flatMap(\.self)
        if !failures.isEmpty { drafts = [] }
        return
      }
      for index in drafts.indices.reversed() {
        guard let reasons = failures[drafts[index].object.reference.description] else { continue }
        if let devices = drafts[index].devices(atFault: reasons) {
          var draft = drafts[index].saying(devices: devices, self, on: inventory.host)
          draft.reasons = drafts[index].reasons + reasons
          drafts[index] = draft
          continue
        }
        guard let lower = drafts[index].detail.lower, !drafts[index].object.isImage else {
          // A base that somebody writes to, or that is not a base at all, is none of the spec's.
          // What stood in the way of most detail says most.
          if !drafts[index].object.isImage {
            result.messages += drafts[index].reasons.isEmpty ? reasons : drafts[index].reasons
          }
          drafts.remove(at: index)
          continue
        }
        var draft = Draft(
          drafts[index].object, lower, exclusions: drafts[index].exclusions, self, on: inventory.host)
        draft.reasons = drafts[index].reasons + reasons
        drafts[index] = draft
      }
    }
  }

  private func unknown(_ object: ObjectReference, in inventory: Inventory) -> Diagnostic {
    let known =
      switch object.kind {
      case .domain: Array(inventory.domains.keys)
      case .network: Array((inventory.networks ?? [:]).keys)
      case .pool: Array((inventory.pools ?? [:]).keys)
      case .image, .volume, .file, .removal: [String]()
      }
    return Diagnostic(
      "unknown-\(object.kind.rawValue)", "the host has no \(object)",
      suggestion: closestMatch(to: object.name, among: known.sorted()).map { "did you mean `\($0)`?" })
  }

  /// Documents of a result in one.
  public static func merged(_ documents: [(object: ObjectReference, document: YAMLDocument)]) -> YAMLDocument {
    var collections: [(key: String, value: YAMLDocument)] = []
    for case .mapping(let top) in documents.map(\.document) {
      for (key, value) in top {
        guard case .mapping(let entries) = value else { continue }
        if let index = collections.firstIndex(where: { $0.key == key }),
          case .mapping(let before) = collections[index].value
        {
          collections[index].value = .mapping(before + entries)
        } else {
          collections.append((key, value))
        }
      }
    }
    return .mapping(collections)
  }

  /// The document that names the stack.
  public var head: YAMLDocument { .mapping([("stack", .text(stack))]) }
}
