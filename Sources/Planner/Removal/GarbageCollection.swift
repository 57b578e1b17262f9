// Which files of a host nobody needs, which of them are Vireo's to delete, and the proof: from a census alone.

public import Inventory

/// What is to be decided on.
public struct CollectionOptions: Sendable {
  /// Files that are to go although Vireo has not made them, by their one path in the census.
  public var also: Set<String> = []
  /// Removed domains that can be given up, with the files that were theirs.
  public var removals: [RemovedDomain] = []
  /// The only stack whose files may go, beside those that are not stack's; nil for every stack's.
  public var stack: String?

  /// Options that name no files and give up no removals; every stack's files may go.
  public init() {}
}

/// A garbage collection: what nobody refers to, and what of it goes.
///
/// A file goes when nothing that stays leads to it, and when it is proved that Vireo has made it, or somebody has named it.
/// What stays is what a domain, a snapshot, a removed domain that is kept or a spec leads to; and every file of others, with
/// all that it stands on.
public struct GarbageCollection: Sendable {
  /// How it is known that Vireo has made a file.
  public enum Evidence: Sendable, Hashable, Codable {
    /// Somebody has named it.
    case named
    /// The archive has it among the files of a domain that was removed.
    case removal(domain: String)
    /// A copy of a base image; the checksum in the name is proof once the content has it.
    case baseImage(sha256: String)
    /// It is marked.
    case origin(FileOrigin)
    /// An overlay that a snapshot put on an image that Vireo has made.
    case overlay(on: String)
    /// A file that was never finished.
    case leftover
  }

  /// A file that no root leads to.
  public struct File: Sendable, Hashable, Codable {
    /// The file as the census has it.
    public var file: FileCensus.File
    /// Why it may go; nil for a file of others, which stays.
    public var evidence: Evidence?
    /// From a file of others that stays to this one; empty where no such file needs it.
    public var neededBy: [String] = []

    /// The one path by which the census knows the file.
    public var path: String { file.path }
    /// Whether it goes: there is evidence, and no file of others needs it.
    public var isDeleted: Bool { evidence != nil && neededBy.isEmpty }
  }

  /// Something that was to go, and is needed.
  public struct Refusal: Sendable, Hashable {
    /// The path of the file, as the census knows it.
    public var path: String
    /// What leads to it: a root, and files.
    public var proof: [String]
  }

  /// Every file of the folders that no root leads to, by path.
  public private(set) var files: [File] = []
  /// Why nothing may be deleted: what could not be read, and so might refer to anything.
  public private(set) var problems: [Inventory.Failure]
  /// Files that were named and are needed.
  public private(set) var refusals: [Refusal] = []
  /// The removed domains that are given up.
  public let removals: [RemovedDomain]
  /// How many files roots lead to.
  public private(set) var reached = 0
  /// What the collection was worked out from.
  public let census: FileCensus
  private let reach: Reach

  /// What needs a file: a root, and the files that lead to it from there. Nothing where nothing does.
  public func needs(_ path: String) -> [String] {
    reach.contains(path) ? reach.proof(of: path) : files.first { $0.path == path }?.neededBy ?? []
  }

  /// The files to delete: overlays before what they stand on.
  public var deletions: [File] {
    let chosen = files.filter(\.isDeleted)
    let byPath = Dictionary(chosen.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    var ordered: [File] = []
    var seen: Set<String> = []
    // Children of the graph are put down first, and the whole is turned round.
    for file in chosen {
      var stack = [(path: file.path, isDone: false)]
      while let (path, isDone) = stack.popLast() {
        if isDone {
          ordered += [byPath[path]].compactMap(\.self)
        } else if seen.insert(path).inserted {
          stack.append((path, true))
          stack += (census.links[path]?.files ?? []).sorted().map { ($0, false) }
        }
      }
    }
    return ordered.reversed()
  }

  /// Works out what may go.
  public init(_ census: FileCensus, _ options: CollectionOptions = CollectionOptions()) {
    self.census = census
    removals = options.removals
    problems = census.failures

    // What roots lead to. What such a chain does not say could be anything.
    var reach = Reach(census.links)
    for root in census.roots { reach.start(root.subject, root.files) }
    for (path, problem) in reach.problems(includingMissing: true) {
      problems.append(
        .init(subject: reach.proof(of: path).joined(separator: " → "), message: Self.text(of: problem)))
    }
    self.reach = reach
    reached = reach.paths.count { census.links[$0] != nil && census.links[$0]?.problem != .missing }
    refusals = options.also.sorted().filter(reach.contains).map { Refusal(path: $0, proof: reach.proof(of: $0)) }

    // What is left, whose that is, and what files of others stand on.
    let search = EvidenceSearch(census, options)
    let unreferenced = census.files.values.filter { !reach.contains($0.path) }.sorted { $0.path < $1.path }
    files = unreferenced.map { File(file: $0, evidence: search.evidence(for: $0)) }
    var others = Reach(census.links)
    for file in files where file.evidence == nil { others.start(file.path, []) }
    for (path, problem) in others.problems(includingMissing: false) {
      problems.append(
        .init(subject: others.proof(of: path).joined(separator: " → "), message: Self.text(of: problem)))
    }
    for index in files.indices where files[index].evidence != nil && others.contains(files[index].path) {
      files[index].neededBy = others.proof(of: files[index].path)
      if files[index].evidence == .named {
        refusals.append(Refusal(path: files[index].path, proof: files[index].neededBy))
      }
    }
  }

  private static func text(of problem: FileCensus.Links.Problem) -> String {
    switch problem {
    case .missing: "does not exist, so its backing files are unknown"
    case .unreadable(let reason): reason
    }
  }
}

/// What can be reached over references, and by which way.
private struct Reach {
  private let links: [String: FileCensus.Links]
  /// What led to a path first.
  private var origins: [String: String?] = [:]
  /// The root that named a path.
  private var roots: [String: String] = [:]

  init(_ links: [String: FileCensus.Links]) {
    self.links = links
  }

  var paths: Dictionary<String, String?>.Keys { origins.keys }

  func contains(_ path: String) -> Bool { origins[path] != nil }

  /// Goes from a root that names files; one that names none is a file itself.
  mutating func start(_ root: String, _ files: [String]) {
    var waiting: [String] = []
    for path in files.isEmpty ? [root] : files where origins.updateIfAbsent(nil, for: path) {
      if !files.isEmpty { roots[path] = root }
      waiting.append(path)
    }
    while let path = waiting.popLast() {
      for below in (links[path]?.files ?? []).sorted() where origins.updateIfAbsent(path, for: below) {
        waiting.append(below)
      }
    }
  }

  /// The way to a path: a root, where one named it, and files.
  func proof(of path: String) -> [String] {
    var way = [path]
    while let before = origins[way[0]] ?? nil { way.insert(before, at: 0) }
    return [roots[way[0]]].compactMap(\.self) + way
  }

  func problems(includingMissing: Bool) -> [(path: String, problem: FileCensus.Links.Problem)] {
    origins.keys.sorted().compactMap { path in
      guard let problem = links[path]?.problem, includingMissing || problem != .missing else { return nil }
      return (path, problem)
    }
  }
}

extension Dictionary where Key == String, Value == String? {
  /// Puts a value down unless there is one.
  fileprivate mutating func updateIfAbsent(_ value: String?, for key: String) -> Bool {
    guard index(forKey: key) == nil else { return false }
    updateValue(value, forKey: key)
    return true
  }
}
