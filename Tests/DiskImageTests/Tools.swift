// The judges: QEMU's own programs, run without a shell, and a folder per test that goes away with it.

import Foundation
import Testing

@testable import DiskImage

/// A folder for one test's files, removed at the end of its life.
final class Folder {
  let path: String

  init() throws {
    var template = Array("/var/tmp/disk-image-test-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw ToolFailure(text: "mkdtemp: errno \(errno)") }
    path = String(cString: made)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// The names of all files in the folder.
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

struct ToolFailure: Error { let text: String }

struct ToolResult {
  let status: Int32
  let output: String
}

/// Runs a program and waits for it; output and errors together.
@discardableResult
func run(_ arguments: String..., expecting statuses: Set<Int32>? = [0]) throws -> ToolResult {
  try run(arguments, expecting: statuses)
}

@discardableResult
func run(_ arguments: [String], expecting statuses: Set<Int32>? = [0]) throws -> ToolResult {
  let (pid, reading) = try spawn(arguments)
  var output: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = read(reading, &buffer, buffer.count)
    if count < 0, errno == EINTR { continue }
    if count <= 0 { break }
    output += buffer[..<count]
  }
  close(reading)
  let status = reap(pid)
  let result = ToolResult(status: status, output: String(decoding: output, as: UTF8.self))
  if let statuses, !statuses.contains(status) {
    throw ToolFailure(text: "\(arguments.joined(separator: " ")): status \(status): \(result.output)")
  }
  return result
}

private let spawning = NSLock()

/// Starts a program whose output can be read from the descriptor; standard input is `input` or nothing.
func spawn(_ arguments: [String], input: Int32? = nil) throws -> (pid: pid_t, output: Int32) {
  var pipes: [Int32] = [0, 0]
  spawning.lock()  // no other test's child may inherit the pipe
  defer { spawning.unlock() }
  guard pipe(&pipes) == 0 else { throw ToolFailure(text: "pipe: errno \(errno)") }
  for descriptor in pipes { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  if let input {
    posix_spawn_file_actions_adddup2(&actions, input, 0)
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  }
  posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
  posix_spawn_file_actions_adddup2(&actions, pipes[1], 2)
  var argv = arguments.map { strdup($0) } + [nil]
  defer { argv.forEach { free($0) } }
  var pid: pid_t = 0
  let code = posix_spawnp(&pid, arguments[0], &actions, nil, &argv, environ)
  close(pipes[1])
  guard code == 0 else {
    close(pipes[0])
    throw ToolFailure(text: "\(arguments[0]): errno \(code)")
  }
  return (pid, pipes[0])
}

/// Waits for a process and gives its exit status (128 + signal when killed).
func reap(_ pid: pid_t) -> Int32 {
  var status: Int32 = 0
  while waitpid(pid, &status, 0) < 0, errno == EINTR {}
  return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
}

/// What `qemu-img info` says, as JSON.
func qemuInfo(_ path: String) throws -> [String: Any] {
  let output = try run("qemu-img", "info", "--output=json", path).output
  return try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
}

/// `qemu-img check` must find nothing; with `leaks`, leaked clusters are allowed.
func expectClean(
  _ path: String, leaks: Bool = false, _ note: @autoclosure () -> String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let result = try run(["qemu-img", "check", "-f", "qcow2", path], expecting: nil)
  #expect(
    result.status == 0 || (leaks && result.status == 3), "\(note()) \(result.output)", sourceLocation: sourceLocation)
}

/// A pattern command for qemu-io: "write -P 0x11 0 64k".
func qemuIO(_ path: String, format: String = "qcow2", _ commands: String...) throws {
  try run(["qemu-io", "-f", format] + commands.flatMap { ["-c", $0] } + [path])
}

/// Checks with qemu-io that ranges of the guest's disk hold a byte: ("0x11", offset, length).
func expectPattern(
  _ path: String, format: String = "qcow2", _ ranges: [(UInt8, UInt64, UInt64)],
  _ note: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation
) throws {
  // qemu-io has a buffer of a read's length, so that one is not long.
  let piece: UInt64 = 64 << 20
  let commands = ranges.flatMap { byte, offset, length in
    stride(from: 0, to: length, by: UInt64.Stride(piece)).flatMap { done in
      ["-c", "read -P \(byte) \(offset + done) \(min(piece, length - done))"]
    }
  }
  guard !commands.isEmpty else { return }
  let result = try run(["qemu-io", "-r", "-f", format] + commands + [path], expecting: nil)
  #expect(
    result.status == 0 && !result.output.contains("verification failed"), "\(note()) \(result.output)",
    sourceLocation: sourceLocation)
}

/// Seconds of this thread's processor time that something takes: a measure of the work, whatever else the machine does
/// meanwhile.
func processorSeconds(_ work: () throws -> Void) rethrows -> Double {
  func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
  let start = now()
  try work()
  return now() - start
}

/// The whole content of a file.
func bytes(of path: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(fileURLWithPath: path))) }

/// Writes a file.
func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
