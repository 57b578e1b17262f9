// The embedded libvirt that documents are tried on: one domain at a time.

import Applier
import DiskImage
import Foundation
import Inventory
import Libvirt
import Planner
import XMLTree

/// An empty host.
struct ScratchHost {
  let connection: LibvirtConnection
  private let capabilities: Capabilities
  /// What stands for disk images that the documents name and that are not here.
  private let standIn: ObservedFile

  init(_ connection: LibvirtConnection, folder: String) async throws {
    self.connection = connection
    capabilities = Capabilities(try XMLElement.parse(try await connection.capabilities()))
    let image = folder + "/stand-in.raw"
    try Data(count: 1 << 20).write(to: URL(fileURLWithPath: image))
    standIn = .image(try BackingChain.read(path: image, format: .raw))
  }

  /// Defines a document as libvirt itself would take it.
  func define(_ xml: String) async throws -> LibvirtDomain {
    try await connection.defineDomain(xml, checksSchema: false)
  }

  /// Stores a definition as an apply does.
  func store(_ definition: DomainDefinition) async throws -> (domain: LibvirtDomain, stored: XMLElement) {
    try await connection.store(definition)
  }

  func undefine(_ domain: LibvirtDomain) async {
    try? await domain.undefine([.nvram, .snapshotsMetadata, .managedSave])
  }

  func xml(of domain: LibvirtDomain) async throws -> XMLElement {
    try XMLElement.parse(try await domain.xml([.inactive, .secure]))
  }

  /// The host as an inventory, with the domains given and every file that is asked for.
  func inventory(_ domains: [ObservedDomain], for request: InventoryRequest) -> Inventory {
    Inventory(
      host: .init(uri: connection.uri, capabilities: capabilities),
      domains: Dictionary(uniqueKeysWithValues: domains.map { ($0.name, $0) }),
      files: request.files.mapValues { _ in standIn })
  }
}
