// The examples that the project ships: valid, applied, and then nothing left to do.

import Foundation
import TestSupport
import Testing

@Suite("examples", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct ExampleTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../examples").standardizedFileURL.path
  /// Every file and folder there is, so that a new example is tested without a word here.
  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { !$0.hasPrefix(".") }.sorted()

  @Test("there are examples")
  func there() { #expect(Self.names.count > 3) }

  @Test("an example is valid, is applied, and a second apply writes nothing", arguments: names)
  func twice(name: String) throws {
    try ScratchHost.with { host in
      let example = Self.folder + "/" + name
      let validation = try vireo(["validate", example])
      #expect(validation.status == 0, "\(validation.errors)")

      // The embedded libvirt has no networks, so the guests of an example that uses one are not started here.
      // Variables of the environment count where an example declares them.
      let values = [
        "image": try host.makeBase(), "iso": try host.makeBase("install.iso", format: "raw"), "pool": host.pool,
        "type": "qemu", "state": "stopped",
      ]
      let environment = Dictionary(uniqueKeysWithValues: values.map { ("VIREO_VAR_\($0.key)", $0.value) })
      func run(_ command: String...) throws -> Run {
        try vireo(command + ["--connect", host.uri, example], environment: environment)
      }
      let apply = try run("apply", "--yes")
      #expect(apply.status == 0, "\(apply.output)\(apply.errors)")
      let before = host.footprint()
      #expect(before.paths.contains { $0.hasPrefix(host.root + "/etc/qemu/") && $0.hasSuffix(".xml") })
      #expect(before.paths.contains { $0.hasPrefix(host.pool + "/") })

      let plan = try run("plan", "--detailed-exitcode")
      #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
      let again = try run("apply", "--yes")
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      #expect(host.footprint() == before)

      // With the spec and without it, from what the apply recorded.
      let status = try run("status", "--detailed-exitcode")
      #expect(status.status == 0, "\(status.output)\(status.errors)")
      let recorded = try vireo(["status", "--detailed-exitcode", "--connect", host.uri])
      #expect(recorded.status == 0, "\(recorded.output)\(recorded.errors)")
    }
  }
}
