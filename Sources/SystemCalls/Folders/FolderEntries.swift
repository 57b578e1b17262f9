// What is in a folder: the one loop over readdir(3).

internal import Glibc
package import SystemPackage

/// A name in a folder.
package struct FolderEntry: Sendable, Hashable {
  /// The name as the file system has it.
  package let bytes: [UInt8]
  /// The number of its file on the folder's device.
  package let inode: UInt64

  /// The name; what is not UTF-8 in it is replaced, and then no file has it.
  package var name: String { String(decoding: bytes, as: UTF8.self) }

  /// The name; nil where it is not UTF-8.
  package var exactName: String? { String(validating: bytes, as: UTF8.self) }
}

extension FileNames {
  /// What is in a folder, without `.` and `..`, in no order.
  package static func entries(of folder: String) throws(Errno) -> [FolderEntry] {
    guard let directory = opendir(folder) else { throw lastError }
    defer { closedir(directory) }
    var entries: [FolderEntry] = []
    while true {
      errno = 0
      guard let entry = readdir(directory) else {
        if errno != 0 { throw lastError }
        return entries
      }
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if bytes == [0x2E] || bytes == [0x2E, 0x2E] { continue }
      entries.append(FolderEntry(bytes: bytes, inode: UInt64(entry.pointee.d_ino)))
    }
  }

  /// The names in a folder, without `.` and `..`, in no order; none where it cannot be read.
  package static func names(in folder: String) -> [String] { ((try? entries(of: folder)) ?? []).map(\.name) }
}
