// One stack is changed by one process at a time: a lock on a file that dies with the process. The file itself may stay.

import BlockingWork
import Checksum
public import DiskImage
import Inventory
public import Libvirt
import SystemCalls
import SystemPackage

/// The right to change a stack on a host, held while this value lives. Every command that changes a stack takes it.
///
/// The lock is the kernel's (flock(2)), so it cannot be left behind; the file that it is on has no meaning of its own. It
/// is named for the driver and the stack, so the spelling of the connection's URI makes no difference.
public final class StackLock: Sendable {
  private let held: HeldLocks
  /// The file; it stays. Nil where this user can make none, and keeps all stacks of the daemon instead.
  let path: String?

  /// Takes the lock.
  ///
  /// - Parameters:
  ///   - stack: the stack's name.
  ///   - patience: how long to wait for another process that has it.
  /// - Throws: ``ActionFailure`` that names the process that holds it, or says why there is no place for the file;
  ///   `LibvirtError`.
  public static func take(
    _ stack: String, on connection: LibvirtConnection, patience: LockPatience = .none
  ) async throws -> StackLock {
    try await take([stack], on: connection, patience: patience)[0]
  }

  /// Takes the locks of several stacks, in an order that is everybody's.
  public static func take(
    _ stacks: some Sequence<String>, on connection: LibvirtConnection, patience: LockPatience = .none
  ) async throws -> [StackLock] {
    let wanted = Set(stacks).sorted()
    guard !wanted.isEmpty else { return [] }
    let host = HostIdentity(of: connection)
    let names = try await host.lockNames(on: connection)
    return try await BlockingPool(name: "locks", threads: 1).run {
      let place = try LockPlace.find(for: host)
      return try wanted.map { try StackLock(stack: $0, hosts: names, in: place, patience: patience) }
    }
  }

  /// - Parameters:
  ///   - hosts: the names of the driver, see ``HostIdentity/lockNames(on:)``; each has a file of its own, locked in this order.
  ///   - place: where the files go.
  init(stack: String, hosts: [String], in place: LockPlace, patience: LockPatience = .none) throws(ActionFailure) {
    let paths = hosts.map { host in
      let digest = Checksum.of(Array("\(host)\0\(stack)".utf8))
      return "\(place.folder)/stack-\(hexadecimal(digest.prefix(16))).lock"
    }
    let held = HeldLocks()
    var files: [(descriptor: FileDescriptor, path: String)] = []
    for path in paths {
      guard let file = try Self.openFile(path, of: place) else { break }
      files.append((held.hold(file), path))
    }
    let hasAll = files.count == paths.count
    if let gate = place.gate {
      let folder = held.hold(try fileCall("lock the folder", gate, OpenFile(gate, .readOnly, .directory)))
      // Who cannot have a file of the stack's own keeps everybody's.
      try Self.take(folder, gate, hasAll ? .shared : .exclusive, stack, patience)
    }
    if hasAll { for file in files { try Self.take(file.descriptor, file.path, .exclusive, stack, patience) } }
    path = hasAll ? paths.first : nil
    self.held = held
  }

  /// Lets go before the end of this value's life.
  public func release() { held.release() }

  /// - Returns: nil where this user can have no such file, and there is a gate instead.
  private static func openFile(_ path: String, of place: LockPlace) throws(ActionFailure) -> OpenFile? {
    do throws(Errno) {
      let file = try openLockFile(path)
      if try FileStatus(file.descriptor).isRegular { return file }
    } catch {
      let isOthers: [Errno] = [.permissionDenied, .noSuchFileOrDirectory, .readOnlyFileSystem, .notDirectory]
      if place.gate != nil, isOthers.contains(error) { return nil }
      throw ActionFailure(SystemError("open the lock file", path, error))
    }
    throw ActionFailure("\(path) is not a regular file, so it cannot be the stack's lock", remedy: "remove it")
  }

  private static func openLockFile(_ path: String) throws(Errno) -> OpenFile {
    do throws(Errno) {
      return try OpenFile(path, .readWrite, [.create, .noFollow, .nonBlocking], mode: 0o664)
    } catch .permissionDenied, .noSuchFileOrDirectory, .readOnlyFileSystem {
      // One that another user has made can be locked as well.
      return try OpenFile(path, .readOnly, [.noFollow, .nonBlocking])
    }
  }

