// Specs that are long: reading one takes time by its length, and not by its square.

import Diagnostics
import Glibc
import Testing

@testable import Spec

/// A spec of any length.
struct GrowingSpec: CustomTestStringConvertible, Sendable {
  let name: String
  /// A length that takes a moment.
  var count = 1000
  let text: @Sendable (Int) -> String

  var testDescription: String { name }

  private static func spec(_ parts: String...) -> String { "stack: lab\n" + parts.joined() }
  private static let domain = "domains: { web: { memory: 1 GiB } }\n"

  private static func lines(_ count: Int, _ line: (Int) -> String) -> String { (0..<count).map(line).joined() }

  static let all: [GrowingSpec] = [
    .init(name: "variables") { spec("variables:\n", lines($0) { "  v\($0): \"\($0)\"\n" }, domain) },
    .init(name: "variables within variables") { count in
      spec(
        "variables:\n  v\(count): x\n", lines(count) { "  v\($0): \"x\($0 % 10 == 9 ? "" : "${v\($0 + 1)}")\"\n" },
        domain)
    },
    .init(name: "uses of variables") {
      spec("variables: { a: 1 GiB }\ndomains:\n", lines($0) { "  d\($0): { memory: \"${a}\" }\n" })
    },
    .init(name: "variables without a value") {
      spec("variables:\n", lines($0) { "  a\($0): \"${b\($0)}\"\n" }, domain)
    },
    .init(name: "beginnings of variables", count: 20_000) {
      spec("domains: { web: { memory: 1 GiB, title: \"", String(repeating: "${a", count: $0), "}\" } }\n")
    },
    .init(name: "dollars", count: 20_000) {
      spec("domains: { web: { memory: 1 GiB, title: \"", String(repeating: "$ $$ ", count: $0), "\" } }\n")
    },
    .init(name: "unknown keys") { spec(domain, lines($0) { "k\($0): 1\n" }) },
    .init(name: "unknown keys on one line") { count in
      "{\"stack\": \"lab\", " + lines(count) { "\"k\($0)\": 1, " } + "\"domains\": {}}"
    },
    .init(name: "domains on one line") { count in
      "{\"stack\": \"lab\", \"domains\": {" + lines(count) { "\"d\($0)\": {\"memory\": \"1 GiB\"}, " }
        + "\"e\": {\"memory\": \"1 GiB\"}}}"
    },
    .init(name: "a long text", count: 200_000) {
      spec("domains: { web: { memory: 1 GiB, title: \"", String(repeating: "x", count: $0), "\" } }\n")
    },
    .init(name: "disks of one domain") {
      spec(
        "pools: { vms: { path: /vms } }\ndomains:\n  web:\n    memory: 1 GiB\n    disks:\n",
        lines($0) { "      d\($0): { size: 1 GiB }\n" })
    },
    .init(name: "disks of a profile") { count in
      spec(
        "pools: { vms: { path: /vms } }\nprofiles:\n  p:\n    disks:\n",
        lines(count) { "      d\($0): { size: 1 GiB }\n" }, "domains:\n  web:\n    memory: 1 GiB\n",
        "    profiles: [p]\n    disks:\n", lines(count) { "      d\($0): { size: 2 GiB }\n" })
    },
    .init(name: "a chain of dependencies") { count in
      spec(
        "domains:\n", lines(count) { "  d\($0): { memory: 1 GiB, depends-on: [d\($0 + 1)] }\n" },
        "  d\(count): { memory: 1 GiB }\n")
    },
    .init(name: "anchors and aliases") {
      spec("profiles:\n  p0: &p0 { vcpus: 1 }\n", lines($0) { "  p\($0 + 1): &p\($0 + 1) { <<: *p\($0) }\n" }, domain)
    },
    .init(name: "sets that say the same again", count: 500) {
      spec(
        "domains: { web: { memory: 1 GiB, vcpus: { cpuset: \"", String(repeating: "0-65535,", count: $0), "1\" } } }\n")
    },
    .init(name: "documents") { lines($0) { "---\nstack: lab\ndomains: { d\($0): { memory: 1 GiB } }\n" } },
    .init(name: "numbers of a count", count: 500) { spec("domains: { web: { memory: 1 GiB, count: \($0) } }\n") },
  ]
}

@Suite("long specs", .serialized)
struct LongSpecTests {
  /// Seconds of this thread's processor time: others may be busy.
  private func time(_ text: String) -> Double {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    let result = SpecLoader().load([SourceFile(path: "/specs/lab.yaml", text: text)])
    _ = DiagnosticFormat.render(result.diagnostics, as: .text(color: false, width: 80))
    return now() - start
  }

  @Test("a spec takes time as it is long", .timeLimit(.minutes(5)), arguments: GrowingSpec.all)
  func linear(spec: GrowingSpec) {
    let (short, long) = (time(spec.text(spec.count)), time(spec.text(4 * spec.count)))
    // Four times the length would take sixteen times as long, were each part looked for among all.
    #expect(long < 8 * short + 0.1, "\(short) s, and \(long) s for four times the length")
  }

  @Test("elements of a fragment within each other are looked at once", .timeLimit(.minutes(1)))
  func depth() {
    func fragment(_ depth: Int, _ text: String) -> String {
      (0..<depth).reduce(text) { inner, _ in "<a>\(inner)</a>" }
    }
    func load(_ depth: Int) -> SpecLoader.Result {
      let text = """
        stack: lab
        profiles: { p: { xml: "\(fragment(depth, "x"))" } }
        domains: { web: { memory: 1 GiB, profiles: [p], xml: "\(fragment(depth, "y"))" } }
        """
      return SpecLoader().load([SourceFile(path: "/specs/lab.yaml", text: text)])
    }
    #expect(load(12).stack != nil)
    let messages = load(60).diagnostics.map(\.message)
    #expect(messages.count { $0.contains("nested deeper than") } == 2, "\(messages)")
  }
}
