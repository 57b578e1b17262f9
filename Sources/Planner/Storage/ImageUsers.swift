// Which domains have an image: as a disk of their definition, or open in a running QEMU, which holds its lock.

package import Inventory
import Vocabulary
import XMLTree

/// The domains of the host by the images that they use, media and what their disks stand on included.
package struct ImageUsers {
  private var named: [String: Set<String>] = [:]
  private var open: [String: Set<String>] = [:]
  /// For what a disk stands on, the domain and the disk's own file.
  private var overlays: [String: (domain: String, path: String)] = [:]

  /// Images without an owner.
  init() {}

  /// Collects the images of every domain: of its stored definition, and of a guest that runs. What a disk stands on
  /// counts as far as the definition or the inventory's files tell.
  package init(_ inventory: Inventory) {
    for domain in inventory.domains.values.sorted(by: { $0.name > $1.name }) {
      add(domain.inactive, of: domain, in: inventory)
      if domain.isActive, let running = domain.running { add(running, of: domain, in: inventory, isOpen: true) }
    }
  }

  /// A domain whose QEMU has the image open.
  func running(_ path: String) -> String? { open[path]?.min() }

  /// The domains whose definition, stored or running, has the image.
  package func all(_ path: String) -> [String] { (named[path] ?? []).sorted() }

  /// A domain other than `domain` that has the image.
  package func other(than domain: String, using path: String) -> String? { all(path).first { $0 != domain } }

  /// A domain with a disk that stands on the image, as after an external snapshot, and the disk's own file.
  func overlay(on path: String) -> (domain: String, path: String)? { overlays[path] }

  private mutating func add(
    _ definition: XMLElement, of domain: ObservedDomain, in inventory: Inventory, isOpen: Bool = false
  ) {
    for disk in definition.devices(Vocabulary.disk) {
      var paths: [String] = []
      // libvirt writes what a running disk stands on into its definition, layer in layer.
      var layer: XMLElement? = disk
      while let image = layer {
        if let path = DiskSource.path(of: image, in: inventory) { paths.append(path) }
        layer = image.first("backingStore")
      }
      if let top = paths.first, case .image(let chain)? = inventory.files[top] { paths += chain.images.map(\.path) }
      for path in paths {
        named[path, default: []].insert(domain.name)
        if isOpen { open[path, default: []].insert(domain.name) }
        if path != paths[0] { overlays[path] = (domain.name, paths[0]) }
      }
    }
  }
}
