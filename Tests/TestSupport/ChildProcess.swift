// Programs run as children, without a shell between. Not by Foundation's Process: on Linux a child that outlives another
// one, as guests do, keeps that one from being seen to end.

import Foundation
import Synchronization

/// What a run of a program gave.
public struct Run: Sendable {
  /// The exit status; 128 and the signal's number for one that a signal ended.
  public var status: Int32
  /// Everything that the program wrote to standard output, as UTF-8.
  public var output: String
  /// Everything that the program wrote to standard error, as UTF-8.
  public var errors: String
}

/// A program that runs, or has ended. Its streams are files, so that nobody has to read while it runs.
public final class ChildProcess: Sendable {
  /// The number of the process (pid), which stays its own until it has been waited for.
  public let id: Int32
  private let arguments: [String]
  private let folder: TemporaryFolder
  private let status = Mutex<Int32?>(nil)

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - arguments: the program, looked for in PATH, and its arguments.
  ///   - environment: the whole environment beside PATH.
  ///   - input: what standard input holds.
  ///   - readsOutput: whether anybody reads standard output; if not, it is a pipe whose other end is closed.
  public init(
    _ arguments: [String], environment: [String: String] = [:], input: String = "", readsOutput: Bool = true
  ) throws {
    let folder = try TemporaryFolder()
    for name in ["output", "errors"] { try folder.write("", to: name) }
    try folder.write(input, to: "input")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, folder.path("input"), O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, folder.path("output"), O_WRONLY | O_APPEND, 0)
    posix_spawn_file_actions_addopen(&actions, 2, folder.path("errors"), O_WRONLY | O_APPEND, 0)
    var ends: [Int32] = [-1, -1]
    if !readsOutput {
      guard pipe(&ends) == 0 else { throw TestError("cannot make a pipe") }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      close(ends[0])
      posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    }
    defer { if ends[1] >= 0 { close(ends[1]) } }
    var settings = environment
    settings["PATH"] = settings["PATH"] ?? ProcessInfo.processInfo.environment["PATH"]
    let argv = arguments.map { strdup($0) } + [nil]
    let envp = settings.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    // A test may run on a thread that has signals blocked; a child must hear them.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var process = pid_t()
    let code = posix_spawnp(&process, arguments[0], &actions, &attributes, argv, envp)
    guard code == 0 else {
      folder.remove()
      throw TestError("cannot run \(arguments[0]): \(String(cString: strerror(code)))")
    }
    self.folder = folder
    self.arguments = arguments
    id = process
  }

  deinit {
    if status.withLock({ $0 }) == nil {
      kill(id, SIGKILL)
      var status: Int32 = 0
      while waitpid(id, &status, 0) < 0, errno == EINTR {}
    }
    folder.remove()
  }

  /// Whether it has not ended yet.
  public var isRunning: Bool { reap() == nil }

  /// What it has written to standard output so far.
  public var output: String { (try? folder.read("output")) ?? "" }

  /// What it has written to standard error so far.
  public var errors: String { (try? folder.read("errors")) ?? "" }

  /// Sends a signal, unless it has ended.
  public func signal(_ number: Int32) {
    if isRunning { kill(id, number) }
  }

  /// Waits for the end. One that takes longer than `seconds` hangs: it is killed, and that is an error.
  public func wait(seconds: Double = 300) throws -> Run {
    let deadline = Date(timeIntervalSinceNow: seconds)
    var pause: UInt32 = 500
    while true {
      if let status = reap() { return Run(status: status, output: output, errors: errors) }
      guard Date() < deadline else {
        signal(SIGKILL)
        throw TestError("\(arguments.joined(separator: " ")) does not end: \(output)\(errors)")
      }
      usleep(pause)
      pause = min(pause * 2, 10_000)
    }
  }

  private func reap() -> Int32? {
    status.withLock { known in
      if let known { return known }
      var status: Int32 = 0
      guard waitpid(id, &status, WNOHANG) == id else { return nil }
      // An exit's status is in the second byte; the first is the signal that ended the process.
      known = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
      return known
    }
  }
}

/// Runs a program to its end.
public func run(_ arguments: [String], environment: [String: String] = [:], input: String = "") throws -> Run {
  try ChildProcess(arguments, environment: environment, input: input).wait()
}

/// Runs a program that has to succeed, and gives what it wrote to standard output.
@discardableResult
public func output(of arguments: String..., input: String = "") throws -> String {
  let run = try run(arguments, input: input)
  guard run.status == 0 else {
    throw TestError("\(arguments.joined(separator: " ")): status \(run.status): \(run.output)\(run.errors)")
  }
  return run.output
}
