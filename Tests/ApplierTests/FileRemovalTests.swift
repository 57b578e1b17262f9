// The law of removals: right before a file goes, what could reach it is read again; what has become reachable stays.

import BlockingWork
import DiskImage
import Foundation
import Inventory
import Libvirt
import Planner
import TestSupport
import Testing
import XMLTree

@testable import Applier

@Suite("removal of files", .serialized)
struct FileRemovalTests {
  /// Something that leads to a disk between the plan and the removal.
  enum Newcomer: String, CaseIterable {
    case nobody, domainOnIt, domainOnOverlay, overlayAlone, medium, variables, serialLog, snapshot
  }

  private func overlay(on path: String, as new: String) throws {
    var creation = ImageCreation(format: .qcow2, virtualSize: 1 << 20)
    creation.backing = .init(name: path, format: .qcow2)
    try NewImage(creation).create(at: new)
  }

  /// Puts into a domain's definition what an apply records of a disk that it has made.
  private func record(_ path: String, of domain: LibvirtDomain, on connection: LibvirtConnection) async throws {
    let record = """
      <metadata><vireo:stack xmlns:vireo='urn:vireo:stack:1' name='lab'>\
      <vireo:owned object='disks.root' file='\(path)' format='qcow2'/></vireo:stack></metadata>
      """
    let definition = try await domain.xml([.inactive]).replacingOccurrences(of: "<memory ", with: record + "<memory ")
    _ = try await connection.defineDomain(definition, named: domain.name)
  }

  private func disk(_ path: String) throws {
    try NewImage(ImageCreation(format: .qcow2, virtualSize: 1 << 20)).create(at: path)
  }

  private func come(_ newcomer: Newcomer, _ path: String, _ folder: Folder) async throws {
    let connection = try await Host.embedded
    var devices = ""
    switch newcomer {
    case .nobody: return
    case .domainOnIt: devices = diskXML(path)
    case .overlayAlone: return try overlay(on: path, as: folder("theirs.qcow2"))
    case .domainOnOverlay:
      try overlay(on: path, as: folder("theirs.qcow2"))
      devices = diskXML(folder("theirs.qcow2"))
    case .medium:
      devices = diskXML(path, bus: "sata").replacingOccurrences(of: "device='disk'", with: "device='cdrom'")
    case .variables, .serialLog:
      devices = "<serial type='file'><source path='\(path)'/></serial>"
    case .snapshot:
      try disk(folder("theirs.qcow2"))
      let domain = try await connection.defineDomain(
        guestXML("newcomer", devices: diskXML(folder("theirs.qcow2"))), named: "newcomer")
      let record = """
        <domainsnapshot><name>s</name><state>shutoff</state><creationTime>1</creationTime><memory snapshot='no'/>
        <disks><disk name='vda' snapshot='external' type='file'><driver type='qcow2'/><source file='\(path)'/></disk></disks>
        \(try await domain.xml([.inactive]))</domainsnapshot>
        """
      try await domain.takeSnapshot(record, [.redefine])
      return
    }
    _ = try await connection.defineDomain(guestXML("newcomer", devices: devices), named: "newcomer")
  }

  @Test(
    "a disk that something leads to by now stays, with its domain; one that nobody needs goes",
    arguments: Newcomer.allCases)
  func newcomer(_ newcomer: Newcomer) async throws {
    let folder = try Folder()
    let path = folder("web.root.qcow2")
    try disk(path)
    try await Host.withGuest("leaver", devices: diskXML(path)) { connection, domain, identity in
      try await record(path, of: domain, on: connection)
      let seen = try await domain.stored
      var undefinition = Undefinition(seen: seen)
      undefinition.files = [.init(path, .disk, isDeleted: true)]
      try await come(newcomer, path, folder)
      let result = try await apply(
        .deleteFile(path: path, device: "disks.root", owner: FileOwner(identity, seen)),
        .undefineDomain(identity, undefinition), on: connection)
      await Host.remove("newcomer")
      if newcomer == .nobody {
        #expect(result.isComplete, "\(result.outcomes)")
        #expect(!FileManager.default.fileExists(atPath: path))
      } else {
        #expect(result.failure?.message.contains("stays: ") == true, "\(result.outcomes)")
        #expect(result.outcomes[1] == .blocked(by: 0))
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(try await domain.stored == seen)
      }
    }
    if let archive = try? await RemovedDomains(of: Host.embedded) {
      for entry in try archive.list().entries where entry.removal.name == "leaver" { try archive.forget(entry) }
    }
  }

