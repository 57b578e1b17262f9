// Who made a file, as an extended attribute of the file itself: proof for whoever wants to delete it later.

internal import Glibc

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
    guard let get = Linux.getAttribute else { return nil }
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = get(path, attribute, &bytes, bytes.count)
    return text(in: bytes, count, of: status)
  }

  /// The text of the mark on an open file; nil where there is none, or where it is another file's.
  static func read(_ descriptor: Int32) -> String? {
    guard let get = Linux.getFileAttribute else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = get(descriptor, attribute, &bytes, bytes.count)
    return text(in: bytes, count, of: status)
  }

  private static func text(in bytes: [UInt8], _ count: Int, of status: stat) -> String? {
    guard status.st_mode & S_IFMT == S_IFREG, count > 0, let value = String(validating: bytes[..<count], as: UTF8.self),
      let space = value.firstIndex(of: " "), UInt64(value[..<space]) == UInt64(status.st_ino)
    else { return nil }
    return String(value[value.index(after: space)...])
  }

  /// Marks an open file, where its file system can hold that.
  static func put(_ text: String, on descriptor: Int32, attribute: String = attribute) {
    var status = stat()
    guard let set = Linux.setAttribute, fstat(descriptor, &status) == 0 else { return }
    let value = Array("\(status.st_ino) \(text)".utf8)
    _ = set(descriptor, attribute, value, value.count, 0)
  }
}
