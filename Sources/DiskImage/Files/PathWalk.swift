// How paths become open files, where somebody else may have put a link on the way.

internal import SystemCalls
internal import SystemPackage

/// Opens paths part by part where the kernel cannot see to it that no link is followed.
enum PathWalk {
  /// Opens what a stated path leads to.
  static func open(
    _ path: String, _ access: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions, _ operation: String,
    _ links: StatedLinks, named name: String? = nil
  ) throws(ImageError) -> OpenFile {
    if links == .all { return try systemCall(operation, name ?? path, OpenFile(path, access, options)) }
    let start = path.hasPrefix("/") ? "/" : "."
    var folder = try systemCall(operation, path, OpenFile(start, .readOnly, [.pathOnly, .directory]))
    // One call where there is no link at all, which is nearly always.
    do throws(Errno) {
      let relative = path.hasPrefix("/") ? String(path.drop { $0 == "/" }) : path
      return try OpenFile(relative, in: folder.descriptor, access, options, resolving: .withoutLinks)
    } catch {
      let isUndecided =
        error == .tooManySymbolicLinkLevels || error == .noFunction || error == .notPermitted
        || error == .resourceTemporarilyUnavailable
      guard isUndecided || path.allSatisfy({ $0 == "/" }) else { throw ImageError(operation, path: path, errno: error) }
    }
    var rest = Array(path.split(separator: "/").reversed().map(String.init))
    var followed = 0
    while let part = rest.popLast() {
      let above = folder.descriptor
      let held = try systemCall(operation, path, OpenFile(part, in: above, .readOnly, [.pathOnly, .noFollow]))
      guard let status = try? FileStatus(held.descriptor), status.kind == .symbolicLink else {
        folder = held
        continue
      }
      guard status.owner == 0 || status.owner == ThisProcess.user else {
        throw .refused(
          path: path,
          reason:
            "\(escapedForDisplay(part)) on this path is a symbolic link that belongs to user \(status.owner), and Vireo "
            + "follows only links of root and of its own user; write the path of its target")
      }
      followed += 1
      guard followed <= 40 else { throw ImageError(operation, path: path, errno: .tooManySymbolicLinkLevels) }
      let link = held.descriptor
      let target = try systemCall("follow the link on", path, FileNames.linkTarget("", in: link))
      if target.hasPrefix("/") {
        folder = try systemCall(operation, path, OpenFile("/", .readOnly, [.pathOnly, .directory]))
      }
      rest += target.split(separator: "/").reversed().map(String.init)
    }
    // A new description of the very file that was found, with the rights that are asked for.
    let (found, own) = (folder.descriptor, folder.ownPath)
    return try systemCall(
      operation, path,
      options.contains(.directory)
        ? OpenFile(".", in: found, access, options) : OpenFile(own, access, options.subtracting(.noFollow)))
  }

  /// Opens a path below a folder, without links and without leaving the folder.
  ///
  /// - Throws: `tooManySymbolicLinkLevels` (ELOOP) for a link, `improperLink` (EXDEV) for a path that leaves the folder.
  static func open(
    below folder: FileDescriptor, _ name: String, _ access: FileDescriptor.AccessMode,
    _ options: FileDescriptor.OpenOptions, _ mode: UInt32, walking: Bool = false
  ) throws(Errno) -> OpenFile {
    if !walking {
      do throws(Errno) {
        return try OpenFile(name, in: folder, access, options, mode: mode, resolving: [.beneath, .withoutLinks])
      } catch {
        // EPERM may be a filter's that does not know the call: the walk has the answer of the file system.
        guard error == .noFunction || error == .notPermitted else { throw error }
      }
    }
    var parts = name.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    guard let last = parts.popLast(), !name.hasPrefix("/"), last != "..", !parts.contains("..") else {
      throw .improperLink
    }
    guard let first = parts.first else { return try step(last, in: folder, access, options, mode) }
    var held = try step(first, in: folder, .readOnly, [.pathOnly, .directory])
    for part in parts.dropFirst() { held = try step(part, in: held.descriptor, .readOnly, [.pathOnly, .directory]) }
    return try step(last, in: held.descriptor, access, options, mode)
  }

  private static func step(
    _ name: String, in folder: FileDescriptor, _ access: FileDescriptor.AccessMode,
    _ options: FileDescriptor.OpenOptions, _ mode: UInt32 = 0
  ) throws(Errno) -> OpenFile {
    do throws(Errno) {
      return try OpenFile(name, in: folder, access, options.union(.noFollow), mode: mode)
    } catch {
      // O_DIRECTORY is looked at before O_NOFOLLOW.
      let isLink = error == .notDirectory && (try? FileStatus(of: name, in: folder))?.kind == .symbolicLink
      throw isLink ? .tooManySymbolicLinkLevels : error
    }
  }
}