  @Test("the chain of a domain goes from the top, and a domain that changed keeps all of it", arguments: [false, true])
  func chain(isChanged: Bool) async throws {
    let folder = try Folder()
    let (base, top) = (folder("web.root.qcow2"), folder("web.root.s.qcow2"))
    try disk(base)
    try overlay(on: base, as: top)
    try await Host.withGuest("leaver", devices: diskXML(top)) { connection, domain, identity in
      try await record(base, of: domain, on: connection)
      let owner = FileOwner(identity, try await domain.stored)
      if isChanged {
        _ = try await connection.defineDomain(
          try await domain.xml([.inactive]).replacingOccurrences(of: "<devices>", with: "<title>x</title><devices>"),
          named: "leaver")
      }
      let result = try await apply(
        .deleteFile(path: top, owner: owner), .deleteFile(path: base, owner: owner), on: connection)
      #expect(result.isComplete == !isChanged, "\(result.outcomes)")
      #expect(folder.names.isEmpty == !isChanged)
    }
  }

  @Test("one look at the host serves many, and each file is decided on alone")
  func many() async throws {
    let folder = try Folder()
    let paths = (0..<40).map { folder("d\($0).qcow2") }
    for path in paths { try disk(path) }
    let connection = try await Host.embedded
    _ = try await connection.defineDomain(guestXML("newcomer", devices: diskXML(paths[7])), named: "newcomer")
    let result = try await apply(
      paths.map { .deleteFile(path: $0) }, after: paths.map { _ in [] }, jobs: 1, on: connection)
    await Host.remove("newcomer")
    #expect(folder.names == ["d7.qcow2"])
    #expect(result.outcomes.indices.filter { result.outcomes[$0] != .done } == [7])
  }

