// Folders that are held open. What is done to a file in a folder where others may write is done through a descriptor of
// the folder: a path is resolved once, so nobody can lead it elsewhere between a check and its use.

internal import Failpoints
package import SystemCalls
package import SystemPackage

/// Which symbolic links a path may contain that somebody has written down: the path of a pool, of a disk's source.
package enum StatedLinks: Sendable {
  /// All that the process may pass.
  case all
  /// Those of root and of the user that runs Vireo. Whoever may only write to a folder on the way cannot make such a link.
  case own
}

/// A folder that is held open: what is done in it is done in this very folder, wherever its path leads meanwhile.
///
/// Names in it are single names, or paths below it. Nothing below it is reached through a symbolic link, nor through `..`:
/// openat2(2) sees to that, or a walk of openat(2) with O_NOFOLLOW where there is no openat2 (Linux before 5.6, some
/// containers).
package final class OpenFolder: Sendable {
  /// What to call it in messages: the path that it was opened by.
  package let path: String
  /// Device and inode: the very folder that is held open, whatever its path leads to later.
  package let identity: FileIdentity
  /// Found, not opened for reading: it takes no right to list the folder.
  private let file: OpenFile

  /// What system calls know the folder by.
  var descriptor: FileDescriptor { file.descriptor }

  /// Opens a folder by a path that somebody has stated.
  package convenience init(_ path: String, links: StatedLinks = .all) throws(ImageError) {
    try self.init(PathWalk.open(path, .readOnly, [.pathOnly, .directory], "open the folder", links), path)
  }

  private init(_ file: consuming OpenFile, _ path: String) throws(ImageError) {
    let descriptor = file.descriptor
    identity = try systemCall("look at", path, FileStatus(descriptor)).identity
    self.file = file
    self.path = path
  }

  /// The path of a file in the folder.
  package func path(of name: String) -> String {
    switch path {
    case ".": name
    case "/": "/" + name
    default: "\(path)/\(name)"
    }
  }

  /// A folder in it, or further below.
  package func folder(_ name: String) throws(ImageError) -> OpenFolder {
    try OpenFolder(open(name, .readOnly, [.pathOnly, .directory], "open the folder"), path(of: name))
  }

  // MARK: Files by their names

  /// Opens a file in the folder, or further below.
  ///
  /// A symbolic link is never followed.
  ///
  /// - Throws: ``ImageError/refused(path:reason:)`` where a link stands in the way.
  package func open(
    _ name: String, _ access: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions, mode: UInt32 = 0,
    _ operation: String
  ) throws(ImageError) -> OpenFile {
    do throws(Errno) {
      return try PathWalk.open(below: descriptor, name, access, options, mode)
    } catch {
      throw error == .tooManySymbolicLinkLevels || error == .improperLink
        ? .refused(path: path(of: name), reason: Self.isLink)
        : ImageError(operation, path: path(of: name), errno: error)
    }
  }

  static let isLink =
    "is a symbolic link in place of a file of Vireo, or is reached by one below a pool's folder, and Vireo does not "
    + "follow it; put the file itself there"

  /// What has a name itself, links not followed; nil for nothing.
  package func status(_ name: String) throws(ImageError) -> FileStatus? {
    do throws(ImageError) {
      return try systemCall("look at", path(of: name), FileStatus(of: name, in: descriptor))
    } catch .notFound {
      return nil
    }
  }

  /// Gives a file another name in the folder. The new name must not exist, or is replaced.
  package func rename(_ old: String, to new: String, replacing: Bool) throws(ImageError) {
    let path = path(of: new)
    if replacing {
      try systemCall("replace", path, descriptor.rename(old, to: new))
      return
    }
    do throws(Errno) {
      return try descriptor.renameWithoutReplacing(old, to: new)
    } catch {
      guard error == .invalidArgument || error == .noFunction else {
        throw ImageError("name", path: path, errno: error)
      }
      // The file system does not know the flag; a hard link refuses an existing name just as well.
    }
    try systemCall("name", path, descriptor.link(old, to: new, in: descriptor))
    Failpoint.pass("take away \(old)")
    try? descriptor.remove(old)
  }

  /// Gives an open file that has no name one in the folder.
  func link(_ file: FileDescriptor, as name: String) throws(ImageError) {
    try systemCall("name", path(of: name), descriptor.link(file, as: name))
  }

  /// Gives a file a second name in another folder.
  package func link(_ name: String, to place: FilePlace) throws(ImageError) {
    try systemCall(
      "give a second name to", path(of: name), descriptor.link(name, to: place.name, in: place.folder.descriptor))
  }

  /// Takes a name from the folder.
  ///
  /// - Returns: false where there is none.
  @discardableResult
  package func remove(_ name: String) throws(ImageError) -> Bool {
    do throws(ImageError) {
      try systemCall("delete", path(of: name), descriptor.remove(name))
      return true
    } catch .notFound {
      return false
    }
  }

  /// Makes a folder in it.
  ///
  /// - Returns: nil where there is something of that name.
  package func makeFolder(_ name: String, mode: UInt32) throws(ImageError) -> OpenFolder? {
    do throws(ImageError) {
      try systemCall("make the folder", path(of: name), descriptor.makeFolder(name, mode: mode))
    } catch .alreadyExists {
      return nil
    }
    return try folder(name)
  }

  /// Sets the folder's own mode.
  package func setMode(_ mode: UInt32) throws(ImageError) {
    let opened = try readable()
    try systemCall("set the mode of", path, opened.descriptor.setMode(mode))
  }

  /// Makes the names in the folder durable.
  package func flush() throws(ImageError) {
    let opened = try readable()
    try Failpoint.around("flush the folder \(path)") { () throws(ImageError) in
      try systemCall("flush the folder", path, opened.descriptor.flush())
    }
  }

  private func readable() throws(ImageError) -> OpenFile {
    try systemCall("open the folder", path, OpenFile(".", in: descriptor, .readOnly, .directory))
  }
}

/// A file by its name in a folder that is held open. The file need not exist.
package struct FilePlace: Sendable {
  /// The folder, which stays open as long as this value lives.
  package let folder: OpenFolder
  /// One name, without a slash.
  package let name: String

  /// A file by its name in a folder: one name without a slash.
  package init(in folder: OpenFolder, _ name: String) {
    self.folder = folder
    self.name = name
  }

  /// A file by its path: the folder may be reached by links, the file itself may be none.
  package init(_ path: String, links: StatedLinks = .all) throws(ImageError) {
    self.init(in: try OpenFolder(directoryPart(of: path), links: links), namePart(of: path))
  }

  /// The path for messages; what is done to the file is done through the folder's descriptor instead.
  package var path: String { folder.path(of: name) }
}
