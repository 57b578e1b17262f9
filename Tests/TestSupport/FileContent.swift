// Files that are read again and again while a test waits, and the kernel's about processes. Without Foundation, which
// leaks 4 KiB each time that it reads a file that turns out to be empty (Swift 6.3): the command line of a kernel thread
// is, and so is the output of a program that has not said anything yet.

import Glibc

/// What a file holds; nil when it cannot be read, for example because the process that it is about has ended.
public func fileContent(_ path: String) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var content: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 16384)
  while true {
    let count = read(descriptor, &piece, piece.count)
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { return nil }
    guard count > 0 else { return content }
    content += piece[..<count]
  }
}

/// The text that a file holds; nil when it cannot be read.
public func fileText(_ path: String) -> String? {
  fileContent(path).map { String(decoding: $0, as: UTF8.self) }
}

/// The processes whose command line `isWanted`, by their numbers. One without a command line, such as a kernel thread or
/// a process that has ended, never is.
public func processes(where isWanted: (_ commandLine: [String]) -> Bool) -> [Int32] {
  guard let folder = opendir("/proc") else { return [] }
  defer { closedir(folder) }
  var found: [Int32] = []
  while let entry = readdir(folder) {
    let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    guard let process = Int32(name), let line = fileContent("/proc/\(name)/cmdline") else { continue }
    let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    if !words.isEmpty, isWanted(words) { found.append(process) }
  }
  return found
}
