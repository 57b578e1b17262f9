// Locks on folders of images: whoever makes files or refers to them shares a folder, whoever removes files has it alone.

internal import SystemCalls
package import SystemPackage

/// Locks on folders, held while this value lives. They go with the process.
///
/// The lock is flock(2) on the folder itself: it takes no right but to read the folder, so it works between users, and
/// there is no file that could be left behind. On file systems that cannot lock a folder (NFS) it is on a file
/// `.vireo-lock` in it.
public final class FolderLock: Sendable {
  /// What a process is about to do in a folder.
  public enum Kind: Sendable {
    /// Makes or changes files of the folder, or makes something refer to them; together with others.
    case shared
    /// Removes files: nobody makes or refers to any meanwhile.
    case exclusive
  }

  static let fileName = ".vireo-lock"

  private let held: HeldLocks

  /// Locks folders; those that do not exist are left out. A folder counts once, however many paths lead to it, and all
  /// processes take them in the same order.
  ///
  /// - Throws: ``ImageError/locked(path:by:)`` with the folder when another process still holds one in the end.
  public init(
    _ folders: some Sequence<String>, _ kind: Kind, patience: LockPatience = .ofFolders
  ) throws(ImageError) {
    var opened: [(path: String, descriptor: FileDescriptor, identity: FileIdentity)] = []
    let held = HeldLocks()
    for path in Set(folders).sorted() {
      let descriptor: FileDescriptor
      do throws(Errno) {
        descriptor = held.hold(try OpenFile(path, .readOnly, .directory))
      } catch {
        if error.saysAbsence { continue }
        throw ImageError("lock the folder", path: path, errno: error)
      }
      let identity = try systemCall("look at", path, FileStatus(descriptor)).identity
      guard !opened.contains(where: { $0.identity == identity }) else { continue }
      opened.append((path, descriptor, identity))
    }
    opened.sort { ($0.identity.device, $0.identity.inode) < ($1.identity.device, $1.identity.inode) }
    for folder in opened {
      if try Self.take(folder.descriptor, folder.path, kind, patience) { continue }
      let file = try systemCall(
        "lock the folder", folder.path,
        OpenFile(
          Self.fileName, in: folder.descriptor, .readWrite, [.create, .noFollow, .nonBlocking], mode: 0o666))
      guard try Self.take(held.hold(file), folder.path, kind, patience) else {
        throw .locksUnavailable(path: folder.path, errno: .noLocks)
      }
    }
    self.held = held
  }

  /// Lets others in who make files: the removal was decided on.
  public func share() {
    for descriptor in held.descriptors { _ = try? descriptor.lock(.shared) }
  }

  /// Lets go before the end of this value's life.
  public func release() { held.release() }

  /// - Returns: false where the file system cannot lock this.
  private static func take(
    _ descriptor: FileDescriptor, _ path: String, _ kind: Kind, _ patience: LockPatience
  ) throws(ImageError) -> Bool {
    var isUnable = false
    let isTaken = try patience.wait { () throws(ImageError) -> Bool in
      do throws(Errno) {
        return try descriptor.lock(kind == .shared ? .shared : .exclusive)
      } catch {
        let unable: [Errno] = [.badFileDescriptor, .invalidArgument, .noLocks, .ioError]
        guard unable.contains(error) || error.saysUnsupported else {
          throw ImageError("lock the folder", path: path, errno: error)
        }
        isUnable = true
        return true
      }
    }
    guard isTaken else {
      throw .locked(path: path, by: LockHolder.ofFile(descriptor))
    }
    return !isUnable
  }
}

extension LockHolder {
  /// The processes that hold a lock of flock(2) on the file behind a descriptor. Best effort.
  package static func ofFile(_ file: FileDescriptor) -> [LockHolder] {
    guard let status = try? FileStatus(file) else { return [] }
    return holders(of: status.identity, kind: "FLOCK").filter { $0.pid != ThisProcess.id }
  }
}
