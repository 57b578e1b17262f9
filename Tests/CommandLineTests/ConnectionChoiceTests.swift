// Decisions of the command line that are pure: which connection, whether to colour, what to do about an error.

import Testing

@testable import vireo

@Suite("choices")
struct ChoiceTests {
  struct Case: Sendable {
    var option: String?
    var environment: [String: String] = [:]
    var spec: String?
    var isRoot = false
    var expected: String
  }

  @Test(
    "the connection is the option's, the environment's, the spec's, or the user's own, in this order",
    arguments: [
      Case(
        option: "a:///", environment: ["VIREO_CONNECT": "b:///", "LIBVIRT_DEFAULT_URI": "c:///"], spec: "d:///",
        expected: "a:///"),
      Case(
        environment: ["VIREO_CONNECT": "b:///", "LIBVIRT_DEFAULT_URI": "c:///"], spec: "d:///", expected: "b:///"),
      Case(environment: ["LIBVIRT_DEFAULT_URI": "c:///"], spec: "d:///", expected: "c:///"),
      Case(environment: ["VIREO_CONNECT": "", "LIBVIRT_DEFAULT_URI": ""], spec: "d:///", expected: "d:///"),
      Case(option: "", isRoot: true, expected: "qemu:///system"), Case(expected: "qemu:///session"),
    ])
  func connection(_ test: Case) {
    #expect(
      ConnectionChoice.uri(
        option: test.option, environment: { test.environment[$0] }, spec: test.spec, isRoot: test.isRoot)
        == test.expected)
  }

  @Test(
    "colour follows the option, then NO_COLOR, TERM and the terminal",
    arguments: [
      (ColorOptions.Choice.auto, true, [:], true), (.auto, false, [:], false), (.auto, true, ["NO_COLOR": "1"], false),
      (.auto, true, ["NO_COLOR": ""], true), (.auto, true, ["TERM": "dumb"], false),
      (.always, false, ["NO_COLOR": "1", "TERM": "dumb"], true), (.never, true, [:], false),
    ] as [(ColorOptions.Choice, Bool, [String: String], Bool)])
  func color(choice: ColorOptions.Choice, isTerminal: Bool, environment: [String: String], expected: Bool) {
    #expect(Output.usesColor(choice, isTerminal: isTerminal) { environment[$0] } == expected)
  }
}
