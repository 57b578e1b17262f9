// What a command waits for is said on a terminal after a second, and nowhere else.

import TestSupport
import Testing

@Suite("waiting")
struct WaitNoticeTests {
  /// A hypervisor that takes the connection, says nothing for some seconds, and goes. The program runs on a terminal, or
  /// with its output in a file; what it showed is written out.
  private static let silence = """
    import os, pty, socket, subprocess, sys, threading, time
    where, path, seconds, command = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    def serve():
        while True:
            connection, _ = listener.accept()
            time.sleep(seconds)
            connection.close()
    threading.Thread(target=serve, daemon=True).start()
    shown = b""
    if where == "pipe":
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        shown = run.stdout
    else:
        process, terminal = pty.fork()
        if process == 0:
            os.execv(command[0], command)
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        os.waitpid(process, 0)
    sys.stdout.buffer.write(shown)
    """

  private func shown(
    on place: String, seconds: Double, term: String = "xterm", _ arguments: [String]
  ) throws -> String {
    try TemporaryFolder.with { folder in
      try folder.write("stack: lab\n", to: "spec.yaml")
      let socket = folder.path("socket")
      let command = arguments.map { $0.replacing("SPEC", with: folder.path("spec.yaml")) }
      return try run(
        ["python3", "-c", Self.silence, place, socket, String(seconds), programPath()] + command
          + ["--connect", "qemu+unix:///system?socket=\(socket)"], environment: ["TERM": term]
      ).output
    }
  }

  static let commands = [
    ["plan", "SPEC"], ["apply", "SPEC"], ["destroy", "SPEC"], ["import", "--all"], ["gc", "--plan"],
    ["restore", "--list"], ["snapshot", "list", "web"], ["status"], ["status", "SPEC"], ["init", "--output", "-"],
  ]
  private static let notice = "connecting to qemu+unix:///system"
  private static let erased = "\r\u{1B}[K"

  @Test("a wait of more than a second is said on a terminal, and taken away before the result", arguments: commands)
  func said(command: [String]) throws {
    let text = try shown(on: "terminal", seconds: 2.5, command)
    #expect(text.contains("\r" + Self.notice), "\(text)")
    let end = try #require(text.ranges(of: Self.erased).last, "\(text)")
    #expect(
      !text[end.upperBound...].contains(Self.notice + " …") && text[end.upperBound...].contains("error:"), "\(text)")
  }

  @Test("not in a pipe, not on a terminal without a cursor, and not where a program reads")
  func silent() throws {
    let quiet = [
      try shown(on: "pipe", seconds: 2, ["plan", "SPEC"]),
      try shown(on: "terminal", seconds: 2, term: "dumb", ["plan", "SPEC"]),
      try shown(on: "terminal", seconds: 2, ["plan", "--format", "json", "SPEC"]),
    ]
    for text in quiet {
      #expect(
        text.contains("cannot connect to") && !text.contains(Self.erased) && !text.contains("\r" + Self.notice))
    }
  }

  @Test("a short wait is not said")
  func short() throws {
    let text = try shown(on: "terminal", seconds: 0, ["plan", "SPEC"])
    #expect(text.contains("error:") && !text.contains(Self.erased), "\(text)")
  }
}
