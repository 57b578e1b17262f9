// Taking a census: every definition that libvirt holds, every file that one names, whatever those stand on, and the folders.

import BlockingWork
import DiskImage
public import Libvirt
import SystemCalls
import XMLTree

extension FileCensus {
  /// What is said of a domain that was gone before all of it was read.
  package static let removedMeanwhile = "it was removed during the search"

  /// Looks at a host. Nothing is changed, and no image is opened for writing.
  ///
  /// - Throws: ``LibvirtError`` when the connection does not answer. What cannot be read of a single object or file is among
  ///   the failures, or among the links.
  public static func take(_ request: CensusRequest, from connection: LibvirtConnection) async throws -> FileCensus {
    let host = try await Inventory.read(.definitions, from: connection)
    let pools = (host.pools ?? [:]).mapValues(\.path)
    var census = FileCensus(
      uri: connection.uri, hostKeys: HostIdentity(of: connection).keys, moment: SystemClock.now)
    census.domains = host.domains.values.sorted { $0.name < $1.name }
    census.failures = host.failures
    var needs: [Needs] = []
    for domain in census.domains where !request.leaving.contains(domain.uuid) {
      do {
        needs += try await Needs.read(domain, from: connection, pools)
      } catch let error as LibvirtError where error.isNotFound {
        // Gone since it was listed. A domain that is being removed here and now is not proof of anything.
        census.failures.append(.init(subject: "domain \(domain.name)", message: Self.removedMeanwhile))
      } catch let error as LibvirtError where !error.isConnectionLost {
        census.failures.append(.init(subject: "domain \(domain.name)", message: "\(error)"))
      }
    }
    for removal in request.removals { needs.append(Needs(removal, pools)) }
    for (subject, files) in request.declared.sorted(by: { $0.key < $1.key }) {
      needs.append(Needs(kind: .spec, subject: subject, files: Set(files)))
    }
    for need in needs {
      census.failures += need.failures.map { .init(subject: need.subject, message: $0) }
    }
    let searched = (host.pools ?? [:]).values.filter(\.isActive).compactMap(\.folder)
    let folders = request.folders.union(searched).sorted()
    let started = census
    let allNeeds = needs
    return try await BlockingPool(name: "census", threads: 1).run {
      var explorer = Explorer(census: started)
      explorer.search(folders, and: request.files)
      for need in allNeeds { explorer.add(need) }
      explorer.addDeclared(request.declaredBeginnings)
      explorer.followUnreferenced()
      return explorer.census
    }
  }
}

extension LibvirtConnection {
  /// The folders of the storage pools that run.
  package func activePoolFolders() async throws -> [String] {
    let host = try await Inventory.read(.definitions, from: self)
    return (host.pools ?? [:]).values.filter(\.isActive).compactMap(\.folder).sorted()
  }
}

/// What one root needs, before any file is looked at.
private struct Needs: Sendable {
  var kind: FileCensus.Root.Kind
  var subject: String
  var files: Set<FileReference> = []
  var named: Set<String> = []
  var failures: [String] = []

  init(kind: FileCensus.Root.Kind, subject: String, files: Set<FileReference>) {
    self.kind = kind
    self.subject = subject
    self.files = files
  }

  init(_ kind: FileCensus.Root.Kind, _ subject: String, _ documents: [XMLElement], _ pools: [String: String?]) {
    self.kind = kind
    self.subject = subject
    var references = DocumentReferences(pools: pools)
    for document in documents { references.add(document) }
    files = references.files
    named = references.named
    failures = references.failures
  }

  /// What a removed domain needs to be restored. Files that went with it are not waited for.
  init(_ removal: RemovedDomain, _ pools: [String: String?]) {
    self.init(
      .removal, "removed domain \(removal.name)", [removal.definition] + removal.snapshots + removal.checkpoints, pools)
    let deleted = Set(removal.files.filter(\.isDeleted).map(\.path))
    files = files.filter { !deleted.contains($0.path) }
    named.formUnion(removal.files.map(\.path))
    named.subtract(deleted)
  }

  /// What a domain and its snapshots need.
  static func read(
    _ domain: ObservedDomain, from connection: LibvirtConnection, _ pools: [String: String?]
  ) async throws -> [Needs] {
    let handle = try await connection.domain(uuid: domain.uuid)
    var documents = [domain.inactive] + [domain.running].compactMap(\.self)
    if domain.hasManagedSave { documents += try XMLElement.parse(all: [await handle.managedSaveXML()]) }
    documents += try XMLElement.parse(all: await handle.checkpoints().map(\.xml))
    let snapshots = try await handle.snapshots()
    var needs = [Needs(.domain, "domain \(domain.name)", documents, pools)]
    if let variables = domain.variables { needs[0].named.insert(variables) }
    for (snapshot, document) in zip(snapshots, try XMLElement.parse(all: snapshots.map(\.xml))) {
      let subject = FileCensus.subject(ofSnapshot: snapshot.name, of: domain.name)
      needs.append(Needs(.snapshot, subject, [document], pools))
    }
    return needs
  }
}

