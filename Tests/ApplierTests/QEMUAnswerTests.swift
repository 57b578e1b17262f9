// JSON as QEMU's monitor writes and reads it.

import Testing

@testable import Applier

@Suite("answers of QEMU's monitor")
struct QEMUAnswerTests {
  @Test(
    "JSON is read as it is meant",
    arguments: [
      (
        #"{"return": [{"file": "/a \"b\" \u00e4\ud83d\ude00", "n": -1.5e3, "on": true, "no": null}], "id": "x"}"#,
        .object([
          "return": .list([
            .object(["file": .text("/a \"b\" ä😀"), "n": .number(-1500), "on": .boolean(true), "no": .null])
          ]), "id": .text("x"),
        ])
      ),
      ("[]", .list([])), ("{ }", .object([:])), (#""\n\t""#, .text("\n\t")),
      ("[0, 1]", .list([.number(0), .number(1)])),
    ] as [(String, QEMUAnswer)])
  func reading(text: String, value: QEMUAnswer) {
    #expect(QEMUAnswer(text) == value)
  }

  @Test(
    "what is not JSON is nothing",
    arguments: [
      "", "{", "[1,", #"{"a"}"#, #""a"#, "nul", "[1] 2", #""\u12"#, String(repeating: "[", count: 100_000), #"{"a":}"#,
    ])
  func mistakes(text: String) {
    #expect(QEMUAnswer(text) == nil)
  }

  @Test("a command is JSON with its arguments as they are", arguments: ["", "a\"b\\c\n", "ä😀", "/vms/a.qcow2"])
  func commands(text: String) throws {
    let command = QEMUCommand(execute: "job-dismiss", arguments: ["id": .text(text)])
    #expect(
      QEMUAnswer(try command.text())
        == .object(["execute": .text("job-dismiss"), "arguments": .object(["id": .text(text)])]))
  }
}