  @Test("garbage that an overlay came to stand on since it was found stays", arguments: [false, true])
  func garbage(isDefined: Bool) async throws {
    let folder = try Folder()
    let made = folder("made.qcow2")
    try disk(made)
    let sha256 = try FileChecksum.sha256(of: made)
    let base = folder("base-\(sha256).qcow2")
    try FileManager.default.moveItem(atPath: made, toPath: base)
    let connection = try await Host.embedded
    var wanted = GarbageScope()
    // A young file without a mark would stay.
    (wanted.folders, wanted.also) = ([folder.path], [base])
    let (shown, scope) = try await wanted.look(on: connection, givingUpOlderThan: 1 << 40)
    #expect(shown.deletions.map(\.path) == [base])
    let plan = Plan(shown, in: scope)
    try overlay(on: base, as: folder("other.qcow2"))
    if isDefined {
      _ = try await connection.defineDomain(
        guestXML("newcomer", devices: diskXML(folder("other.qcow2"))), named: "newcomer")
    }
    let kept = await Applier(connection: connection, jobs: 1).apply(plan)
    await Host.remove("newcomer")
    #expect(kept.outcomes.count == 1)
    guard case .failed(let failure) = kept.outcomes[0] else { return #expect(Bool(false), "\(kept)") }
    #expect(failure.message.contains("it is kept: "), "\(failure)")
    #expect(FileManager.default.fileExists(atPath: base))
    // Without the newcomer the same plan goes through, and once more it finds its work done.
    try FileManager.default.removeItem(atPath: folder("other.qcow2"))
    for _ in 1...2 {
      let result = await Applier(connection: connection, jobs: 1).apply(plan)
      #expect(result.isComplete && folder.names.isEmpty, "\(result)")
    }
  }

  @Test("a copy of a base image goes with the content that its name says, and with no other", arguments: [false, true])
  func copies(isSound: Bool) async throws {
    let folder = try Folder()
    let made = folder("made.qcow2")
    try disk(made)
    let connection = try await Host.embedded
    let sha256 = isSound ? try FileChecksum.sha256(of: made) : String(repeating: "ab", count: 32)
    let base = folder("base-\(sha256).qcow2")
    try FileManager.default.moveItem(atPath: made, toPath: base)
    var wanted = GarbageScope()
    wanted.folders = [folder.path]
    let looked = try await wanted.look(on: connection, givingUpOlderThan: 1 << 40)
    // A young copy without a mark may be on its way; this one is said to be old.
    var census = looked.collection.census
    for path in census.files.keys { census.files[path]?.changed = 0 }
    #expect(looked.collection.deletions.isEmpty)
    let found = GarbageCollection(census).deletions.map(\.evidence)
    #expect(found == [.baseImage(sha256: sha256)])
    let desk = GarbageDesk(scope: looked.scope, context: context(connection))
    let file = GarbageCollection(census).deletions[0]
    let failure = await #expect(throws: (any Error).self) { try await desk.delete(file) }
    let text = (failure as? ActionFailure)?.message ?? ""
    // A sound one comes as far as the look at the host, by which it is a young file.
    #expect(text.contains(isSound ? "now another file" : "does not match the checksum"), "\(text)")
    #expect(FileManager.default.fileExists(atPath: base))
  }

  private func context(_ connection: LibvirtConnection) -> ApplyContext {
    ApplyContext(
      connection: connection, host: HostIdentity(of: connection), stack: "",
      files: BlockingPool(name: "files", threads: 1),
      stop: StopRequest(), patience: .ofFolders)
  }

  @Test("a folder that a writer has is not removed from, nor written to while files are removed")
  func folders() async throws {
    let folder = try Folder()
    let path = folder("d.qcow2")
    try disk(path)
    let connection = try await Host.embedded
    let removal = FileRemoval(connection, patience: .none)
    let deletion = FileDeletion(path: path)
    do {
      let writer = try FolderLock([folder.path], .shared)
      await #expect(throws: ActionFailure.self) { _ = try await removal.remove([deletion]) { _ in [:] } }
      withExtendedLifetime(writer) {}
    }
    let remover = try FolderLock([folder.path], .exclusive)
    let writer = Applier(connection: connection, jobs: 1, patience: .none)
    let plan = Plan(
      stack: "test", uri: connection.uri,
      actions: [
        Action(
          ObjectReference(.volume, "x"),
          .createImage(path: folder("new.qcow2"), ImageCreation(format: .qcow2, virtualSize: 1 << 20)), after: [],
          effect: .define)
      ])
    let refused = await writer.apply(plan)
    guard case .failed(let failure) = refused.outcomes[0] else { return #expect(Bool(false), "\(refused)") }
    #expect(failure.message.contains("is locked by"))
    remover.release()
    #expect(await writer.apply(plan).isComplete)
    #expect(try await removal.remove([deletion]) { _ in [:] } == [path: nil])
  }

  @Test("files that were to go with a removed domain, and did not, are found by inode")
  func forgotten() throws {
    let folder = try Folder()
    let archive = RemovedDomains(folder: folder("removed"))
    var removal = RemovedDomain(
      uri: "qemu:///system", stack: "lab", name: "web", uuid: "u", autostart: false, removed: 1,
      definition: try XMLElement.parse("<domain><name>web</name><uuid>u</uuid></domain>"))
    for name in ["same", "other", "kept"] {
      try disk(folder(name))
      var status = stat()
      lstat(folder(name), &status)
      removal.files.append(
        .init(folder(name), .disk, inode: UInt64(status.st_ino) + (name == "other" ? 1 : 0), isDeleted: name != "kept"))
    }
    _ = try archive.add(removal)
    #expect(try archive.forgottenFiles(of: "lab").flatMap { $0.files.map(\.path) } == [folder("same")])
    #expect(try archive.forgottenFiles(of: "other").isEmpty)
  }
}
