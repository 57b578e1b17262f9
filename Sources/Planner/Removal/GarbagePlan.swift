// The plan that deletes what nobody needs, from a garbage collection alone.

public import Diagnostics
import DiskImage
import Inventory
import Vocabulary

extension GarbageCollection {
  /// Why nothing may be deleted: what cannot be read, and files that were named and are needed.
  public var obstacles: [Diagnostic] {
    problems.map { problem in
      Diagnostic(
        "unreadable", "nothing can be deleted: \(problem.message)", subject: problem.subject,
        suggestion: "an object that cannot be read might need any file; make it readable first")
    }
      + refusals.map { refusal in
        Diagnostic(
          "needed", "\(refusal.path) is needed: \(refusal.proof.joined(separator: " → "))",
          suggestion: "remove the reference to it first")
      }
  }

  /// The stacks that must not be applied while files go: those whose files these are, and those that have domains. An image
  /// that was just made belongs to no domain yet.
  public var stacks: [String] {
    var stacks = Set(removals.compactMap(\.stack))
    for file in files {
      guard let origin = file.file.origin, census.hostKeys.contains(origin.connection) else { continue }
      stacks.insert(origin.stack)
    }
    stacks.formUnion(census.domains.compactMap { OwnershipRecord(in: $0.inactive)?.stack })
    return stacks.sorted()
  }
}

extension Plan {
  /// The plan that deletes garbage, overlays before what they stand on, and then discards the removed domains that are given
  /// up. A file that does not go keeps what it stands on, and its removal.
  ///
  /// Every file that nobody refers to is an object of the plan, also one that stays. If anything keeps all of them, those that
  /// would go are refused, and the plan is empty.
  public init(_ collection: GarbageCollection, in scope: GarbageScope) {
    self.init(stack: scope.stack, uri: collection.census.uri)
    purpose = .garbage
    garbage = scope
    garbage?.folders = collection.census.folders
    let obstacles = collection.obstacles
    objects = collection.files.map { Self.object($0, obstacles, collection) }
    notes = Self.notes(collection)
    guard obstacles.isEmpty else { return }

    let deletions = collection.deletions
    let places = Dictionary(
      deletions.enumerated().map { ($0.element.path, $0.offset) }, uniquingKeysWith: { first, _ in first })
    var above: [String: [Int]] = [:]
    for (index, file) in deletions.enumerated() {
      for below in collection.census.links[file.path]?.files ?? [] { above[below, default: []].append(index) }
    }
    for (index, file) in deletions.enumerated() {
      actions.append(
        Action(
          ObjectReference(.file, file.path), .deleteFile(path: file.path, unneeded: file),
          after: (above[file.path] ?? []).filter { $0 < index }.sorted(), effect: .dataLoss))
    }
    let names = scope.removals.reduce(into: [String: Int]()) { $0[$1.removal.name, default: 0] += 1 }
    for archived in scope.removals {
      let removal = archived.removal
      let moment = RemovedDomain.text(ofMoment: removal.removed)
      let object = ObjectReference(
        .removal, names[removal.name] == 1 ? removal.name : "\(removal.name) of \(moment)")
      let files = removal.files.compactMap { places[collection.census.names[$0.path] ?? $0.path] }
      actions.append(Action(object, .discardRemoval(archived), after: Set(files).sorted(), effect: .delete))
      let removed = FieldChange(
        "removed", old: .string(moment), effect: .delete, reason: .spec, detail: "can no longer be restored")
      let stack = removal.stack.map {
        FieldChange("stack", old: .string($0), effect: .delete, reason: .spec)
      }
      objects.append(ObjectPlan(object, .delete, changes: [removed] + [stack].compactMap(\.self)))
    }
  }

  private static func object(
    _ file: GarbageCollection.File, _ obstacles: [Diagnostic], _ collection: GarbageCollection
  ) -> ObjectPlan {
    let size = Value.bytes(file.file.bytes)
    let change = FieldChange(
      "size", old: size, new: file.isDeleted ? nil : size, effect: file.isDeleted ? .dataLoss : .define, reason: .spec,
      detail: file.reason(on: collection.census.hostKeys))
    let isRefused = file.isDeleted && !obstacles.isEmpty
    return ObjectPlan(
      ObjectReference(.file, file.path), isRefused ? .refused : file.isDeleted ? .delete : .none, changes: [change],
      problems: isRefused ? obstacles : [])
  }

  /// What was searched, and what needs files there.
  private static func notes(_ collection: GarbageCollection) -> [Diagnostic] {
    let census = collection.census
    func count(_ kind: FileCensus.Root.Kind, _ noun: String) -> String {
      Self.count(census.roots.count { $0.kind == kind }, noun)
    }
    let roots = [
      count(.domain, "domain"), count(.snapshot, "snapshot"), count(.removal, "removed domain") + " to be kept",
    ]
    let needed = Diagnostic(
      .note, "needed",
      "\(roots.joined(separator: ", ")) and \(count(.spec, "spec")) need "
        + "\(Self.count(collection.reached, "file")) in \(Self.count(census.chains, "backing chain"))")
    guard census.folders.isEmpty, collection.files.isEmpty, collection.refusals.isEmpty else { return [needed] }
    let searched = Diagnostic(
      .note, "nothing-searched", "no folder was searched: this connection has no storage pools",
      suggestion: "name the specs, or folders with --folder")
    return [needed, searched]
  }

  private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}

extension GarbageCollection.File {
  /// Why the file goes, or stays, in a few words.
  ///
  /// - Parameter hostKeys: what the marks of files of this host have.
  fileprivate func reason(on hostKeys: Set<String>) -> String {
    guard let evidence else {
      guard let origin = file.origin else { return "not Vireo's" }
      let owner = "\(origin.object) of \(origin.stack)"
      if !hostKeys.contains(origin.connection) { return "made for \(owner) through another connection" }
      return origin.object.hasPrefix("volume ") ? "\(owner); volumes stay" : "made for \(owner); not chosen here"
    }
    if let other = neededBy.first { return "\(name(of: other)) needs it, and is kept" }
    return evidence.reason
  }
}

extension GarbageCollection.Evidence {
  fileprivate var reason: String {
    switch self {
    case .named: "named with --also"
    case .removal(let domain): "of the removed domain \(domain)"
    case .baseImage: "a copy of a base image"
    case .origin(let origin): "made for \(origin.object) of \(origin.stack)"
    case .overlay(let image): "a snapshot's overlay on \(name(of: image))"
    case .leftover: "never finished"
    }
  }
}

private func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
