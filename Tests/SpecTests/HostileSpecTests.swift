// Specs that nobody means well with: bounded in what they make of themselves, and never a trap.

import Diagnostics
import Testing

@testable import Spec

@Suite("hostile specs")
struct HostileSpecTests {
  private func load(_ text: String) -> SpecLoader.Result {
    SpecLoader().load([SourceFile(path: "/specs/lab.yaml", text: text)])
  }

  @Test("variables within variables end, however many there are", .timeLimit(.minutes(2)))
  func deep() {
    let chain = (1..<20_000).map { "  v\($0): \"${v\($0 - 1)}\"" }.joined(separator: "\n")
    let result = load("stack: lab\nvariables:\n  v0: x\n\(chain)\n")
    #expect(result.diagnostics.contains { $0.message.contains("variables are nested") })
    let short = (1..<60).map { "  v\($0): \"${v\($0 - 1)}\"" }.joined(separator: "\n")
    #expect(load("stack: lab\nvariables:\n  v0: x\n\(short)\n").diagnostics.isEmpty)
  }

  @Test("variables that double each other are told, and take no memory", .timeLimit(.minutes(1)))
  func doubling() {
    let chain = (1..<60).map { "  v\($0): \"${v\($0 - 1)}${v\($0 - 1)}\"" }.joined(separator: "\n")
    let result = load("stack: lab\nvariables:\n  v0: xxxxxxxxxxxxxxxx\n\(chain)\n")
    #expect(result.diagnostics.count { $0.message.contains("have more than 64 MiB") } == 1, "\(result.diagnostics)")
  }

  @Test(
    "numbers at the ends of what a number can be are read or refused",
    arguments: [
      "memory: 18446744073709551615 B", "memory: 16777215 TiB", "vcpus: 9223372036854775807",
      "vcpus: -9223372036854775808",
      "shutdown: { timeout: 9223372036854775807 s }", "iothreads: 9223372036854775807", "count: 9223372036854775807",
      "cputune: { shares: 9223372036854775807, period: -1, quota: -9223372036854775808 }",
      "snapshot-retention: { count: 9223372036854775807, age: 106751991167300 d }",
      "vcpus: { cpuset: \"0-18446744073709551615\" }", "memory: 99999999999999999999999999 GiB",
    ])
  func numbers(field: String) {
    _ = load("stack: lab\ndomains:\n  web:\n    memory-backing: {}\n    \(field)\n")
  }
}
