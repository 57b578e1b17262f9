// A guest that boots Linux: made by scripts/make-test-guest, defined by vireo, and asked through its agent what it sees.

import Foundation
import TestSupport

/// The kernel, initial RAM disk and root disk that scripts/make-test-guest makes, where scripts/test has it make them.
enum TestGuest {
  static let folder =
    ProcessInfo.processInfo.environment["VIREO_TEST_GUEST"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../.build/test-guest")
    .standardized.path
  static let obstacle: String? =
    SystemDaemon.obstacle
    ?? (FileManager.default.fileExists(atPath: folder + "/made-by.sha256")
      ? nil : "needs the guest that scripts/make-test-guest \(folder) makes")
}

/// A guest of a daemon, as seen from within.
struct GuestView {
  let daemon: SystemDaemon
  let name: String

  /// What a shell command in the guest prints; it has to succeed.
  @discardableResult
  func shell(_ command: String) throws -> String {
    let arguments: [String: Any] = ["path": "/bin/sh", "arg": ["-c", command], "capture-output": true]
    let started = try agent("guest-exec", arguments)
    let process = try pid(started)
    for _ in 0..<1200 {
      let status = try agent("guest-exec-status", ["pid": process])
      guard let answer = status as? [String: Any], answer["exited"] as? Bool == true else {
        usleep(50_000)
        continue
      }
      let output = (answer["out-data"] as? String).flatMap { Data(base64Encoded: $0) } ?? Data()
      guard answer["exitcode"] as? Int == 0 else { throw TestError("in the guest, \(command): \(answer)") }
      return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
    throw TestError("in the guest, \(command) does not end")
  }

  private func pid(_ answer: Any) throws -> Int {
    guard let process = (answer as? [String: Any])?["pid"] as? Int else { throw TestError("no process: \(answer)") }
    return process
  }

  /// What the agent answers to a command of its protocol.
  private func agent(_ command: String, _ arguments: [String: Any]) throws -> Any {
    let request = try JSONSerialization.data(withJSONObject: ["execute": command, "arguments": arguments])
    let run = try daemon.virsh("qemu-agent-command", name, String(decoding: request, as: UTF8.self))
    guard run.status == 0 else { throw TestError("the agent of \(name): \(run.errors)") }
    let answer = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
    return answer?["return"] ?? [:]
  }

  /// When the guest was booted, by its own kernel: another number is another boot.
  func boot() throws -> String { try shell("cat /proc/sys/kernel/random/boot_id") }
}