  private static func take(
    _ file: FileDescriptor, _ path: String, _ kind: LockKind, _ stack: String, _ patience: LockPatience
  ) throws(ActionFailure) {
    let isTaken = try patience.wait { () throws(ActionFailure) -> Bool in
      try fileCall("lock", path, file.lock(kind))
    }
    guard isTaken else {
      let own = kind == .exclusive && path.hasSuffix(".lock")
      let holders = LockHolder.ofFile(file).map { "process \($0.pid)" }
      let holder =
        holders.isEmpty
        ? own ? writtenHolder(file).map { " (process \($0))" } : nil : " (\(holders.joined(separator: ", ")))"
      throw ActionFailure(
        own
          ? "stack \(stack) is being applied by another process\(holder ?? "")"
          : "stack \(stack) cannot be locked while other processes change stacks of this daemon\(holder ?? "")",
        remedy: "wait until it ends, then try again; `--lock-timeout` sets how long Vireo waits")
    }
    guard kind == .exclusive, path.hasSuffix(".lock") else { return }
    // For the message above, where /proc hides the holder; the lock does not depend on it.
    if (try? file.setLength(0)) != nil { try? file.writeAll(Array("\(ThisProcess.id)\n".utf8), at: 0) }
  }

  /// The process id that the holder wrote down.
  private static func writtenHolder(_ file: FileDescriptor) -> Int32? {
    guard let bytes = try? file.content(limit: 16) else { return nil }
    return Int32(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }
}

/// Where the lock files of a driver are: never in a folder where everybody may make files.
struct LockPlace: Sendable, Equatable {
  /// The folder of the files.
  var folder: String
  /// A folder that every user of the daemon can lock: shared with a file of the stack's own, alone without.
  var gate: String?

  init(folder: String, gate: String? = nil) {
    self.folder = folder
    self.gate = gate
  }

  /// Finds the place, and makes the folder.
  ///
  /// - An embedded driver has it in its root, so that all who use the root agree.
  /// - A daemon of the whole machine has `/run/vireo`, which root makes, for the group `libvirt` where there is one. Users who
  ///   cannot make files there lock `/run/libvirt` itself, which root shares.
  /// - Everything else is the user's own: `/run/user/UID`, `XDG_RUNTIME_DIR`, else the user's state folder.
  static func find(
    for host: HostIdentity, user: UInt32 = ThisProcess.user, run: String = "/run",
    environment: (String) -> String? = { ThisProcess.environment($0) }
  ) throws(ActionFailure) -> LockPlace {
    if let root = host.embeddedRoot { return LockPlace(folder: try make(["run", "vireo"], below: root, mode: 0o755)) }
    if user == 0 || host.isShared {
      let gate = host.isShared && canRead(run + "/libvirt") ? run + "/libvirt" : nil
      if user == 0 {
        return LockPlace(folder: try makeSystemFolder(run), gate: gate)
      } else if gate != nil {
        return LockPlace(folder: run + "/vireo", gate: gate)
      }
    }
    let runtime = [run + "/user/\(user)"] + [environment("XDG_RUNTIME_DIR")].compactMap(\.self)
    if let folder = runtime.first(where: { $0.hasPrefix("/") && isPrivate($0, of: user) }) {
      return LockPlace(folder: try make(["vireo"], below: folder, mode: 0o700))
    }
    guard let home = StateFolder.home(of: user, environment) else {
      throw ActionFailure(
        "there is no folder for the stack's lock", remedy: "set XDG_RUNTIME_DIR or HOME to one of your folders")
    }
    return LockPlace(folder: try make([".local", "state", "vireo", "locks"], below: home, mode: 0o700))
  }

  /// `/run/vireo`, root's.
  private static func makeSystemFolder(_ run: String) throws(ActionFailure) -> String {
    let folder = run + "/vireo"
    if (try? FileNames.makeFolder(folder, mode: 0o755)) == true, let group = Accounts.group(named: "libvirt") {
      // Who may use the daemon may take its locks.
      do {
        try FileNames.setOwner(user: 0, group: group, of: folder)
        try FileNames.setMode(0o775, of: folder)
      } catch {}
    }
    let status = try fileCall("make the folder", folder, FileStatus(of: folder, followingLinks: false))
    guard status.kind == .directory, status.owner == 0, status.mode & 0o002 == 0 else {
      throw ActionFailure(
        "\(folder) can be written by users other than root, so its locks protect nothing", remedy: "remove it")
    }
    return folder
  }

  private static func make(_ names: [String], below folder: String, mode: UInt32) throws(ActionFailure) -> String {
    var path = folder
    for name in names {
      path += "/\(name)"
      try fileCall("make the folder", path, FileNames.makeFolder(path, mode: mode))
    }
    guard let status = try? FileStatus(of: path), status.kind == .directory, status.mode & 0o002 == 0 else {
      throw ActionFailure(
        "every user may create files in \(path), so its locks protect nothing",
        remedy: "remove that permission (`chmod o-w`)")
    }
    return path
  }

  private static func canRead(_ folder: String) -> Bool {
    guard FileNames.mayAccess(folder, [.read, .execute]),
      let status = try? FileStatus(of: folder, followingLinks: false)
    else { return false }
    return status.kind == .directory && status.mode & 0o002 == 0
  }

  private static func isPrivate(_ folder: String, of user: UInt32) -> Bool {
    guard let status = try? FileStatus(of: folder, followingLinks: false) else { return false }
    return status.kind == .directory && status.owner == user && status.mode & 0o022 == 0
  }
}
