// What a plan needs to know about a host: the spec turned into a question for the inventory.

import DiskImage
public import Inventory
import Libvirt
public import Spec

extension InventoryRequest {
  /// What a plan for a spec needs to know about the host.
  ///
  /// - Parameter deletions: what the plan may take from the host.
  public init(for spec: StackSpec, deleting deletions: DeletionOptions = DeletionOptions()) {
    self.init()
    let layout = DiskLayout(spec: spec)
    domains = .some(Set(spec.domains.map(\.name) + spec.domains.compactMap { $0[.renamedFrom] }))
    pools = .some(Set(spec.pools.map(\.name)))
    needsNetworks = spec.domains.contains { domain in
      domain.members("interfaces").contains { $0[.type] == "network" }
    }
    needsNetworkDevices = spec.domains.contains { domain in
      domain.members("interfaces").contains { $0[.bridge] != nil || $0[.direct] != nil }
    }
    needsProcessorModels = spec.domains.contains { $0[.cpuModel] != nil }
    // A network that left the spec is reported, also where it was the last one.
    needsNetworkDefinitions = true
    snapshots = .some(
      Set(
        spec.domains.filter {
          !$0.members("snapshots").isEmpty || $0[.snapshotBefore] != nil || $0[.state] == .absent
        }.map(\.name)))
    if !spec.domains.isEmpty { drivers = Set(LibvirtDriver.allCases) }
    if !spec.networks.isEmpty { drivers.insert(.networks) }
    if !spec.pools.isEmpty { drivers.insert(.storagePools) }
    if deletions.scope != .declared {
      // Whatever stands on a file that would go, and whatever would be forgotten with a domain.
      (domains, snapshots) = (.all, .all)
    }
    var folders: Set<String> = []
    for pool in spec.pools where pool.holdsFiles {
      guard let path = pool[.path] else { continue }
      files.updateValue(nil, forKey: path)
      folders.insert(path)
    }
    for image in spec.images {
      guard let base = layout.request(for: image) else { continue }
      baseImages.append(base)
      folders.insert(folder(of: base.source))
    }
    for volume in spec.volumes {
      guard let path = spec.path(ofVolume: volume) else { continue }
      files.updateValue(layout.format(of: volume), forKey: path)
      volumes[path] = Volume(
        size: volume[.size], snapshots: Set(volume.members("snapshots").map(\.name)))
      guard volume[.path] != nil else {
        ownFiles.insert(path)
        continue
      }
      if files[folder(of: path)] == nil { files.updateValue(nil, forKey: folder(of: path)) }
      folders.insert(folder(of: path))
    }
    for domain in spec.domains {
      for disk in domain.members("disks") {
        if let source = disk[.source] {
          files.updateValue(layout.format(of: disk), forKey: source)
          folders.insert(folder(of: source))
        } else if layout.isMade(disk), let path = layout.path(of: disk, domain: domain.name) {
          files.updateValue(layout.format(of: disk), forKey: path)
          ownFiles.insert(path)
        }
      }
    }
    allowedFolders = folders.sorted()
  }
}
