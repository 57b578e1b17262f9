// What an import needs to know about a host: the objects turned into a question for the inventory.

public import Inventory
public import Planner

extension InventoryRequest {
  /// What the import of objects needs to know: what a plan for their specs will ask, for the proof is such a plan.
  ///
  /// - Parameter objects: domains, networks and pools; nil for all that the host has.
  public init(importing objects: [ObjectReference]?) {
    self.init()
    func names(_ kind: ObjectReference.Kind) -> Names {
      objects.map { .some(Set($0.filter { $0.kind == kind }.map(\.name))) } ?? .all
    }
    domains = names(.domain)
    pools = names(.pool)
    // Domains are connected to networks.
    (needsNetworks, needsNetworkDefinitions) = (true, names(.network) != .none)
  }
}

extension InventoryRequest {
  /// What a first spec needs to know: what the host has, and the folders of its pools.
  public static let firstSpec: InventoryRequest = {
    var request = InventoryRequest()
    request.pools = .all
    request.needsNetworks = true
    return request
  }()

  /// What a first spec needs to know of files that may be base images.
  ///
  /// - Parameters:
  ///   - paths: the files.
  ///   - folders: where backing files may be.
  public init(baseImages paths: [String], in folders: [String]) {
    self.init()
    baseImages = paths.map { BaseImage(source: $0, format: nil, sha256: nil, copy: nil) }
    allowedFolders = folders
  }
}
