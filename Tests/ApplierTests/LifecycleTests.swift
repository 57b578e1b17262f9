// Guests that start, resume and stop, and those that do not.

import Libvirt
import Planner
import TestSupport
import Testing
import XMLTree

@testable import Applier

@Suite("A guest's life", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"))
struct LifecycleTests {
  @Test("begins and ends as asked, and what holds already is done")
  func life() async throws {
    try await Host.withGuest("life-cycle") { connection, domain, identity in
      for operation in [Operation.startDomain(identity), .startDomain(identity), .resumeDomain(identity)] {
        #expect(try await apply(operation, on: connection).outcomes == [.done])
        #expect(try await domain.state() == .running)
      }
      try await domain.suspend()
      #expect(
        try await apply(.startDomain(identity), on: connection).failure?.message
          == "domain life-cycle changed since it was planned: it is no longer stopped")
      #expect(try await apply(.resumeDomain(identity), on: connection).outcomes == [.done])
      #expect(try await domain.state() == .running)
      for _ in 1...2 {
        #expect(
          try await apply(.stopDomain(identity, Shutdown(timeout: 0, forceOff: true)), on: connection).outcomes == [
            .done
          ])
        #expect(try await domain.state() == .shutOff)
      }
      #expect(
        try await apply(.resumeDomain(identity), on: connection).failure?.message.contains("no longer paused") == true)
      for value in [true, true, false] {
        #expect(try await apply(.setAutostart(domain: identity, value), on: connection).outcomes == [.done])
        #expect(try await domain.autostart() == value)
      }
    }
  }

  @Test("goes on when the guest does not shut down and nobody consents to force")
  func noConsent() async throws {
    try await Host.withGuest("life-stubborn", start: true) { connection, domain, identity in
      let failure = try #require(
        try await apply(.stopDomain(identity, Shutdown(timeout: 1, forceOff: false)), on: connection).failure)
      #expect(failure.message == "domain life-stubborn did not shut down within 1 s")
      #expect(failure.remedy?.contains("shutdown.force-off") == true)
      #expect(try await domain.state() == .running)
    }
  }

  @Test("is not waited for any longer when the run is to stop, and nothing more is started")
  func interrupted() async throws {
    try await Host.withGuest("life-interrupted", start: true) { connection, domain, identity in
      let (began, begin) = AsyncStream<Void>.makeStream()
      let task = Task {
        try await apply(
          [
            .stopDomain(identity, Shutdown(timeout: 600, forceOff: true)), .startDomain(identity),
            .startDomain(identity),
          ],
          after: [[], [], [0]], jobs: 1, on: connection
        ) { event in
          if event == .started(0) { begin.yield() }
        }
      }
      for await _ in began { break }
      task.cancel()
      let applied = try await task.value
      #expect(applied.wasInterrupted)
      #expect(applied.failure(0)?.message.contains("is still shutting down") == true)
      #expect(applied.outcomes[1...] == [.notStarted, .blocked(by: 0)])
      #expect(try await domain.isActive())
    }
  }

  @Test("does not begin without its disk: the file is named")
  func missingFile() async throws {
    let folder = try Folder()
    try await Host.withGuest("life-missing", devices: diskXML(folder("gone.qcow2"))) { connection, _, identity in
      let failure = try #require(try await apply(.startDomain(identity), on: connection).failure)
      #expect(failure.message == "cannot start domain life-missing: \(folder("gone.qcow2")) does not exist")
      #expect(failure.remedy?.contains("restore the file") == true)
    }
  }

  @Test("does not begin with a disk that another process writes to: the process is named")
  func lockedDisk() async throws {
    let folder = try Folder()
    let path = folder("disk.qcow2")
    try run("qemu-img", "create", "-q", "-f", "qcow2", path, "1M")
    try await withWriter(of: path, format: "qcow2") { pid in
      try await Host.withGuest("life-locked", devices: diskXML(path)) { connection, _, identity in
        let failure = try #require(try await apply(.startDomain(identity), on: connection).failure)
        #expect(failure.message == "cannot start domain life-locked: \(path) is in use by qemu-io (process \(pid))")
        #expect(failure.remedy == "stop what uses it, then apply again")
      }
    }
  }

  @Test("goes on with the old definition when it does not begin with the new one")
  func putBack() async throws {
    let folder = try Folder()
    try await Host.withGuest("life-put-back", start: true) { connection, domain, identity in
      let old = try await domain.stored
      let broken = try XMLElement.parse(
        guestXML(identity.name, uuid: identity.uuid, devices: diskXML(folder("gone.qcow2"))))
      let definition = DomainDefinition(identity: identity, xml: broken, replacing: old, expectations: [])
      let applied = try await apply(
        [
          .stopDomain(identity, Shutdown(timeout: 0, forceOff: true)), .defineDomain(definition),
          .startDomain(identity),
        ],
        on: connection)
      #expect(applied.outcomes.prefix(2) == [.done, .done])
      #expect(
        applied.failure(2)?.message
          == "cannot start domain life-put-back: \(folder("gone.qcow2")) does not exist; its old definition was put "
          + "back and the guest was started with it")
      #expect(definitionDifference(try await domain.stored, old).isEmpty)
      #expect(try await domain.state() == .running)
    }
  }
}

@Suite("Messages of guests that do not start")
struct StartMessageTests {
  static let messages: [(message: String, text: String, path: String?)] = [
    (
      """
      internal error: process exited while connecting to monitor: 2026-11-23T22:00:00.000000Z qemu-system-x86_64: \
      -blockdev {"driver":"file","filename":"/srv/a.qcow2","node-name":"x"}: Failed to get "write" lock
      Is another process using the image [/srv/a.qcow2]?
      """, "Failed to get \"write\" lock", "/srv/a.qcow2"
    ),
    (
      "Cannot access storage file '/srv/vms/a.qcow2' (as uid:64055, gid:64055): Permission denied",
      "Cannot access storage file '/srv/vms/a.qcow2' (as uid:64055, gid:64055): Permission denied", "/srv/vms/a.qcow2"
    ),
    (
      """
      internal error: qemu unexpectedly closed the monitor: 2026-11-23T22:00:00.0Z qemu-system-x86_64: warning: old
      Could not access KVM kernel module: Permission denied
      2026-11-23T22:00:00.0Z qemu-system-x86_64: -accel kvm: failed to initialize kvm: Permission denied
      """, "failed to initialize kvm: Permission denied", nil
    ),
    (
      "Requested operation is not valid: network 'lab' is not active",
      "Requested operation is not valid: network 'lab' is not active", nil
    ),
    ("", "", nil),
    ("internal error: qemu-system-x86_64", "qemu-system-x86_64", nil),
  ]

  @Test("are cut down to the line that matters, and the file in them is found", arguments: messages)
  func line(message: String, text: String, path: String?) {
    let found = startMessage(message, whole: plainMessage(message))
    #expect(found.text == text)
    #expect(found.path == path)
  }

  @Test("name the folder on the way that others may not pass")
  func closedFolder() throws {
    let folder = try Folder()
    try write(.init(), to: folder("disk"))
    let found = try #require(explainFile(folder("disk"), "Cannot access storage file: Permission denied"))
    #expect(found.message == "QEMU's user may not pass the folder \(folder.path), which leads to \(folder("disk"))")
    #expect(found.remedy?.contains("chmod o+x \(folder.path)") == true)
  }
}
