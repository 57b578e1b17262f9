// Overlays that a running QEMU has open and libvirt does not know of: it was killed between asking QEMU for a snapshot and
// writing down that there is one. QEMU is brought back to what libvirt knows, with all that the guest has written.

import DiskImage
import Failpoints
import Libvirt

struct ForgottenOverlays {
  private let domain: LibvirtDomain
  private let monitor: GuestMonitor

  init(domain: LibvirtDomain) {
    self.domain = domain
    monitor = GuestMonitor(domain: domain)
  }

  /// Makes QEMU let go of overlays. What the guest has written to one is merged into the image below it, which libvirt takes
  /// for the disk's.
  ///
  /// - Parameter overlays: for each overlay the image that it stands on.
  /// - Returns: the overlays that were merged: all that they hold is below them now.
  func release(_ overlays: [String: String]) async throws -> Set<String> {
    let nodes = try await monitor.nodes()
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
    try await monitor.dismissJobs()
    try await monitor.close(overlays.keys.contains)
    return merged
  }

  /// Whether a disk of the guest is on a node.
  private func isUsed(_ node: String) async throws -> Bool {
    try await monitor.ask("query-block").items.contains { $0["inserted"]?["node-name"]?.string == node }
  }

  private func merge(_ top: String, into base: String) async throws {
    let job = "vireo-merge-\(top)"
    _ = try await monitor.ask(
      "block-commit", ["job-id": .text(job), "device": .text(top), "top-node": .text(top), "base-node": .text(base)])
    let deadline = ContinuousClock.now + .seconds(600)
    var isCompleting = false
    while ContinuousClock.now < deadline {
      // It goes by itself when it is done.
      guard let found = try await monitor.ask("query-jobs").items.first(where: { $0["id"]?.string == job }) else {
        return
      }
      if found["status"]?.string == "ready", !isCompleting {
        _ = try await monitor.ask("job-complete", ["id": .text(job)])
        isCompleting = true
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw ActionFailure("QEMU does not finish merging what domain \(domain.name) has written")
  }
}
