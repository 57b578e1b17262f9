// The field's own tools as judges of what we write: xmllint from libxml2, and virsh with libvirt's test driver, which
// needs no daemon.

import Glibc

enum Judge {
  static let hasXMLLint = access("/usr/bin/xmllint", X_OK) == 0
  static let hasVirsh = access("/usr/bin/virsh", X_OK) == 0

  struct Failure: Error {
    let status: Int32
    let output: String
  }

  /// The canonical form (C14N 1.0) of a document without the white space between its elements.
  static func canonical(_ document: String) throws -> String {
    // Comments stay: xmllint's --c14n is the form with comments.
    let packed = try run("xmllint", ["--nonet", "--noblanks", "-"], input: document)
    return try run("xmllint", ["--nonet", "--c14n", "-"], input: packed)
  }

  static func run(_ tool: String, _ arguments: [String], input: String = "") throws -> String {
    // A socket pair can be made close-on-exec in one call, so that no other test's child inherits an end of it.
    var ends: [Int32] = [0, 0]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw Failure(status: errno, output: "socketpair") }
    defer { close(ends[0]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    var argv: [UnsafeMutablePointer<CChar>?] = ([tool] + arguments).map { strdup($0) }
    argv.append(nil)
    defer { for pointer in argv { free(pointer) } }
    var child: pid_t = 0
    let spawned = posix_spawn(&child, "/usr/bin/" + tool, &actions, nil, argv, environ)
    close(ends[1])
    guard spawned == 0 else { throw Failure(status: spawned, output: "spawn") }
    // The tools read their whole input before they write, so writing first cannot block for good.
    var text = input
    text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let count = write(ends[0], bytes.baseAddress! + written, bytes.count - written)
        if count <= 0 { break }
        written += count
      }
    }
    shutdown(ends[0], Int32(SHUT_WR))
    var output: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(ends[0], &block, block.count)
      if count <= 0 { break }
      output += block[..<count]
    }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    let result = String(decoding: output, as: UTF8.self)
    guard status == 0 else { throw Failure(status: status, output: result) }
    return result
  }
}
