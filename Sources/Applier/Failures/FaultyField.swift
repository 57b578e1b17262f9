// Which field of the spec a libvirt or QEMU message is about, found by what it names: a device's alias, a value of the
// definition, or words that the two have for a subject.

import Libvirt
import Planner
import Vocabulary
import XMLTree

/// The field of the spec that a message is about, as the spec writes it: `disks.root.source`.
///
/// - Parameters:
///   - message: libvirt's whole message, with what QEMU said.
///   - domain: the definition that it is about.
/// - Returns: the field, or the device's entry where no field of it is known; nil where nothing of the definition is named.
func faultyField(_ message: String, in domain: XMLElement) -> String? {
  let devices = NamedDevice.all(in: domain)
  // What is quoted, if the definition has it, says most: a path, a network, a device of the host.
  for word in quotedWords(message) {
    if let device = devices.lazy.compactMap({ $0.field(with: word) }).first { return device }
    if let field = Vocabulary.domain.fields.first(where: { $0.names(word, in: domain) }) {
      return Vocabulary.domain.displayName(of: field)
    }
  }
  // QEMU names a device by its alias, with what libvirt puts before and behind it.
  let named = devices.filter { device in device.alias.map { message.range(ofText: $0) != nil } ?? false }
  if let device = named.max(by: { $0.alias?.count ?? 0 < $1.alias?.count ?? 0 }) { return device.name }
  let text = Substring(message)
  if let range = Phrase.reservedPort.range(in: text),
    let field = port(at: String(text[range.upperBound...]), among: devices)
  {
    return field
  }
  if FailureCause(message)?.concernsKVM ?? false { return FieldKey.type.name }
  for subject in subjects where subject.phrase.occurs(in: message) {
    if let field = subject.field(domain, devices) { return field }
  }
  return nil
}

/// A device that the spec has an entry for.
private struct NamedDevice {
  let type: ObjectType
  /// As the spec writes it: `disks.root`.
  let name: String
  let element: XMLElement

  var alias: String? {
    element.value(at: .alias).flatMap { $0.hasPrefix("ua-") ? $0 : nil }
  }

  static func all(in domain: XMLElement) -> [NamedDevice] {
    let record = OwnershipRecord(in: domain)
    return Vocabulary.domain.collections.flatMap { collection -> [NamedDevice] in
      guard let rule = collection.type.device else { return [] }
      let known = record.map { RecordedDevices(of: collection, in: domain, $0) }
      let elements = domain.first("devices")?.all(rule.element).filter(rule.matches) ?? []
      return elements.compactMap { element in
        let key = known?.key(of: element) ?? DeviceIdentity.key(of: element, kind: collection.type.name)
        return key.map { NamedDevice(type: collection.type, name: "\(collection.key).\($0)", element: element) }
      }
    }
  }

  /// The field of the device that has a value.
  func field(with value: String) -> String? {
    if type.device?.role == .storage, DiskSource.path(of: element) == value { return "\(name).\(FieldKey.source.name)" }
    return type.fields.first { $0.names(value, in: element) }.map { "\(name).\(type.displayName(of: $0))" }
  }
}

extension Field {
  /// Whether the field has a text that differs from others: a path, a name on the host.
  fileprivate func names(_ value: String, in element: XMLElement) -> Bool {
    // Common words stand in quotes, too, and say nothing of a field whose value is one.
    guard value.contains("/") || value.contains(":") || Self.namesOfHost.contains(name) else { return false }
    return lens?.get(element)?.string == value
  }

  private static let namesOfHost = Set(
    [FieldKey.network, .bridge, .direct, .machine, .cpuModel, .model, .filter].map(\.name))
}

