// A run as a whole: how many at a time, what is told, and what becomes of it when libvirt goes away or a stop is asked for.

import Foundation
import Libvirt
import Planner
import Synchronization
import TestSupport
import Testing
import XMLTree

@testable import Applier

@Suite("An apply")
struct RunTests {
  @Test("of nothing is complete")
  func empty() async throws {
    let applied = try await apply([])
    #expect(applied.outcomes.isEmpty && applied.isComplete && !applied.wasInterrupted && applied.events.isEmpty)
  }

  @Test("goes on past a failure with what does not depend on it")
  func independent() async throws {
    let folder = try Folder()
    try write(Data("x".utf8), to: folder("file"))
    let applied = try await apply(
      [
        .createDirectory(path: folder("file")), .createDirectory(path: folder("file/a")),
        .createDirectory(path: folder("b")), .createDirectory(path: folder("b/c")),
      ], after: [[], [0], [], [2]])
    #expect(applied.outcomes[1...] == [.blocked(by: 0), .done, .done])
    #expect(applied.failure(0) != nil)
    #expect(folder.names == ["b", "file"])
  }

  @Test("starts no more than it may at a time, and tells the start and the end of each action", arguments: [1, 3])
  func bound(jobs: Int) async throws {
    let folder = try Folder()
    let operations = (0..<20).map { Operation.createDirectory(path: folder("\($0)")) }
    let applied = try await apply(operations, after: Array(repeating: [], count: 20), jobs: jobs)
    var running: Set<Int> = []
    var finished: [Int] = []
    for event in applied.events {
      switch event {
      case .started(let index):
        running.insert(index)
        #expect(running.count <= jobs)
      case .finished(let index, let outcome):
        #expect(running.remove(index) != nil && outcome == .done)
        finished.append(index)
      case .progressed, .waiting: Issue.record("no data moves here, and nothing is waited for")
      }
    }
    #expect(finished.sorted() == Array(0..<20))
    if jobs == 1 { #expect(finished == Array(0..<20)) }
  }

  @Test("that is cancelled gives up a copy that nobody sees yet, leaves nothing of it and starts nothing more")
  func cancelled() async throws {
    let folder = try Folder()
    // Sparse, so that it costs nothing but the hashing.
    let source = folder("source")
    try write(Data(), to: source)
    try #require(truncate(source, 64 << 20) == 0)
    let sum = try run("sha256sum", source).prefix(64)
    let image = ImageImport(
      source: source, destination: folder("copy"), format: .raw, sha256: String(sum), length: 64 << 20)
    let job = Mutex<Task<Applied, any Error>?>(nil)
    let task = Task {
      // Cancelled by the first progress, in the middle of the copy.
      try await apply(
        [.importImage(image), .createDirectory(path: folder("later"))], after: [[], []], jobs: 1
      ) { event in
        if case .progressed = event { job.withLock { $0?.cancel() } }
      }
    }
    job.withLock { $0 = task }
    let applied = try await task.value
    // Events are passed on beside the work, so the copy may be through before the first of them cancels.
    let isCopied = applied.outcomes[0] == .done
    #expect(isCopied || applied.outcomes[0] == .notStarted)
    #expect(folder.names.filter { $0 != "later" } == (isCopied ? ["copy", "source"] : ["source"]))
    if applied.wasInterrupted {
      #expect(applied.outcomes[1] == .notStarted)
      #expect(!folder.names.contains("later"))
      #expect(applied.events.last == .finished(1, .notStarted))
    } else {
      #expect(applied.outcomes[1] == .done)
    }
  }

  @Test("started by a cancelled task does nothing")
  func cancelledBefore() async throws {
    let folder = try Folder()
    let connection = try await Host.fake
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await apply(.createDirectory(path: folder("never")), on: connection)
    }
    let applied = try await task.value
    #expect(applied.outcomes == [.notStarted] && applied.wasInterrupted)
    #expect(folder.names.isEmpty)
  }

  @Test("on a connection that is gone fails once, and starts nothing more")
  func lost() async throws {
    let folder = try Folder()
    let connection = try await LibvirtConnection.open(uri: "test:///default")
    await connection.close()
    let identity = DomainIdentity(name: "test", uuid: "6695eb01-f6a4-8304-79aa-97f2502e193f")
    let xml = try XMLElement.parse(guestXML("test", uuid: identity.uuid))
    let operations: [Planner.Operation] = [
      .startDomain(identity), .stopDomain(identity, Shutdown(timeout: 1, forceOff: true)), .startPool(name: "p"),
      .setAutostart(domain: identity, true),
      .defineDomain(DomainDefinition(identity: identity, xml: xml, replacing: xml, expectations: [])),
    ]
    for operation in operations {
      let applied = try await apply(
        [operation, .createDirectory(path: folder("a"))], after: [[], []], jobs: 1, on: connection)
      #expect(applied.outcomes == [.failed(.connectionLost), .blocked(by: 0)] && !applied.wasInterrupted)
      #expect(folder.names.isEmpty)
    }
  }
}

@Suite("Storage pools")
struct PoolTests {
  private func pool(_ name: String, _ path: String) -> Operation {
    let xml = XMLElement(
      "pool", ["type": "dir"],
      children: [
        XMLElement("name", text: name), XMLElement("target", children: [XMLElement("path", text: path)]),
      ])
    return .definePool(PoolDefinition(ObjectDefinition(name: name, xml: xml)))
  }

  @Test("are defined, started and marked for autostart, and taken as they are the next time")
  func define() async throws {
    let connection = try await Host.fake
    for path in ["/srv/one", "/srv//one/"] {
      #expect(try await apply(pool("applier-one", path)).outcomes == [.done])
      let record = try #require(try await connection.storagePoolRecords().first { $0.name == "applier-one" })
      #expect(record.isActive && record.autostart)
    }
    let failure = try #require(try await apply(pool("applier-one", "/srv/two")).failure)
    #expect(failure.message == "pool applier-one exists and has the folder /srv/one, not /srv/two")
  }

  @Test("start, and do so only once")
  func start() async throws {
    let connection = try await Host.fake
    #expect(try await apply(pool("applier-start", "/srv/start")).outcomes == [.done])
    try await connection.storagePool(named: "applier-start").destroy()
    for _ in 1...2 {
      #expect(try await apply(.startPool(name: "applier-start")).outcomes == [.done])
      let record = try #require(try await connection.storagePoolRecords().first { $0.name == "applier-start" })
      #expect(record.isActive)
    }
    #expect(
      try await apply(.startPool(name: "applier-none")).failure?.message
        == "pool applier-none is no longer defined")
  }
}
