// Who made a file, as an extended attribute of the file itself: proof for whoever wants to delete it later.

internal import SystemCalls
internal import SystemPackage

/// The mark on a file that says who made it and what for.
///
/// It is the extended attribute `user.vireo`: the file's inode number, a space, and a text. The number binds it to this one
/// file: programs that copy attributes copy the mark, and a copy belongs to them. File systems without extended
/// attributes have no marks.
public enum OriginMark {
  static let attribute = "user.vireo"

  /// The text of the mark on the file itself at `path`, symbolic links not followed; nil where there is none, or where it is
  /// another file's.
  public static func read(path: String) -> String? { read(path: path, attribute: attribute) }

  static func read(path: String, attribute: String) -> String? {
    guard let status = try? FileStatus(of: path, followingLinks: false) else { return nil }
    return FileNames.attribute(attribute, of: path).flatMap { text(in: $0, of: status) }
  }

  /// The text of the mark on an open file; nil where there is none, or where it is another file's.
  static func read(_ file: FileDescriptor) -> String? {
    guard let status = try? FileStatus(file) else { return nil }
    return file.attribute(attribute).flatMap { text(in: $0, of: status) }
  }

  private static func text(in bytes: [UInt8], of status: FileStatus) -> String? {
    guard status.kind == .regularFile, let value = String(validating: bytes, as: UTF8.self),
      let space = value.firstIndex(of: " "), UInt64(value[..<space]) == status.identity.inode
    else { return nil }
    return String(value[value.index(after: space)...])
  }

  /// Marks an open file, where its file system can hold that.
  static func put(_ text: String, on file: FileDescriptor, attribute: String = attribute) {
    guard let status = try? FileStatus(file) else { return }
    try? file.setAttribute(attribute, to: Array("\(status.identity.inode) \(text)".utf8))
  }
}