/// Looks at files, and knows each by one name.
private struct Explorer {
  var census: FileCensus
  private var paths: [FileIdentity: String] = [:]
  /// Files that somebody refers to in the belief that they refer to nothing.
  private var plain: Set<String> = []
  /// The images that roots name.
  private var tops: Set<String> = []
  /// Files whose own references were read.
  private var followed: Set<String> = []

  init(census: FileCensus) {
    self.census = census
  }

  // MARK: Folders

  mutating func search(_ folders: [String], and files: Set<String>) {
    for folder in folders {
      let entries: [FolderEntry]
      do throws(SystemError) {
        entries = try attempt("search", on: folder, FileNames.entries(of: folder))
      } catch {
        // A pool's folder that is gone holds nothing.
        if error.code != .noSuchFileOrDirectory { fail(folder, "cannot be searched: \(error.reason)") }
        continue
      }
      census.folders.append(folder)
      // A name that is not text cannot be shown, and Vireo never creates one.
      let names = entries.compactMap(\.exactName)
      for name in names.sorted() { addFile(folder == "/" ? "/" + name : "\(folder)/\(name)") }
    }
    for path in files.sorted() { addFile(path) }
  }

  private mutating func addFile(_ path: String) {
    guard let status = try? FileStatus(of: path, followingLinks: false), status.kind == .regularFile else { return }
    let identity = status.identity
    guard paths[identity] == nil else {
      census.names[path] = paths[identity]
      return
    }
    paths[identity] = path
    census.files[path] = FileCensus.File(
      path: path, identity: identity, bytes: status.bytesOnDisk,
      modified: status.modifiedSeconds, changed: status.changedSeconds,
      origin: OriginMark.read(path: path).flatMap(FileOrigin.init(text:)))
  }

  // MARK: References

  mutating func add(_ need: Needs) {
    var files: Set<String> = []
    for reference in need.files {
      // What a spec declares need not be there yet.
      if need.kind == .spec, found(reference.path) == nil { continue }
      let file = follow(reference)
      files.insert(file)
      if reference.mayRefer { tops.insert(file) }
    }
    for path in need.named {
      // A path in any text: what does not exist was perhaps none.
      if let name = found(path) { files.insert(name) }
    }
    census.roots.append(.init(need.kind, need.subject, files: files.sorted()))
    census.chains = tops.count
  }

  mutating func addDeclared(_ beginnings: [String: [String]]) {
    for (subject, beginnings) in beginnings.sorted(by: { $0.key < $1.key }) {
      let found = census.files.keys.filter { path in beginnings.contains { path.hasPrefix($0) } }.sorted()
      for path in found { _ = follow(FileReference(path, format: nil)) }
      if !found.isEmpty { census.roots.append(.init(.spec, subject, files: found)) }
    }
  }

  /// What the files refer to that nobody has followed yet: they may stay, and then what they stand on stays as well.
  mutating func followUnreferenced() {
    for path in census.files.keys.sorted() where !followed.contains(path) && !plain.contains(path) {
      _ = follow(FileReference(path, format: nil))
    }
  }

  /// Reads what a file refers to, and what that refers to, and so on.
  ///
  /// - Returns: the one name of the file.
  private mutating func follow(_ reference: FileReference) -> String {
    var waiting = [reference]
    var first: String?
    while let next = waiting.popLast() {
      let found = name(of: next.path)
      let path = (try? found.get()) ?? next.path
      first = first ?? path
      if census.links[path] == nil { census.links[path] = .init() }
      guard next.mayRefer else {
        plain.insert(path)
        continue
      }
      guard followed.insert(path).inserted else { continue }
      if case .failure(let error) = found {
        census.links[path]?.problem = error.code.saysAbsence ? .missing : .unreadable(error.reason)
        continue
      }
      do throws(ImageError) {
        for below in try next.references() {
          let target = self.found(below.path) ?? below.path
          census.links[path]?.files.insert(target)
          waiting.append(below)
        }
      } catch {
        census.links[path]?.problem = .unreadable("\(error)")
      }
    }
    return first ?? reference.path
  }

  /// The one name of the file that a path leads to, or why there is none.
  private mutating func name(of path: String) -> Result<String, SystemError> {
    if let known = census.names[path] { return .success(known) }
    do throws(SystemError) {
      let identity = try attempt("look at", on: path, FileStatus(of: path)).identity
      let name = paths[identity, default: path]
      paths[identity] = name
      census.names[path] = name
      return .success(name)
    } catch {
      return .failure(error)
    }
  }

  /// The one name of the file that a path leads to; nil where there is none.
  private mutating func found(_ path: String) -> String? { try? name(of: path).get() }

  private mutating func fail(_ subject: String, _ message: String) {
    census.failures.append(.init(subject: subject, message: message))
  }
}
