// The field's own programs, run without a shell between. Not by Foundation's Process: on Linux a child that outlives another one
// keeps that one from being seen to end.

import DiskImage
import Foundation
import Testing

struct ProgramFailure: Error { let text: String }

/// Runs a program and gives its output, errors included.
///
/// - Parameter status: the exit status that it must have; nil for any.
@discardableResult
func run(_ arguments: String..., expecting status: Int32? = 0) throws -> String {
  let result = try finish(arguments)
  if let status, result.status != status {
    throw ProgramFailure(text: "\(arguments): status \(result.status): \(result.output)")
  }
  return result.output
}

/// Runs a program to its end.
func finish(_ arguments: [String]) throws -> (status: Int32, output: String) {
  let folder = try Folder()
  let log = folder("output")
  let pid = try spawn(arguments, output: log)
  let status = reap(pid)
  return (status, String(decoding: try contents(of: log), as: UTF8.self))
}

/// Holds an image open for writing, as a guest does, while `body` runs.
func withWriter<R>(of path: String, format: String, _ body: (pid_t) async throws -> R) async throws -> R {
  let pid = try spawn(["qemu-io", "-f", format, "-c", "sleep 3600000", path], output: "/dev/null")
  defer {
    kill(pid, SIGKILL)
    _ = reap(pid)
  }
  while try !ImageLock.isInUseByWriter(path: path) {
    try #require(kill(pid, 0) == 0)
    try await Task.sleep(for: .milliseconds(5))
  }
  return try await body(pid)
}

private func spawn(_ arguments: [String], output: String) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
  posix_spawn_file_actions_adddup2(&actions, 1, 2)
  var words = arguments.map { strdup($0) } + [nil]
  defer { for word in words { free(word) } }
  var pid: pid_t = 0
  let code = posix_spawnp(&pid, arguments[0], &actions, nil, &words, environ)
  guard code == 0 else { throw ProgramFailure(text: "\(arguments[0]): errno \(code)") }
  return pid
}

private func reap(_ pid: pid_t) -> Int32 {
  var status: Int32 = 0
  while waitpid(pid, &status, 0) < 0, errno == EINTR {}
  return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
}
