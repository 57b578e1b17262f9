// The field `address`: where a device sits in the guest, in one line.

import XMLTree

/// A guest address in the spec's notation, such as `pci 0000:00:03.0`.
enum DeviceAddress {
  /// A number of an address.
  private struct Part {
    let attribute: String
    /// The digits of libvirt's hexadecimal notation; nil for a decimal number.
    let digits: Int?
    /// What stands before it in the text.
    let separator: String
  }

  private static let kinds: [String: [Part]] = [
    "pci": [
      Part(attribute: "domain", digits: 4, separator: " "), Part(attribute: "bus", digits: 2, separator: ":"),
      Part(attribute: "slot", digits: 2, separator: ":"), Part(attribute: "function", digits: 1, separator: "."),
    ],
    "drive": numbers("controller", "bus", "target", "unit"),
    "virtio-serial": numbers("controller", "bus", "port"),
    "ccid": numbers("controller", "slot"),
    "ccw": [
      Part(attribute: "cssid", digits: 1, separator: " "), Part(attribute: "ssid", digits: 1, separator: "."),
      Part(attribute: "devno", digits: 4, separator: "."),
    ],
    "virtio-mmio": [], "unassigned": [],
  ]

  private static func numbers(_ names: String...) -> [Part] {
    names.enumerated().map { Part(attribute: $1, digits: nil, separator: $0 == 0 ? " " : ":") }
  }

  static let rule = TextRule(
    "a guest address such as pci 0000:00:03.0 or drive 0:0:0:1",
    remedy: "write the kind of address and its numbers, such as usb 0:1.2 or virtio-serial 0:0:1",
    normalise: { text in isUsualPCI(text) ? text : attributes(of: text).flatMap { Self.text(of: $0) } })

  static let lens = Lens(places: ["address"]) { device in
    let all = device.all("address")
    guard all.count == 1, all[0].children.allSatisfy({ $0.element == nil }) else { return nil }
    return text(of: all[0].attributes).map(Value.string)
  } write: { device, value in
    guard let attributes = value?.string.flatMap(attributes) else {
      device.removeAll("address")
      return
    }
    device.update("address") { $0 = XMLElement("address", attributes: attributes, children: []) }
  }

  /// The text of an address; nil for one that says more than the notation holds.
  private static func text(of attributes: [XMLAttribute]) -> String? {
    var rest = attributes
    func take(_ name: String) -> String? {
      rest.firstIndex { $0.name == name }.map { rest.remove(at: $0).value }
    }
    guard let type = take("type") else { return nil }
    var text = type
    switch type {
    case "usb":
      guard let bus = take("bus").flatMap({ UInt($0) }) else { return nil }
      text += " \(bus)"
      if let port = take("port") { text += ":\(port)" }
    case "isa":
      if let base = take("iobase") { text += " \(base)" }
      if let irq = take("irq") { text += " irq \(irq)" }
    case "spapr-vio":
      if let register = take("reg") { text += " \(register)" }
    case "dimm":
      guard let slot = take("slot") else { return nil }
      text += " \(slot)"
      if let base = take("base") { text += " \(base)" }
    default:
      guard let parts = kinds[type] else { return nil }
      for part in parts {
        guard let number = take(part.attribute).flatMap(number) else { return nil }
        text += part.separator + (part.digits.map { padded(number, $0) } ?? String(number))
      }
    }
    if type == "pci", let flag = take("multifunction") { text += " multifunction=\(flag)" }
    return rest.isEmpty ? text : nil
  }

