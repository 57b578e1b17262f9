// A terminal on which a question is answered.

enum QuestionTerminal {
  /// Runs a program on a terminal of its own; when it asks, another command is run, and then the answer is typed.
  private static let script = """
    import os, pty, subprocess, sys
    answer = sys.argv[1].encode().decode("unicode_escape").encode()
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.argv[3], sys.argv[3:])
    shown = b""
    asked = False
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
        if not asked and b"[y/N]" in shown:
            asked = True
            if sys.argv[2]:
                subprocess.run(["sh", "-ec", sys.argv[2]], check=True, stdout=subprocess.DEVNULL)
            os.write(terminal, answer)
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    """

  /// The arguments that run a command on such a terminal.
  ///
  /// - Parameters:
  ///   - answer: what is typed, with Python's escapes: `y\\n`.
  ///   - meanwhile: a shell's command that is run before the answer.
  static func running(_ command: [String], answering answer: String, meanwhile: String = "") -> [String] {
    ["python3", "-c", script, answer, meanwhile] + command
  }
}
