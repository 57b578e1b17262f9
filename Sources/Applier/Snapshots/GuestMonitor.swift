// A guest's QEMU, asked past libvirt: what images it has open, and which of them its disks are on.

import Failpoints
import Libvirt

/// The monitor of a guest's QEMU (QEMU's QMP reference, "Block devices").
struct GuestMonitor {
  let domain: LibvirtDomain

  /// One open file, or the format in it.
  struct Node {
    var name: String
    var driver: String
    var file: String
    var isFormat: Bool { !["file", "host_device"].contains(driver) }
  }

  /// What a disk is on.
  struct Medium {
    /// The device: its identifier, or its place in QEMU's tree of objects.
    var device: String
    var node: String
    var file: String
    /// The settings of its cache, by their names in `blockdev-add`.
    var cache: QEMUAnswer

    /// Whether the device is the one that libvirt gave an alias.
    func isOf(alias: String) -> Bool {
      device == alias || device.split(separator: "/").dropFirst(2).first.map(String.init) == alias
    }
  }

  func nodes() async throws -> [Node] {
    try await ask("query-named-block-nodes").items.compactMap { node in
      guard let name = node["node-name"]?.string, let driver = node["drv"]?.string, let file = node["file"]?.string
      else { return nil }
      return Node(name: name, driver: driver, file: Self.path(file))
    }
  }

  func media() async throws -> [Medium] {
    try await ask("query-block").items.compactMap { entry in
      guard let device = entry["qdev"]?.string, let medium = entry["inserted"], let node = medium["node-name"]?.string,
        let file = medium["file"]?.string
      else { return nil }
      let cache = ["direct", "no-flush"].reduce(into: [:]) { $0[$1] = medium["cache"]?[$1] }
      return Medium(device: device, node: node, file: Self.path(file), cache: .object(cache))
    }
  }

  /// Ends what is left of jobs that are over: they keep their names and their images.
  func dismissJobs() async throws {
    for job in try await ask("query-jobs").items where job["status"]?.string == "concluded" {
      if let id = job["id"]?.string { _ = try await ask("job-dismiss", ["id": .text(id)]) }
    }
  }

  /// Closes files that no disk is on.
  func close(_ isMeant: (String) -> Bool) async throws {
    let open = try await nodes().filter { isMeant($0.file) }
    // The format of a file goes before the file.
    for node in open.filter(\.isFormat) + open.filter({ !$0.isFormat }) {
      _ = try await Failpoint.around("close \(node.name)") {
        try await ask("blockdev-del", ["node-name": .text(node.name)])
      }
    }
  }

  /// The file of a node. QEMU names one that has other settings than the file's own by all that it was given, in JSON.
  static func path(_ name: String) -> String {
    guard name.hasPrefix("json:"), var node = QEMUAnswer(String(name.dropFirst("json:".count))) else { return name }
    while let inner = node["file"] { node = inner }
    return node["filename"]?.string ?? name
  }

  @discardableResult
  func ask(_ command: String, _ arguments: [String: QEMUAnswer] = [:]) async throws -> QEMUAnswer {
    let text = try QEMUCommand(execute: command, arguments: arguments).text()
    let answer = QEMUAnswer(try await domain.askQEMU(text))
    guard let result = answer?["return"] else {
      let reason = answer?["error"]?["desc"]?.string ?? "QEMU gives no reason"
      throw ActionFailure("QEMU refuses \(command) for domain \(domain.name): \(reason)")
    }
    return result
  }
}
