// Overlays that a running QEMU has open and libvirt does not know of: it was killed between asking QEMU for a snapshot and
// writing down that there is one. QEMU is brought back to what libvirt knows, with all that the guest has written.

import DiskImage
import Failpoints
import Libvirt

/// A guest's QEMU, asked past libvirt.
struct ForgottenOverlays {
  let domain: LibvirtDomain

  /// One open file, or the format in it.
  private struct Node {
    var name: String
    var driver: String
    var file: String
    var isFormat: Bool { !["file", "host_device"].contains(driver) }
  }

  /// Makes QEMU let go of overlays. What the guest has written to one is merged into the image below it, which libvirt takes
  /// for the disk's.
  ///
  /// - Parameter overlays: for each overlay the image that it stands on.
  /// - Returns: the overlays that were merged: all that they hold is below them now.
  func release(_ overlays: [String: String]) async throws -> Set<String> {
    let nodes = try await nodes()
    guard nodes.contains(where: { overlays[$0.file] != nil }) else { return [] }
    var merged: Set<String> = []
    for (overlay, source) in overlays.sorted(by: { $0.key < $1.key }) {
      guard let top = nodes.first(where: { $0.file == overlay && $0.isFormat }) else { continue }
      if try await isUsed(top.name) {
        guard let base = nodes.first(where: { $0.file == source && $0.isFormat }) else {
          throw ActionFailure("QEMU does not have \(source) open, on which \(overlay) stands")
        }
        MergeMark.begun.put(path: overlay)
        try await Failpoint.around("merge \(overlay)") { try await merge(top.name, into: base.name) }
      } else if MergeMark.read(path: overlay) != .begun {
        // It was opened, and nothing was written to it, or so it is checked by whoever removes it.
        continue
      }
      // While QEMU has it open still: once it is closed, nothing else shows that all of it is below.
      MergeMark.done.put(path: overlay)
      merged.insert(overlay)
    }
    // Jobs that are over keep their names.
    for job in try await ask("query-jobs").items where job["status"]?.string == "concluded" {
      if let id = job["id"]?.string { _ = try await ask("job-dismiss", ["id": id]) }
    }
    // The format of a file goes before the file.
    let rest = try await self.nodes().filter { overlays[$0.file] != nil }
    for node in rest.filter(\.isFormat) + rest.filter({ !$0.isFormat }) {
      _ = try await Failpoint.around("close \(node.name)") {
        try await ask("blockdev-del", ["node-name": node.name])
      }
    }
    return merged
  }

  /// Whether a disk of the guest is on a node.
  private func isUsed(_ node: String) async throws -> Bool {
    try await ask("query-block").items.contains { $0["inserted"]?["node-name"]?.string == node }
  }

  private func merge(_ top: String, into base: String) async throws {
    let job = "vireo-merge-\(top)"
    _ = try await ask("block-commit", ["job-id": job, "device": top, "top-node": top, "base-node": base])
    let deadline = ContinuousClock.now + .seconds(600)
    var isCompleting = false
    while ContinuousClock.now < deadline {
      // It goes by itself when it is done.
      guard let found = try await ask("query-jobs").items.first(where: { $0["id"]?.string == job }) else { return }
      if found["status"]?.string == "ready", !isCompleting {
        _ = try await ask("job-complete", ["id": job])
        isCompleting = true
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw ActionFailure("QEMU does not finish merging what domain \(domain.name) has written")
  }

  private func nodes() async throws -> [Node] {
    try await ask("query-named-block-nodes").items.compactMap { node in
      guard let name = node["node-name"]?.string, let driver = node["drv"]?.string, let file = node["file"]?.string
      else { return nil }
      return Node(name: name, driver: driver, file: Self.path(file))
    }
  }

  /// The file of a node. QEMU names one that has other settings than the file's own by all that it was given, in JSON.
  private static func path(_ name: String) -> String {
    guard name.hasPrefix("json:"), var node = QEMUAnswer(String(name.dropFirst("json:".count))) else { return name }
    while let inner = node["file"] { node = inner }
    return node["filename"]?.string ?? name
  }

  private func ask(_ command: String, _ arguments: [String: String] = [:]) async throws -> QEMUAnswer {
    let text = try QEMUCommand(execute: command, arguments: arguments).text()
    let answer = QEMUAnswer(try await domain.askQEMU(text))
    guard let result = answer?["return"] else {
      let reason = answer?["error"]?["desc"]?.string ?? "it does not say why"
      throw ActionFailure("QEMU refuses \(command) for domain \(domain.name): \(reason)")
    }
    return result
  }
}
