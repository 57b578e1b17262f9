// libvirt's documents: every field is read and put back, specs are planned over them, they are imported, and what is written is what was read.

import Diagnostics
import FuzzDriver
import Importer
@testable import Inventory
@testable import Planner
import Spec
@testable import Vocabulary
@testable import XMLTree
import YAMLTree

/// Specs whose objects have other values than a document has, of every kind and with devices of many.
private let stacks: [StackSpec] = [
  """
  stack: lab
  domains:
    web:
      type: qemu
      memory: 2 GiB
      vcpus: 3
      cpu: { mode: custom, model: qemu64 }
      disks:
        root: { source: /vms/web.root.qcow2, format: qcow2, size: 3 GiB }
        data: { source: /vms/data.img, format: raw, bus: scsi }
      interfaces: { lan: { network: lab, mac: "52:54:00:12:34:56" } }
      state: running
  """,
  """
  stack: lab
  domains:
    web: { type: qemu, memory: 512 MiB, autostart: true, title: other, xml: "<on_crash>destroy</on_crash>" }
  networks:
    web: { mode: nat, address: 10.10.0.1/24, dhcp: { range: 10.10.0.100-10.10.0.200 } }
  pools:
    web: { path: /vms }
  """,
].map { text in
  let result = SpecLoader().load([SourceFile(path: "/specs/lab.yaml", text: text)])
  guard let stack = result.stack else { fatalError("\(result.diagnostics)") }
  return stack
}

/// A document, if it is one and about an object of this kind, under the name that the specs give theirs.
private func document(_ bytes: [UInt8], _ kind: String) -> XMLElement? {
  guard var element = try? XMLElement.parse(bytes: bytes) else { return nil }
  let again = try? XMLElement.parse(element.serialised(indent: nil))
  expect(again == element, "what was written reads as something else")
  guard element.name == kind else { return nil }
  element.removeAll("name")
  element.insert(XMLElement("name", text: "web"), at: 0)
  return element
}

private func host(for stack: StackSpec) -> Inventory {
  let request = InventoryRequest(for: stack)
  var inventory = Inventory.supposed(for: request, with: [])
  inventory.host = .init(
    uri: "qemu:///embed", capabilities: Capabilities(arch: "x86_64", domainTypes: ["x86_64": ["qemu"]]))
  (inventory.networks, inventory.pools) = ([:], [:])
  return inventory
}

@Sendable func readDomain(_ bytes: [UInt8]) {
  guard let element = document(bytes, "domain") else { return }
  readFields(of: Vocabulary.domain, in: element)
  _ = Vocabulary.wholeMemory(of: element)
  _ = Vocabulary.deviceMemory(of: element)
  _ = Hotplug.Need.freeSerialPorts(of: element)
  _ = try? RemovedDomain(element)
  planOver(element)
}

/// Plans every spec over a domain, as one that is stopped and as one that runs.
private func planOver(_ element: XMLElement) {
  for stack in stacks {
    for isRunning in [false, true] {
      var inventory = host(for: stack)
      var domain = ObservedDomain(
        name: "web", uuid: element.value(at: "uuid") ?? "", state: isRunning ? .running : .stopped,
        isActive: isRunning, inactive: element)
      if isRunning { domain.running = element }
      inventory.domains["web"] = domain
      inventory.supposeFiles(for: InventoryRequest(for: stack))
      plan(stack, on: inventory)
    }
  }
}

@Sendable func readNetwork(_ bytes: [UInt8]) {
  guard let element = document(bytes, "network") else { return }
  readFields(of: Vocabulary.network, in: element)
  for isActive in [false, true] {
    var inventory = host(for: stacks[1])
    inventory.networks?["web"] = ObservedNetwork(
      name: "web", isActive: isActive, inactive: element, running: isActive ? element : nil)
    plan(stacks[1], on: inventory)
  }
}

@Sendable func readPool(_ bytes: [UInt8]) {
  guard let element = document(bytes, "pool") else { return }
  readFields(of: Vocabulary.pool, in: element)
  var inventory = host(for: stacks[1])
  inventory.pools?["web"] = ObservedPool(name: "web", isActive: true, inactive: element)
  plan(stacks[1], on: inventory)
}

