// The lock that keeps two applies of a stack apart.

import Foundation
import Testing

@testable import Applier

@Suite("A stack's lock")
struct StackLockTests {
  private let uri = "qemu:///system"

  private func failure(_ stack: String, _ uri: String, _ folder: Folder) -> ActionFailure? {
    do throws(ActionFailure) {
      _ = try StackLock(stack: stack, uri: uri, folder: folder.path)
      return nil
    } catch {
      return error
    }
  }

  @Test("keeps a second apply out, names the holder, and goes with it")
  func exclusive() throws {
    let folder = try Folder()
    do {
      let lock = try StackLock(stack: "lab", uri: uri, folder: folder.path)
      let found = try #require(failure("lab", uri, folder))
      #expect(found.message == "stack lab is being applied by another process (process \(getpid()))")
      #expect(failure("other", uri, folder) == nil)
      #expect(failure("lab", "qemu:///session", folder) == nil)
      // Another process, by the tool for such locks.
      #expect(try isHeld(lock.path))
      withExtendedLifetime(lock) {}
    }
    #expect(failure("lab", uri, folder) == nil)
  }

  private func isHeld(_ path: String) throws -> Bool {
    try finish(["flock", "-n", path, "true"]).status == 1
  }

  @Test("dies with its process: a file with a dead one's number keeps nobody out")
  func stale() throws {
    let folder = try Folder()
    _ = try StackLock(stack: "lab", uri: uri, folder: folder.path)
    let name = try #require(folder.names.first)
    try write(Data("999999\n".utf8), to: folder(name))
    let lock = try StackLock(stack: "lab", uri: uri, folder: folder.path)
    #expect(try contents(of: folder(name)) == Data("\(getpid())\n".utf8))
    withExtendedLifetime(lock) {}
  }

  @Test(
    "does not follow a link that somebody put there, nor use what is no plain file of the user's",
    arguments: ["link", "fifo", "owner"])
  func strangers(kind: String) throws {
    let folder = try Folder()
    _ = try StackLock(stack: "lab", uri: uri, folder: folder.path)
    let path = folder(try #require(folder.names.first))
    switch kind {
    case "link":
      try FileManager.default.removeItem(atPath: path)
      symlink(folder("target"), path)
    case "fifo":
      try FileManager.default.removeItem(atPath: path)
      mkfifo(path, 0o600)
    default:
      guard geteuid() == 0 else { return }
      chown(path, 65534, 65534)
    }
    #expect(failure("lab", uri, folder) != nil)
    #expect(!folder.names.contains("target"))
  }

  @Test("has a place on this host")
  func place() throws {
    let stack = "vireo-test-\(UInt64.random(in: 0...UInt64.max))"
    let lock = try StackLock(stack: stack, uri: uri)
    #expect(throws: ActionFailure.self) { _ = try StackLock(stack: stack, uri: uri) }
    let path = lock.path
    withExtendedLifetime(lock) {}
    unlink(path)
  }
}
