// One stack is changed by one process at a time: a lock on a file that dies with the process. The file itself may stay.

import BlockingWork
import Checksum
public import DiskImage
import Glibc
import Inventory
public import Libvirt

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
    var held: [Int32] = []
    do throws(ActionFailure) {
      var files: [(descriptor: Int32, path: String)] = []
      for path in paths {
        guard let file = try Self.openFile(path, of: place) else { break }
        held.append(file)
        files.append((file, path))
      }
      let hasAll = files.count == paths.count
      if let gate = place.gate {
        let descriptor = open(gate, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file("lock the folder", gate, errno) }
        held.append(descriptor)
        // Who cannot have a file of the stack's own keeps everybody's.
        try Self.take(descriptor, gate, hasAll ? LOCK_SH : LOCK_EX, stack, patience)
      }
      if hasAll { for file in files { try Self.take(file.descriptor, file.path, LOCK_EX, stack, patience) } }
      path = hasAll ? paths.first : nil
    } catch {
      HeldLocks(held).release()
      throw error
    }
    self.held = HeldLocks(held)
  }

  /// Lets go before the end of this value's life.
  public func release() { held.release() }

  /// - Returns: nil where this user can have no such file, and there is a gate instead.
  private static func openFile(_ path: String, of place: LockPlace) throws(ActionFailure) -> Int32? {
    let flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    var descriptor = open(path, O_RDWR | O_CREAT | flags, 0o664)
    // One that another user has made can be locked as well.
    if descriptor < 0, errno == EACCES || errno == ENOENT || errno == EROFS {
      descriptor = open(path, O_RDONLY | flags)
    }
    guard descriptor >= 0 else {
      if place.gate != nil, [EACCES, ENOENT, EROFS, ENOTDIR].contains(errno) { return nil }
      throw .file("open the lock file", path, errno)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw ActionFailure("\(path) is not a regular file, so it cannot be the stack's lock", remedy: "remove it")
    }
    return descriptor
  }

  private static func take(
    _ descriptor: Int32, _ path: String, _ kind: Int32, _ stack: String, _ patience: LockPatience
  ) throws(ActionFailure) {
    let isTaken = try patience.wait { () throws(ActionFailure) -> Bool in
      while flock(descriptor, kind | LOCK_NB) != 0 {
        switch errno {
        case EINTR: continue
        case EWOULDBLOCK: return false
        default: throw .file("lock", path, errno)
        }
      }
      return true
    }
    guard isTaken else {
      let own = kind == LOCK_EX && path.hasSuffix(".lock")
      let holders = LockHolder.ofFile(descriptor).map { "process \($0.pid)" }
      let holder =
        holders.isEmpty
        ? own ? writtenHolder(descriptor).map { " (process \($0))" } : nil : " (\(holders.joined(separator: ", ")))"
      throw ActionFailure(
        own
          ? "stack \(stack) is being applied by another process\(holder ?? "")"
          : "stack \(stack) cannot be locked while other processes change stacks of this daemon\(holder ?? "")",
        remedy: "wait for it to end, then try again; `--lock-timeout` waits")
    }
    guard kind == LOCK_EX, path.hasSuffix(".lock") else { return }
    // For the message above, where /proc hides the holder; the lock does not depend on it.
    let text = Array("\(getpid())\n".utf8)
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
  }

  /// The process id that the holder wrote down.
  private static func writtenHolder(_ descriptor: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
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
    for host: HostIdentity, user: uid_t = geteuid(), run: String = "/run",
    environment: (String) -> String? = { getenv($0).map { String(cString: $0) } }
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
        "there is no place for the stack's lock", remedy: "set XDG_RUNTIME_DIR or HOME to a folder of yours")
    }
    return LockPlace(folder: try make([".local", "state", "vireo", "locks"], below: home, mode: 0o700))
  }

  /// `/run/vireo`, root's.
  private static func makeSystemFolder(_ run: String) throws(ActionFailure) -> String {
    let folder = run + "/vireo"
    if mkdir(folder, 0o755) == 0, let group = getgrnam("libvirt") {
      // Who may use the daemon may take its locks.
      if chown(folder, 0, group.pointee.gr_gid) == 0 { chmod(folder, 0o775) }
    }
    var status = stat()
    guard lstat(folder, &status) == 0 else { throw .file("make the folder", folder, errno) }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == 0, status.st_mode & 0o002 == 0 else {
      throw ActionFailure(
        "\(folder) is not a folder of root's alone, so locks in it are worth nothing", remedy: "remove it")
    }
    return folder
  }

  private static func make(_ names: [String], below folder: String, mode: mode_t) throws(ActionFailure) -> String {
    var path = folder
    for name in names {
      path += "/\(name)"
      guard mkdir(path, mode) == 0 || errno == EEXIST else { throw .file("make the folder", path, errno) }
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_mode & 0o002 == 0 else {
      throw ActionFailure(
        "everybody may make files in \(path), so locks in it are worth nothing",
        remedy: "take the right from others (`chmod o-w`)")
    }
    return path
  }

  private static func canRead(_ folder: String) -> Bool {
    var status = stat()
    return access(folder, R_OK | X_OK) == 0 && lstat(folder, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      && status.st_mode & 0o002 == 0
  }

  private static func isPrivate(_ folder: String, of user: uid_t) -> Bool {
    var status = stat()
    return lstat(folder, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && status.st_uid == user
      && status.st_mode & 0o022 == 0
  }
}
