// The lock that keeps two applies of a stack apart.

import DiskImage
import Foundation
import Inventory
import Testing

@testable import Applier

@Suite("A stack's lock")
struct StackLockTests {
  private let uri = "qemu system 4c4c4544"

  private func failure(_ stack: String, _ uri: String, _ folder: Folder) -> ActionFailure? {
    do throws(ActionFailure) {
      _ = try StackLock(stack: stack, hosts: [uri], in: LockPlace(folder: folder.path))
      return nil
    } catch {
      return error
    }
  }

  @Test("keeps a second apply out, names the holder, and goes with it")
  func exclusive() throws {
    let folder = try Folder()
    do {
      let lock = try StackLock(stack: "lab", hosts: [uri], in: LockPlace(folder: folder.path))
      let found = try #require(failure("lab", uri, folder))
      #expect(found.message == "stack lab is being applied by another process (process \(getpid()))")
      #expect(failure("other", uri, folder) == nil)
      #expect(failure("lab", "qemu:///session", folder) == nil)
      // Another process, by the tool for such locks.
      #expect(try isHeld(try #require(lock.path)))
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
    _ = try StackLock(stack: "lab", hosts: [uri], in: LockPlace(folder: folder.path))
    let name = try #require(folder.names.first)
    try write(Data("999999\n".utf8), to: folder(name))
    let lock = try StackLock(stack: "lab", hosts: [uri], in: LockPlace(folder: folder.path))
    #expect(try contents(of: folder(name)) == Data("\(getpid())\n".utf8))
    withExtendedLifetime(lock) {}
  }

  @Test(
    "does not follow a link that somebody put there, nor use what is no plain file",
    arguments: ["link", "fifo", "folder"])
  func strangers(kind: String) throws {
    let folder = try Folder()
    _ = try StackLock(stack: "lab", hosts: [uri], in: LockPlace(folder: folder.path))
    let path = folder(try #require(folder.names.first))
    switch kind {
    case "link":
      try FileManager.default.removeItem(atPath: path)
      symlink(folder("target"), path)
    case "fifo":
      try FileManager.default.removeItem(atPath: path)
      mkfifo(path, 0o600)
    default:
      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }
    #expect(failure("lab", uri, folder) != nil)
    #expect(!folder.names.contains("target"))
  }

  @Test("has a place for every host, in no folder where everybody may make files")
  func places() async throws {
    let folder = try Folder()
    let embedded = HostIdentity(uri: "qemu:///embed?root=\(folder.path)", embeddedRoot: folder.path)
    #expect(try LockPlace.find(for: embedded) == LockPlace(folder: folder("run/vireo")))
    let system = HostIdentity(uri: "qemu:///system", embeddedRoot: nil)
    let session = HostIdentity(uri: "qemu:///session", embeddedRoot: nil)
    for name in ["run/libvirt", "run/user", "runtime", "home"] {
      try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: true)
    }
    chmod(folder("runtime"), 0o700)
    let user = geteuid()
    func place(_ host: HostIdentity, _ user: uid_t, _ environment: [String: String]) throws -> LockPlace {
      try LockPlace.find(for: host, user: user, run: folder("run")) { environment[$0] }
    }
    if user == 0 {
      let own = try place(system, 0, [:])
      #expect(own == LockPlace(folder: folder("run/vireo"), gate: folder("run/libvirt")))
      chmod(own.folder, 0o777)
      #expect(throws: ActionFailure.self) { try place(system, 0, [:]) }
    }
    // Another user of the machine's daemon keeps the gate.
    #expect(try place(system, user + 1000, [:]) == LockPlace(folder: folder("run/vireo"), gate: folder("run/libvirt")))
    if user != 0 {
      let runtime = ["XDG_RUNTIME_DIR": folder("runtime")]
      #expect(try place(session, user, runtime) == LockPlace(folder: folder("runtime/vireo")))
    }
    let home = try place(session, user + 1000, ["HOME": folder("home")])
    #expect(home == LockPlace(folder: folder("home/.local/state/vireo/locks")))
    #expect(mode(of: home.folder) == 0o700)
    chmod(folder("runtime"), 0o777)
    #expect(try place(session, user + 1000, ["XDG_RUNTIME_DIR": folder("runtime"), "HOME": folder("home")]) == home)
  }

  @Test("who can have no file of the stack's own keeps all stacks of the daemon, and is kept out by any")
  func gate() throws {
    let folder = try Folder()
    for name in ["locks", "gate"] {
      try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: true)
    }
    let ours = LockPlace(folder: folder("locks"), gate: folder("gate"))
    // A folder that does not exist stands for one that belongs to root.
    let theirs = LockPlace(folder: folder("nowhere"), gate: folder("gate"))
    func isFree(_ stack: String, _ place: LockPlace) -> Bool {
      (try? StackLock(stack: stack, hosts: [uri], in: place)) != nil
    }
    do {
      let lock = try StackLock(stack: "lab", hosts: [uri], in: ours)
      #expect(isFree("other", ours) && !isFree("lab", ours) && !isFree("lab", theirs) && !isFree("other", theirs))
      withExtendedLifetime(lock) {}
    }
    let lock = try StackLock(stack: "lab", hosts: [uri], in: theirs)
    #expect(!isFree("lab", ours) && !isFree("other", ours) && !isFree("lab", theirs))
    withExtendedLifetime(lock) {}
  }

  @Test("is waited for as long as the user says")
  func patience() async throws {
    let folder = try Folder()
    let place = LockPlace(folder: folder.path)
    let (uri, held) = (uri, try StackLock(stack: "lab", hosts: [uri], in: place))
    let waiting = Task.detached {
      try StackLock(stack: "lab", hosts: [uri], in: place, patience: LockPatience(seconds: 600))
    }
    try await Task.sleep(for: .milliseconds(50))
    withExtendedLifetime(held) {}
    held.release()
    let second = try await waiting.value
    #expect(failure("lab", uri, folder) != nil)
    withExtendedLifetime(second) {}
  }
}
