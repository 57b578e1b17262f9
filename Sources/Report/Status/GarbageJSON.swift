// A garbage collection for programs, under names that stay.

public import Applier
import Inventory
public import Planner

extension GarbageCollection {
  /// The collection as a JSON document: `{"format": "vireo-gc", "version": 1, …}`.
  ///
  /// - Parameter applied: what came of the plan that deletes it; nil while nothing was done.
  public func json(_ applied: (result: ApplyResult, plan: Plan)? = nil) -> String {
    let gone = files.filter(\.isDeleted)
    func sum(_ files: [File]) -> JSON { .unsigned(files.reduce(0) { $0 + $1.file.bytes }) }
    return JSON.object([
      ("format", .string("vireo-gc")), ("version", .integer(1)), ("uri", .string(census.uri)),
      ("folders", .array(census.folders.map(JSON.string))),
      (
        "roots",
        .array(
          census.roots.map { root in
            .object([
              ("kind", .string(root.kind.rawValue)), ("subject", .string(root.subject)),
              ("files", .array(root.files.map(JSON.string))),
            ])
          })
      ),
      ("files", .array(files.map(\.json))),
      (
        "removals",
        .array(
          removals.map { removal in
            .object([
              ("name", .string(removal.name)), ("uuid", .string(removal.uuid)), ("stack", JSON(removal.stack)),
              ("removed", .string(RemovedDomain.text(ofMoment: removal.removed))),
            ])
          })
      ),
      (
        "problems",
        .array(problems.map { .object([("subject", .string($0.subject)), ("message", .string($0.message))]) })
      ),
      (
        "refusals",
        .array(
          refusals.map { .object([("path", .string($0.path)), ("proof", .array($0.proof.map(JSON.string)))]) })
      ),
      (
        "summary",
        .object([
          ("chains", .integer(census.chains)), ("reached", .integer(reached)),
          ("unreferenced", .integer(files.count)), ("unreferenced-bytes", sum(files)),
          ("deletions", .integer(gone.count)), ("deletion-bytes", sum(gone)), ("removals", .integer(removals.count)),
        ])
      ),
      ("result", applied.map { $0.result.garbage(of: $0.plan) }),
    ]).serialised()
  }
}

extension GarbageCollection.File {
  fileprivate var json: JSON {
    .object([
      ("path", .string(path)), ("bytes", .unsigned(file.bytes)), ("delete", .boolean(isDeleted)),
      ("evidence", evidence.map { .string($0.name) }), ("detail", evidence?.detail.map(JSON.string)),
      ("needed-by", neededBy.isEmpty ? nil : .array(neededBy.map(JSON.string))),
    ])
  }
}

extension GarbageCollection.Evidence {
  var name: String {
    switch self {
    case .named: "named"
    case .removal: "removal"
    case .baseImage: "base-image"
    case .origin: "origin"
    case .overlay: "overlay"
    case .leftover: "leftover"
    }
  }

  fileprivate var detail: String? {
    switch self {
    case .named, .leftover: nil
    case .removal(let domain): domain
    case .baseImage(let sha256): sha256
    case .origin(let origin): "\(origin.stack)/\(origin.object)"
    case .overlay(let image): image
    }
  }
}

extension ApplyResult {
  /// What came of a plan that deletes garbage.
  fileprivate func garbage(of plan: Plan) -> JSON {
    var (deleted, forgotten, failures) = ([JSON](), [JSON](), [JSON]())
    for (action, outcome) in zip(plan.actions, outcomes) {
      switch (action.operation, outcome) {
      case (.deleteFile(let path, _, _, _), .done): deleted.append(.string(path))
      case (.discardRemoval(let archived), .done): forgotten.append(.string(archived.removal.name))
      default:
        guard let (message, remedy) = outcome.obstacle(in: plan) else { continue }
        let subject = action.operation.path ?? action.object.description
        failures.append(
          .object([("subject", .string(subject)), ("message", .string(message)), ("suggestion", JSON(remedy))]))
      }
    }
    return .object([
      ("deleted", .array(deleted)), ("given-up", .array(forgotten)), ("failures", .array(failures)),
    ])
  }
}

extension ActionOutcome {
  /// Why a step was not done, and what to do; nil for one that was.
  fileprivate func obstacle(in plan: Plan) -> (message: String, remedy: String?)? {
    switch self {
    case .done, .waits, .noted, .remarked: nil
    case .failed(let failure): (failure.message, failure.remedy)
    case .blocked(let cause): ("not tried, because of \(plan.shortTitle(of: cause)), which failed", nil)
    case .notStarted: ("interrupted before it was started", "run the command again to continue")
    }
  }
}
