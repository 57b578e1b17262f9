// Overlays of snapshots that libvirt made readable for more people than what they stand on, and that a run that was killed
// could not narrow.

import DiskImage
import Inventory
import Vocabulary

/// An overlay of a snapshot that more people may read or write than the image below it.
struct OverlayMode {
  let snapshot: String
  let overlay: ImageInfo
  /// The mode that it is to have.
  let mode: UInt32

  var operation: Operation {
    .narrowMode(
      path: overlay.path, to: mode, device: "snapshots.\(snapshot)",
      file: PlannedImage(isStated: false, identity: overlay.identity))
  }

  /// Those of some snapshots of a domain, by snapshot and target.
  static func all(
    of snapshots: [ObservedSnapshot], of domain: ObservedDomain, on inventory: Inventory
  ) -> [OverlayMode] {
    var below: [String: (overlay: ImageInfo, base: ImageInfo)] = [:]
    for definition in [domain.inactive, domain.running].compactMap(\.self) {
      for path in definition.devices(Vocabulary.disk).compactMap(DiskSource.path) {
        guard case .image(let chain)? = inventory.files[path] else { continue }
        for (overlay, base) in zip(chain.images, chain.images.dropFirst()) { below[overlay.path] = (overlay, base) }
      }
    }
    return snapshots.filter { $0.kind == .external }.flatMap { snapshot in
      snapshot.disks.sorted { $0.key < $1.key }.compactMap { disk -> OverlayMode? in
        guard let path = disk.value, let (overlay, base) = below[path], let most = base.mode,
          let mode = inventory.narrowerMode(of: overlay, most: most, among: 0o066)
        else { return nil }
        return OverlayMode(snapshot: snapshot.name, overlay: overlay, mode: mode)
      }
    }
  }
}
