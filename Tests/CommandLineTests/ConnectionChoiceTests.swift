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
    "what nobody expands in the root of an embedded driver is an error, and a root that says what it is is none",
    arguments: [
      ("~/vms", "~"), ("~", "~"), ("$HOME/vms", "$HOME"), ("/home/$USER", "$USER"), ("/a/$(pwd)", "$("),
      ("/srv/vms", nil), ("/a/~/b", nil), ("/a/%24HOME", nil), ("/a$", nil), ("/a/$1", nil),
    ])
  func root(path: String, word: String?) {
    for uri in ["qemu:///embed?root=\(path)", "qemu:///embed?x=y&root=\(path)"] {
      let problem = HostConnection.problem(of: uri)
      #expect(problem?.message == word.map { "`\($0)` is not expanded in the root of \(uri)" })
      #expect((problem == nil) == (problem?.suggestion == nil))
    }
    #expect(HostConnection.problem(of: "qemu+ssh://host/system?keyfile=\(path)") == nil)
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
