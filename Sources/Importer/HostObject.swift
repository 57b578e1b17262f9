// What can be imported: a domain, a network or a pool of a host, and the base images of a domain's disks.

import Diagnostics
import DiskImage
import Inventory
import Planner
import Vocabulary
import XMLTree

/// An object of a host.
enum HostObject {
  case domain(ObservedDomain)
  case network(ObservedNetwork)
  case pool(ObservedPool)
  case image(HostBaseImage)

  /// Nil where the host has no such object, or nobody has read its definition.
  init?(_ reference: ObjectReference, in inventory: Inventory) {
    switch reference.kind {
    case .domain:
      guard let domain = inventory.domains[reference.name] else { return nil }
      self = .domain(domain)
    case .network:
      guard let network = inventory.networks?[reference.name], network.inactive != nil else { return nil }
      self = .network(network)
    case .pool:
      guard let pool = inventory.pools?[reference.name] else { return nil }
      self = .pool(pool)
    case .image, .volume, .file, .removal: return nil
    }
  }

  var isImage: Bool { reference.kind == .image }

  var reference: ObjectReference {
    switch self {
    case .domain(let domain): ObjectReference(.domain, domain.name)
    case .network(let network): ObjectReference(.network, network.name)
    case .pool(let pool): ObjectReference(.pool, pool.name)
    case .image(let image): ObjectReference(.image, image.name)
    }
  }

  /// The key of the spec under which such objects stand.
  var collection: String { reference.kind.rawValue + "s" }

  /// The stored definition; nil for an image.
  var definition: XMLElement? {
    switch self {
    case .domain(let domain): domain.inactive
    case .network(let network): network.inactive
    case .pool(let pool): pool.inactive
    case .image: nil
    }
  }

  var hasSecrets: Bool { definition.map { XMLFragment($0).hasSecrets } ?? false }

  /// Why the object is left out; nil for one that can be imported.
  func obstacle(for stack: String) -> Diagnostic? {
    let subject = reference.description
    if let owner = definition.flatMap(OwnershipRecord.init(in:))?.stack, owner != stack {
      return Diagnostic(
        .warning, "owned-\(reference.kind.rawValue)", "it already belongs to the stack \(owner) and is left out",
        subject: subject, suggestion: "its spec is the one of that stack")
    }
    let isPersistent =
      switch self {
      case .domain(let domain): domain.isPersistent
      case .network(let network): network.isPersistent
      case .pool, .image: true
      }
    return isPersistent
      ? nil
      : Diagnostic(
        .warning, "transient-\(reference.kind.rawValue)", "it has no stored definition and is left out",
        subject: subject)
  }

  /// - Parameters:
  ///   - rawDevices: devices of a domain that are not said with fields: `disks.vda`.
  ///   - isFirmwareWritten: whether the host's libvirt writes down which firmware it chose.
  func imported(
    _ detail: Detail, rawDevices: Set<String>, includesSecrets: Bool, isFirmwareWritten: Bool
  ) -> ImportedObject {
    var object =
      switch self {
      case .domain(let domain):
        DomainReading(
          includesSecrets: includesSecrets, isFirmwareWritten: isFirmwareWritten, rawDevices: rawDevices
        ).object(for: domain, detail)
      case .network(let network): DefinitionReading.object(for: network, detail)
      case .pool(let pool): DefinitionReading.object(for: pool, detail)
      case .image(let image): image.object
      }
    if let definition { object.mark(RecordedSecrets(in: definition, of: object.type)) }
    return object
  }
}