/// What stands in quotes or brackets, behind `: ` up to the next, or is an address of a PCI device: what messages name.
private func quotedWords(_ message: String) -> [String] {
  var words: [String] = []
  for line in message.split(whereSeparator: \.isNewline) {
    for (open, close) in [("'", "'"), ("\"", "\""), ("[", "]")] {
      // Within JSON of QEMU's options every name is quoted; each is tried, and most are nothing of the spec's.
      var parts = line.split(separator: Character(open), omittingEmptySubsequences: false).dropFirst()
      if open != close { parts = parts.map { $0.split(separator: Character(close)).first ?? "" }[...] }
      words += parts.map(String.init)
    }
    words += line.split(whereSeparator: { $0 == " " || $0 == "," }).map { word in
      String(word.hasSuffix(":") ? word.dropLast() : word)
    }.filter { $0.contains("/") || $0.contains(":") || $0.contains("_") || $0.contains("-") }
  }
  return words.filter { !$0.isEmpty }
}

/// What a message may be about, and the field that it is.
private struct Subject: Sendable {
  let phrase: Phrase
  let field: @Sendable (XMLElement, [NamedDevice]) -> String?

  init(_ phrase: Phrase, field: @escaping @Sendable (XMLElement, [NamedDevice]) -> String?) {
    self.phrase = phrase
    self.field = field
  }

  init(_ phrase: Phrase, is name: String) {
    self.phrase = phrase
    field = { _, _ in name }
  }
}

/// The first whose phrases are found decides.
private let subjects = [
  Subject(.spiceUnsupported) { _, devices in display("spice", among: devices) },
  Subject(.vncUnsupported) { _, devices in display("vnc", among: devices) },
  Subject(.watchdogActions) { _, devices in only("watchdogs", among: devices) },
  Subject(.vncOption) { _, devices in port(of: "vnc", among: devices) },
  Subject(.spiceOption) { _, devices in port(of: "spice", among: devices) },
  Subject(.hostDevice) { _, devices in only("hostdevs", among: devices) },
  Subject(.vsockDevice) { _, devices in only("vsocks", among: devices) },
  Subject(.processorMode, is: "cpu"), Subject(.processorFeature, is: FieldKey.cpuFeatures.name),
  Subject(.processorModel) { domain, _ in
    Vocabulary.domain[.cpuModel].isThere(in: domain) ? FieldKey.cpuModel.name : "cpu"
  },
  Subject(.processorCount, is: "vcpus"), Subject(.machineType, is: FieldKey.machine.name),
  Subject(.hugePages, is: "memory-backing.hugepages"), Subject(.node, is: "numatune"),
  Subject(.processorSet) { domain, _ in pin(in: domain) }, Subject(.guestMemory, is: FieldKey.memory.name),
  Subject(.option, is: "qemu.args"),
]

private func display(_ type: String, among devices: [NamedDevice]) -> String? {
  devices.first { Vocabulary.graphics.holds($0.element) && $0.element[attribute: "type"] == type }?.name
}

private func port(of type: String, among devices: [NamedDevice]) -> String? {
  display(type, among: devices).map { $0 + ".port" }
}

/// The field of a display that has the port, whose number stands at the beginning of a text.
private func port(at end: String, among devices: [NamedDevice]) -> String? {
  let number = end.prefix { $0.isNumber }
  for device in devices where Vocabulary.graphics.holds(device.element) {
    for field in device.type.fields where field.name.hasSuffix("port") {
      guard field.lens?.get(device.element)?.integer.map(String.init) == String(number) else { continue }
      return "\(device.name).\(field.name)"
    }
  }
  return nil
}

/// The entry of a collection, where it has one only.
private func only(_ collection: String, among devices: [NamedDevice]) -> String? {
  let found = devices.filter { $0.name.hasPrefix(collection + ".") }
  return found.count == 1 ? found.first?.name : nil
}

/// The pin of a definition that has one kind of pin only.
private func pin(in domain: XMLElement) -> String? {
  let type = Vocabulary.domain
  let pins = [type[.cpuSet], type[.vcpuPins], type[.emulatorPin], type[.ioThreadPins]].filter { $0.isThere(in: domain) }
  return pins.count == 1 ? pins.first?.name : nil
}