  private static func attributes(of text: String) -> [XMLAttribute]? {
    let words = text.split(separator: " ").map { $0.lowercased() }
    guard let type = words.first else { return nil }
    var result = [XMLAttribute("type", type)]
    var rest = words.dropFirst()
    func add(_ name: String, _ value: String) { result.append(XMLAttribute(name, value)) }
    switch type {
    case "usb":
      guard let numbers = rest.popFirst()?.split(separator: ":"), (1...2).contains(numbers.count),
        let bus = UInt(numbers[0])
      else { return nil }
      add("bus", String(bus))
      if numbers.count == 2 {
        guard numbers[1].utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }) else { return nil }
        add("port", String(numbers[1]))
      }
    case "isa":
      if let first = rest.first, first != "irq" {
        guard number(first) != nil else { return nil }
        add("iobase", first)
        rest = rest.dropFirst()
      }
      if rest.first == "irq" {
        guard rest.count == 2, let irq = rest.last, number(irq) != nil else { return nil }
        add("irq", irq)
        rest = []
      }
    case "spapr-vio":
      if let register = rest.popFirst() {
        guard number(register) != nil else { return nil }
        add("reg", register)
      }
    case "dimm":
      guard let slot = rest.popFirst(), UInt(slot) != nil else { return nil }
      add("slot", slot)
      if let base = rest.popFirst() {
        guard number(base) != nil else { return nil }
        add("base", base)
      }
    default:
      guard let parts = kinds[type] else { return nil }
      let numbers = parts.isEmpty ? [] : rest.popFirst()?.split(whereSeparator: { ":.".contains($0) }) ?? []
      guard numbers.count == parts.count else { return nil }
      for (part, digits) in zip(parts, numbers) {
        guard let number = UInt(digits, radix: part.digits == nil ? 10 : 16) else { return nil }
        add(part.attribute, part.digits.map { "0x" + padded(number, $0) } ?? String(number))
      }
    }
    if type == "pci", let flag = rest.first, ["multifunction=on", "multifunction=off"].contains(flag) {
      add("multifunction", String(flag.dropFirst("multifunction=".count)))
      rest = rest.dropFirst()
    }
    return rest.isEmpty ? result : nil
  }

  /// Whether a text is the address of a PCI device just as it is stored, `pci 0000:00:03.0`: nearly all addresses are.
  private static func isUsualPCI(_ text: String) -> Bool {
    let pattern = "pci hhhh:hh:hh.h".utf8
    return text.utf8.count == pattern.count
      && zip(text.utf8, pattern).allSatisfy { byte, expected in
        guard expected == UInt8(ascii: "h") else { return byte == expected }
        return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
      }
  }

  private static func number(_ text: String) -> UInt? {
    text.hasPrefix("0x") ? UInt(text.dropFirst(2), radix: 16) : UInt(text)
  }

  private static func padded(_ number: UInt, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }
}

extension DeviceAddress {
  /// A PCI address of the host's.
  static let sourceRule = TextRule(
    "a PCI address of the host such as 0000:01:00.0",
    normalise: { text in
      (try? rule.normalised("pci " + text)).flatMap { $0.contains("=") ? nil : String($0.dropFirst(4)) }
    })

  /// `source/address` of a PCI device; libvirt leaves the type out for some kinds of device.
  static let source = source(isTyped: false)

  /// - Parameter isTyped: whether libvirt writes `type='pci'` there.
  static func source(isTyped: Bool) -> Lens {
    Lens(places: ["source/address"]) { device in
      guard let source = device.first("source"), source.all("address").count == 1,
        var address = source.first("address"), (address[attribute: "type"] != nil) == isTyped
      else { return nil }
      if !isTyped { address.attributes.insert(XMLAttribute("type", "pci"), at: 0) }
      guard let text = lens.get(XMLElement("source", children: [address]))?.string, text.hasPrefix("pci "),
        !text.contains("=")
      else { return nil }
      return .string(String(text.dropFirst(4)))
    } write: { device, value in
      device.update("source", create: value != nil) { source in
        lens.put(value?.string.map { .string("pci " + $0) }, into: &source)
        if !isTyped { source.update("address", create: false) { $0[attribute: "type"] = nil } }
      }
      if device.first("source")?.isBare ?? false { device.removeAll("source") }
    }
  }
}
