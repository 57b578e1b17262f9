// Bringing back a domain that was undefined: what is in the way, and what is done, from the removal and the host as values.

import Diagnostics
public import Inventory
import Vocabulary
import XMLTree

/// What a removed domain finds on the host: whatever has its name or UUID, and the files that are gone.
public struct Restoration: Sendable, Hashable {
  /// The removal.
  public var archived: ArchivedDomain
  /// A domain of its name or UUID; nil for none.
  public var present: ObservedDomain?
  /// Files that it had and that no longer exist.
  public var missing: [RemovedDomain.MissingFile]

  /// A restoration on a host that has neither a domain in the way nor missing files, unless told otherwise.
  public init(
    _ archived: ArchivedDomain, present: ObservedDomain? = nil, missing: [RemovedDomain.MissingFile] = []
  ) {
    self.archived = archived
    self.present = present
    self.missing = missing
  }

  private var removal: RemovedDomain { archived.removal }

  /// Whether an earlier run has defined the domain already, in the same form.
  public var isBegun: Bool {
    guard let present, present.uuid == removal.uuid, present.name == removal.name, !present.isActive else {
      return false
    }
    return definitionDifference(removal.definition, present.inactive).isEmpty
  }

  /// Everything that is in the way, and what to do about it; nil for nothing.
  public var refusal: (reasons: [String], remedy: String)? {
    if let present, !isBegun {
      let reason =
        present.name == removal.name
        ? "there is a domain \(present.name) already" : "the domain \(present.name) has the UUID \(removal.uuid)"
      return (
        [reason],
        "rename or remove the other domain first; if an apply created the same domain again, you need not restore it"
      )
    }
    let deleted = Set(removal.files.filter(\.isDeleted).map(\.path))
    let reasons: [String] = missing.compactMap { file in
      guard case .disk(let target) = file.need else { return nil }
      return
        "\(file.subject(of: target)) \(deleted.contains(file.path) ? "was deleted with the domain" : "does not exist")"
    }
    guard !reasons.isEmpty else { return nil }
    return (reasons, "a deleted disk cannot be restored; if you have a copy of it, put it in its place")
  }

  /// What is not as it was, though the domain can do without.
  public var losses: [String] {
    missing.compactMap { file in
      switch file.need {
      case .disk: nil
      case .medium(let target): "the medium of \(file.subject(of: target)) does not exist"
      case .variables: "the UEFI variables \(file.path) are gone; the guest starts with new ones"
      }
    }
  }
}

extension RemovedDomain.MissingFile {
  fileprivate func subject(of target: String) -> String {
    isBelow ? "disk \(target) stands on \(path), which" : "disk \(target): \(path)"
  }
}

extension Plan {
  /// The plan that defines a removed domain again, with all that it had, and then discards the removal.
  public init(_ restoration: Restoration, on uri: String) {
    let removal = restoration.archived.removal
    let object = ObjectReference(.domain, removal.name)
    self.init(stack: removal.stack, uri: uri)
    purpose = .request
    if let (reasons, remedy) = restoration.refusal {
      let problems = reasons.enumerated().map { index, reason in
        Diagnostic(
          "restore", reason, subject: object.description, suggestion: index == reasons.count - 1 ? remedy : nil)
      }
      objects = [ObjectPlan(object, .refused, problems: problems)]
      return
    }
    var changes: [FieldChange] = []
    func bring(_ field: String, _ value: Value, _ detail: String? = nil) {
      changes.append(FieldChange(field, new: value, effect: .define, reason: .spec, detail: detail))
    }
    bring("definition", .string("as of \(RemovedDomain.text(ofMoment: removal.removed))"))
    bring("uuid", .string(removal.uuid))
    let snapshots = removal.snapshotNames
    if !snapshots.isEmpty { bring("snapshots", .string(snapshots.joined(separator: ", "))) }
    let checkpoints = removal.checkpoints.compactMap { $0.value(at: "name") }
    if !checkpoints.isEmpty { bring("checkpoints", .string(checkpoints.joined(separator: ", "))) }
    if removal.autostart { bring("autostart", .boolean(true)) }
    objects = [ObjectPlan(object, restoration.isBegun ? .update : .create, changes: changes)]
    actions = [
      Action(object, .restoreDomain(restoration.archived), after: [], effect: .define),
      Action(object, .discardRemoval(restoration.archived), after: [0], effect: .define),
    ]
    notes = restoration.losses.map {
      Diagnostic(.warning, "missing-file", $0, subject: object.description)
    }
  }
}
