// What a definition needs beside the hypervisor: networks, pools, filters and secrets are kept by drivers of libvirt's that
// not every connection has. What the connection cannot do, no plan shows.

import Diagnostics
import Inventory
import Libvirt
import Spec
import Vocabulary
import XMLTree

/// Something that a device, or another part of a domain, needs from one of libvirt's drivers.
struct DriverNeed: Hashable {
  let driver: LibvirtDriver
  /// The name or UUID of what is needed.
  let name: String

  /// What it is, for a message: `the network default`.
  var title: String {
    switch driver {
    case .networks: "the network \(name)"
    case .storagePools: "a volume of the pool \(name)"
    case .networkFilters: "the filter \(name)"
    case .secrets: "the secret \(name)"
    }
  }

  /// What an element and everything in it needs (formatdomain.html, formatsecret.html).
  static func all(in element: XMLElement) -> Set<DriverNeed> {
    var needs: Set<DriverNeed> = []
    add(element, to: &needs)
    return needs
  }

  private static func add(_ element: XMLElement, to needs: inout Set<DriverNeed>) {
    func need(_ driver: LibvirtDriver, _ name: String?) {
      if let name { needs.insert(DriverNeed(driver: driver, name: name)) }
    }
    // An interface, the listener of a display; a disk, its backing store, a folder.
    switch element[attribute: "type"] {
    case "network": need(.networks, element.value(at: .interfaceNetwork) ?? element[attribute: "network"])
    case "volume": need(.storagePools, element.value(at: .diskVolumePool))
    default: break
    }
    switch element.name {
    case "filterref": need(.networkFilters, element[attribute: "filter"])
    case "secret": need(.secrets, element[attribute: "uuid"] ?? element[attribute: "usage"])
    case "encryption": need(.secrets, element[attribute: "secret"])
    default: break
    }
    for child in element.elements where child.name != "metadata" { add(child, to: &needs) }
  }
}

extension MissingDriver {
  /// Why a driver is missing and what to do, in the words of a message.
  func explanation(
    of driver: LibvirtDriver, on uri: String
  ) -> (message: String, remedy: String) {
    switch self {
    case .unsupported:
      let things =
        switch driver {
        case .networks: "virtual networks"
        case .storagePools: "storage pools"
        case .networkFilters: "network filters"
        case .secrets: "secrets"
        }
      return ("the connection \(uri) has no \(things)", "connect to a daemon, such as `--connect qemu:///system`")
    case .unreachable(let daemon): return (daemon.message, daemon.remedy)
    }
  }
}

/// The drivers that a domain needs.
enum DriverNeeds {
  /// Refuses what a guest needs from a driver that the connection does not have: a definition with it can be stored, and
  /// no guest can start with it, or get it as it runs.
  static func check(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], _ definition: XMLElement
  ) -> Findings {
    var findings = Findings(about: context.object)
    let missing = context.stack.host.missingDrivers
    guard !missing.isEmpty else { return findings }
    let needs = DriverNeed.all(in: definition).filter { missing[$0.driver] != nil }
    guard !needs.isEmpty else { return findings }
    let present = context.observed.map { DriverNeed.all(in: $0.inactive) } ?? []
    let isActive = context.isActive
    let starts = [.running, .paused].contains(context.spec[.state]) && !isActive
    for need in needs.sorted(by: { ($0.driver.rawValue, $0.name) < ($1.driver.rawValue, $1.name) }) {
      guard let reason = missing[need.driver] else { continue }
      let place = place(of: need, context.spec, identities, definition)
      let (message, remedy) = reason.explanation(of: need.driver, on: context.stack.host.uri)
      let instead: String? =
        switch need.driver {
        case .networks where place.kind?.device?.role == .network: "give the interface `type: user`"
        case .networks: nil
        case .storagePools: "name the file with `source`"
        case .networkFilters: "remove the filter"
        case .secrets: nil
        }
      let suggestion =
        reason == .unsupported ? [instead, remedy].compactMap(\.self).joined(separator: ", or ") : remedy
      let subject = place.name.map { "\($0) needs \(need.title)" } ?? "the domain needs \(need.title)"
      if starts || isActive && !present.contains(need) {
        findings.refuse(
          "missing-driver", "\(subject), and \(message)", at: place.range, suggestion: suggestion)
      } else {
        findings.note(
          "missing-driver", "\(subject), and \(message): the guest cannot start", at: place.range,
          suggestion: suggestion, severity: .warning)
      }
    }
    return findings
  }

  /// Where the spec asks for something: the device, and the value that names it.
  private static func place(
    of need: DriverNeed, _ spec: ObjectSpec, _ identities: [String: DeviceIdentity], _ definition: XMLElement
  ) -> (name: String?, kind: ObjectType?, range: SourceRange) {
    let elements = (definition.first("devices")?.elements.map { $0 } ?? []).filter {
      DriverNeed.all(in: $0).contains(need)
    }
    for collection in Vocabulary.domain.collections {
      guard let rule = collection.type.device else { continue }
      for device in spec.members(collection.key) {
        let identity = identities["\(collection.key).\(device.name)"] ?? DeviceIdentity(of: device, rule)
        guard let element = identity.find(in: definition), rule.matches(element), elements.contains(element) else {
          continue
        }
        let setting =
          device.type.fields.lazy.compactMap { device.settings[$0] }.first { $0.value.string == need.name }
          ?? device.setting(.xml)
        return ("\(collection.key).\(device.name)", collection.type, setting?.range ?? device.range)
      }
    }
    return (nil, nil, spec.place(of: .xml))
  }
}
