// An object on its way into a spec, and which of its devices a proof finds fault with.

import Diagnostics
import Inventory
import Planner
import Vocabulary
import YAMLTree

/// An object on its way into a spec.
struct Draft {
  var object: HostObject
  var detail: Detail
  /// Devices of a domain that are said with as few fields as possible: `disks.vda`.
  let rawDevices: Set<String>
  /// Domains that have a disk of this one, so that only one of them can ever run.
  let exclusions: [String]
  var document: YAMLDocument
  /// Why more detail did not hold.
  var reasons: [Diagnostic] = []
  /// Whether there are secrets in the document.
  var isConfidential = false

  init(
    _ object: HostObject, _ detail: Detail, rawDevices: Set<String> = [], exclusions: [String] = [],
    _ importer: Importer, on host: Inventory.Host
  ) {
    self.object = object
    self.detail = detail
    (self.rawDevices, self.exclusions) = (rawDevices, exclusions)
    var read = object.imported(
      detail, rawDevices: rawDevices, includesSecrets: importer.includesSecrets,
      isFirmwareWritten: host.writesFirmwareDown)
    if !exclusions.isEmpty { read[.exclusiveWith] = .list(exclusions.map(Value.string)) }
    isConfidential = read.isConfidential
    document = .mapping([(object.collection, .mapping([(read.name, read.document())]))])
  }

  /// The same with some more devices in libvirt's own XML.
  func saying(devices: Set<String>, _ importer: Importer, on host: Inventory.Host) -> Draft {
    Draft(object, detail, rawDevices: rawDevices.union(devices), exclusions: exclusions, importer, on: host)
  }

  /// The devices that all the reasons are about; nil where one is about something else, or about a device that has been
  /// said in libvirt's own XML already.
  func devices(atFault reasons: [Diagnostic]) -> Set<String>? {
    guard detail == .fields, case .domain = object else { return nil }
    let places = deviceLines
    var devices: Set<String> = []
    for reason in reasons {
      let named = places.keys.first { reason.message.hasPrefix($0 + " ") || reason.message.hasPrefix($0 + ".") }
      let line = reason.range.flatMap { $0.file.path == object.reference.description ? $0.start.line : nil }
      guard let device = named ?? line.flatMap({ line in places.first { $0.value.contains(line) }?.key }),
        !rawDevices.contains(device)
      else { return nil }
      devices.insert(device)
    }
    return devices.isEmpty ? nil : devices
  }

  /// The lines of the document that each device's entry has, counted from 1.
  private var deviceLines: [String: ClosedRange<Int>] {
    let collections = Set(Vocabulary.domain.collections.map(\.key))
    var lines: [String: ClosedRange<Int>] = [:]
    var (collection, device): (String?, String?) = (nil, nil)
    for (index, line) in document.serialised().split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let indent = line.prefix { $0 == " " }.count
      let key = line.dropFirst(indent).prefix { $0 != ":" }.filter { $0 != "\"" && $0 != "'" }
      if indent <= 4, !line.isEmpty { (collection, device) = (collections.contains(key) ? key : nil, nil) }
      if indent == 6, let collection { device = "\(collection).\(key)" }
      guard let device else { continue }
      lines[device] = (lines[device]?.lowerBound ?? index + 1)...(index + 1)
    }
    return lines
  }
}
