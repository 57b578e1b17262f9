// What the planning of an object may know of the rest: the stack's spec, the host, and what has been worked out of both before.

import Inventory
import Spec
import Vocabulary

/// What all objects of a stack are planned from. A value: whoever has it can read it and change nothing.
struct StackContext: Sendable {
  let spec: StackSpec
  let inventory: Inventory
  /// Whether the saved memory of stopped guests is discarded.
  let discardsSavedStates: Bool
  /// What definitions that would be stored are checked against; nil where nothing is known of libvirt's schemas.
  let schemas: DefinitionSchemas?
  /// Which files the host's domains write to.
  let uses: DiskUses
  /// Which MAC addresses the host's other domains have.
  let addresses: AddressUses
  /// The stack's volumes by their file.
  let volumePaths: [String: String]
  /// The stack's base images by the path that overlays stand on, once images are planned.
  var basePaths: [String: String] = [:]
  /// The objects planned so far whose steps others wait for.
  var awaited: Set<ObjectReference> = []

  init(_ spec: StackSpec, _ inventory: Inventory, discardsSavedStates: Bool, schemas: DefinitionSchemas? = nil) {
    self.spec = spec
    self.inventory = inventory
    self.discardsSavedStates = discardsSavedStates
    self.schemas = schemas
    uses = DiskUses(inventory)
    addresses = AddressUses(spec, inventory)
    volumePaths = Dictionary(
      spec.volumes.compactMap { volume in spec.path(ofVolume: volume).map { ($0, volume.name) } },
      uniquingKeysWith: { $1 })
  }

  var name: String { spec.name }
  var layout: DiskLayout { DiskLayout(spec: spec) }
  var host: Inventory.Host { inventory.host }

  /// What the host has at a path.
  func file(_ path: String) -> ObservedFile { inventory.files[path] ?? .missing }

  /// Whether a file is one of the stack's volumes.
  func isVolume(_ path: String) -> Bool { volumePaths[path] != nil }

  /// Whether a pool's folder cannot be looked into.
  func isUnusable(_ pool: ObjectSpec) -> Bool {
    guard let path = pool[.path], case .unusable? = inventory.files[path] else { return false }
    return true
  }

  /// The base image of a disk or a volume; nil where there is none, or where it cannot be used.
  func base(of object: ObjectSpec) -> BaseImage? {
    object[.image].flatMap(spec.image).flatMap { BaseImage($0, in: self) }
  }
}
