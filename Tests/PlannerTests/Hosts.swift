// Hosts as values: inventories made from documents, and specs made from texts. The planner needs nothing else.

@testable import DiskImage
import Diagnostics
import Inventory
import Planner
import Spec
import TestSupport
import Testing
import XMLTree

/// The stack that a text describes.
func stack(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> StackSpec {
  let result = SpecLoader().load([SourceFile(path: "/specs/lab.yaml", text: text)])
  let messages = DiagnosticFormat.render(result.diagnostics, as: .text(color: false, width: nil))
  return try #require(result.stack, "\(messages)", sourceLocation: sourceLocation)
}

/// An image as its header says.
func image(_ path: String, _ format: ImageFormat = .qcow2, size: UInt64) -> ImageInfo {
  ImageInfo(
    path: path, format: format, looksLike: nil, virtualSize: size, fileLength: 196_616, bytesOnDisk: nil,
    identity: nil, modified: nil, qcow2: nil)
}

/// A host with a base image, where plans are made and, in thought, carried out.
struct ImaginedHost {
  static let base = "/images/base.qcow2"
  static let sha256 = String(repeating: "ab", count: 32)

  /// A domain with a disk and an interface, to which tests add what they are about.
  static let lab = """
    stack: lab
    pools: { vms: { path: /vms } }
    images: { base: { source: /images/base.qcow2 } }
    domains:
      web:
        type: qemu
        memory: 1 GiB
        disks: { root: { image: base, size: 20 GiB } }
        interfaces: { lan: { type: user } }
    """

  var inventory = Inventory(
    host: .init(
      uri: "qemu:///embed", capabilities: Capabilities(arch: "x86_64", domainTypes: ["x86_64": ["qemu", "kvm"]])),
    files: ["/vms": .folder],
    baseImages: [
      inPlace: ObservedBaseImage(source: .image(BackingChain(images: [image(base, size: 1 << 30)])))
    ])

  /// The question about the base image, used where it is.
  static let inPlace = InventoryRequest.BaseImage(source: base, format: nil, sha256: nil, copy: nil)

  /// The question about the base image, copied into the pool.
  static let copied = InventoryRequest.BaseImage(
    source: base, format: nil, sha256: nil, copy: .init(folder: "/vms", name: "base"))

  /// The plan for a spec. Whatever it is, it survives being saved.
  func plan(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Plan {
    let plan = try Plan(for: stack(text, sourceLocation: sourceLocation), on: inventory)
    try expectRoundTrip(plan, sourceLocation: sourceLocation)
    return plan
  }

  /// What an apply would leave behind: definitions as they are, files made and grown.
  mutating func apply(_ plan: Plan) {
    for action in plan.actions {
      switch action.operation {
      case .createDirectory(let path): inventory.files[path] = .folder
      case .createImage(let path, let creation, _):
        let top = image(path, creation.format, size: creation.virtualSize ?? 0)
        let below = creation.backing.flatMap { $0.path }.map { [image($0, size: 1 << 30)] } ?? []
        inventory.files[path] = .image(BackingChain(images: [top] + below))
      case .growImage(let path, _, _, let size, _, _): grow(path, to: size)
      case .resizeBlockDevice(_, _, let path, let size, _): grow(path, to: size)
      case .takeImageSnapshot(let path, let name, _):
        let known = (try? inventory.imageSnapshots[path]?.get()) ?? []
        inventory.imageSnapshots[path] = .success(known + [ObservedImageSnapshot(id: "\(known.count + 1)", name: name)])
      case .defineDomain(let definition):
        let old = inventory.domains[definition.identity.name]
        inventory.domains[definition.identity.name] = ObservedDomain(
          name: definition.identity.name, uuid: definition.identity.uuid, state: old?.state ?? .stopped,
          isActive: old?.isActive ?? false, autostart: old?.autostart ?? false, inactive: definition.xml,
          running: old?.running)
      case .defineNetwork(let definition):
        var network = inventory.networks?[definition.name] ?? ObservedNetwork(name: definition.name, isActive: false)
        network.inactive = definition.xml
        inventory.networks?[definition.name] = network
      case .startNetwork(let name): inventory.networks?[name]?.isActive = true
      case .definePool(let pool):
        let definition = pool.definition
        inventory.pools?[definition.name] = ObservedPool(
          name: definition.name, isActive: pool.isStarted, autostart: pool.autostart ?? true, inactive: definition.xml)
      // The guest here takes no device, and lets go of none.
      case .attachDevice(let domain, _, let name): refuse(.attach, of: name, domain.name)
      case .detachDevice(let domain, _, let name): refuse(.detach, of: name, domain.name)
      case .setAutostart(let domain, let value): inventory.domains[domain.name]?.autostart = value
      case .startDomain(let domain): start(domain.name)
      case .stopDomain(let domain, _):
        inventory.domains[domain.name]?.isActive = false
        inventory.domains[domain.name]?.state = .stopped
        inventory.domains[domain.name]?.running = nil
      default: break
      }
    }
  }

  /// Notes with the running guest that it was asked.
  private mutating func refuse(_ plugging: RefusedValues.Plugging, of device: String, _ domain: String) {
    guard let running = inventory.domains[domain]?.running else { return }
    var refused = RefusedValues(in: running)
    refused.note(plugging, of: device, isRefused: true)
    // As libvirt stores it.
    let (prefix, uri) = (RefusedValues.prefix, RefusedValues.namespace)
    let text = refused.element.serialised()
      .replacing("<values", with: "<\(prefix):values xmlns:\(prefix)='\(uri)'").replacing(
        "</values", with: "</\(prefix):values")
    guard let element = try? XMLElement.parse(text) else { return }
    inventory.domains[domain]?.running?.update("metadata") { metadata in
      metadata.children.removeAll { $0.element?.namespaceURI == uri }
      metadata.append(element)
    }
  }

  /// Carries out a plan as a run does that is cut off before it asks running guests for anything.
  mutating func applyWithoutAsking(_ plan: Plan) {
    var stored = plan
    stored.actions.removeAll { action in
      switch action.operation {
      case .attachDevice, .detachDevice, .changeRunning: true
      default: false
      }
    }
    apply(stored)
  }

  static func chain(_ images: [ImageInfo]) -> BackingChain { BackingChain(images: images) }

  mutating func start(_ name: String) {
    inventory.domains[name]?.isActive = true
    inventory.domains[name]?.state = .running
    let definition = inventory.domains[name]?.inactive
    inventory.domains[name]?.running = definition
  }

  mutating func edit(_ name: String, _ change: (inout XMLElement) -> Void) {
    if var xml = inventory.domains[name]?.inactive {
      change(&xml)
      inventory.domains[name]?.inactive = xml
    }
  }

  private mutating func grow(_ path: String, to size: UInt64) {
    guard case .image(let chain)? = inventory.files[path] else { return }
    var images = chain.images
    images[0].virtualSize = size
    inventory.files[path] = .image(BackingChain(images: images))
  }
}

/// A spec that may be wrong.
enum SpecText {
  static func load(_ text: String) -> (stack: StackSpec?, rules: [String]) {
    let result = SpecLoader().load([SourceFile(path: "/specs/lab.yaml", text: text)])
    return (result.stack, result.diagnostics.filter { $0.severity == .error }.map(\.rule))
  }
}
