// QEMU's command lines for definitions, each worked out in a process of its own: for some definitions libvirt 9.0 ends the
// process that asks (it frees memory twice).

import Foundation
import Libvirt

/// Works out command lines on an embedded libvirt of its own.
struct CommandLines {
  /// The folder of the documents' libvirt; there is another one beside it, since a root serves one process at a time.
  let folder: String

  private var root: String { folder + "-command-lines" }

  /// What QEMU would be started with for a domain; nil where this libvirt does not say: it lacks a file, a device of the
  /// host or a QEMU.
  func of(_ domain: String) -> String? {
    guard let program = Bundle.main.executablePath else { return nil }
    let file = root + ".xml"
    do {
      try domain.write(toFile: file, atomically: true, encoding: .utf8)
      let process = Process()
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = ["--command-line", file, "--root", root]
      process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
      let output = Pipe()
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
      let text = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      guard process.terminationReason == .exit, process.terminationStatus == 0 else { return nil }
      return String(decoding: text, as: UTF8.self)
    } catch {
      return nil
    }
  }

  func remove() {
    for path in [root, root + ".xml"] { try? FileManager.default.removeItem(atPath: path) }
  }

  /// Prints the command line of the domain in a file, as the process of its own does.
  static func print(ofDomainIn file: String, root: String) async throws {
    let connection = try await LibvirtConnection.open(uri: "qemu:///embed?root=\(root)")
    let text = try await connection.nativeCommandLine(ofDomain: String(contentsOfFile: file, encoding: .utf8))
    await connection.close()
    Swift.print(text)
  }
}