/// Reads every field, and puts what was got back.
private func readFields(of type: ObjectType, in element: XMLElement) {
  for field in type.fields {
    guard let lens = field.lens, let value = lens.get(element) else { continue }
    _ = value.description
    var copy = element
    lens.put(value, into: &copy)
    expect(lens.get(copy) == value, "\(type.name).\(field.name) is put as \(value) and got as another value")
  }
  guard !type.collections.isEmpty else { return }
  for device in (element.first("devices").map { Array($0.elements) } ?? []).prefix(8) {
    for collection in type.collections where collection.type.device != nil {
      readFields(of: collection.type, in: device)
    }
  }
}

/// The record alone, in the metadata of a domain that is as its stack's spec says, or not.
@Sendable func readRecord(_ bytes: [UInt8]) {
  let text =
    "<domain type='qemu'><name>web</name><metadata>" + String(decoding: bytes, as: UTF8.self)
    + "</metadata><memory unit='KiB'>1048576</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os><devices>"
    + "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/vms/web.root.qcow2'/>"
    + "<target dev='vda' bus='virtio'/><alias name='ua-disk-root'/></disk><interface type='network'>"
    + "<source network='lab'/><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface></devices></domain>"
  guard let element = try? XMLElement.parse(text), let record = OwnershipRecord(in: element) else { return }
  var copy = element
  record.put(into: &copy)
  let again = OwnershipRecord(in: copy)
  expect(again?.stack == record.stack && again?.devices == record.devices, "a record that was written reads as another")
  _ = record.bareText
  _ = try? RemovedDomain(element)
  planOver(element)
}

/// A piece of XML of a spec, put into a definition: that is done once, and found again.
@Sendable func readFragment(_ bytes: [UInt8]) {
  let text = String(decoding: bytes, as: UTF8.self)
  for (kind, element) in targets {
    guard let fragment = try? XMLFragment.parse(text, element: kind) else { continue }
    _ = fragment.description
    _ = fragment.withoutSecrets
    var merged = element
    fragment.merge(into: &merged)
    var twice = merged
    fragment.merge(into: &twice)
    expect(twice == merged, "a fragment merged twice is another than merged once")
    expect(fragment.isMet(by: merged), "a fragment is not found where it was merged")
    _ = fragment.firstDifference(in: element)
    let again = try? XMLFragment.parse(fragment.text(indent: nil), element: kind)
    expect(again?.isMet(within: merged) ?? false, "a fragment that was written reads as another")
  }
}

private let targets: [(String, XMLElement)] = [
  "<domain type='qemu'><name>web</name><memory unit='KiB'>1048576</memory><os><type arch='x86_64'>hvm</type><boot dev='hd'/></os><features><acpi/></features><devices><disk type='file' device='disk'><source file='/vms/a'/><target dev='vda' bus='virtio'/></disk><interface type='network'><source network='lab'/></interface></devices></domain>",
  "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/vms/a'/><target dev='vda' bus='virtio'/></disk>",
].map { text in
  guard let element = try? XMLElement.parse(text) else { fatalError(text) }
  return (element.name, element)
}

/// An object that is not Vireo's, written down as a spec: the spec is one that can be read.
@Sendable func importObject(_ bytes: [UInt8]) {
  guard let element = try? XMLElement.parse(bytes: bytes) else { return }
  var inventory = Inventory(
    host: .init(uri: "qemu:///embed", capabilities: Capabilities(arch: "x86_64", domainTypes: ["x86_64": ["qemu"]])))
  (inventory.networks, inventory.pools) = ([:], [:])
  let reference: ObjectReference
  let name = element.value(at: "name") ?? ""
  switch element.name {
  case "domain":
    inventory.domains[name] = ObservedDomain(
      name: name, uuid: element.value(at: "uuid") ?? "", state: .stopped, isActive: false, inactive: element)
    reference = ObjectReference(.domain, name)
  case "network":
    inventory.networks?[name] = ObservedNetwork(name: name, isActive: false, inactive: element)
    reference = ObjectReference(.network, name)
  case "pool":
    inventory.pools?[name] = ObservedPool(name: name, isActive: true, inactive: element)
    reference = ObjectReference(.pool, name)
  default: return
  }
  let importer = Importer(stack: "fuzz", includesSecrets: bytes.count.isMultiple(of: 2))
  let result = importer.read([reference], from: inventory)
  show(result.messages)
  for document in result.documents {
    let text = importer.head.serialised() + document.document.serialised()
    let parsed = parseYAML(SourceFile(path: "/specs/import.yaml", text: text))
    expect(!parsed.hasErrors, "an import writes what is not YAML: \(text)")
  }
}
