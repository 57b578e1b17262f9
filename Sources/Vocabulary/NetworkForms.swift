// Parts of libvirt's XML that networks, their port groups and their guests' interfaces share: bandwidth, VLAN tags, ports of
// virtual switches.

import XMLTree

/// The forms of what networks and port groups share.
enum NetworkForms {
  /// A flow's limits. The kernel counts rates in units of 1000 bytes and amounts in units of 1024 (tc, "UNITS").
  static func flow(_ name: String) -> ElementForm {
    .record(
      name,
      [
        rate("average", "The rate that is kept over time, in bytes a second."),
        rate("peak", "The highest rate, in bytes a second."),
        rate("floor", "The rate that is kept free for it whatever others do, in bytes a second."),
        ElementPart(
          "burst", .size(granularity: 1024), "How much may pass at the highest rate.",
          lens: .checked("@burst", .size(granularity: 1024), .multiples(of: 1024))),
      ])
  }

  private static func rate(_ name: String, _ summary: String) -> ElementPart {
    let type = ValueType.size(granularity: 1000)
    return ElementPart(
      name, type, summary, lens: .checked(XMLPath(stringLiteral: "@\(name)"), type, .multiples(of: 1000)))
  }

  /// Both directions, as seen from the guest or the network.
  static let bandwidth = ElementForm.record(
    "bandwidth",
    [
      part("inbound", flow("inbound"), "What comes in."), part("outbound", flow("outbound"), "What goes out."),
    ])

  /// VLAN tags (IEEE 802.1Q).
  static let vlan = ElementForm.record(
    "vlan",
    [
      ElementPart(
        "trunk", .boolean, "Whether packets carry their tags to the guest; so with more than one tag.",
        lens: .checked("@trunk", .boolean, .yesNo)),
      ElementPart(
        "tags", .list(of: .integer(0...4095)), "The tags.", isRequired: true, lens: tags),
      ElementPart(
        "native", .record([nativeTag, nativeMode]), "The tag that packets without one stand for (Open vSwitch).",
        lens: native),
    ])

  /// Tags by their numbers. One may be the native one, which is a member of its own.
  private static let tags = Lens.elements(
    nil, "tag",
    read: { elements in
      let numbers = elements.map { element in element[attribute: "id"].flatMap { Int($0) } }
      return numbers.isEmpty || numbers.contains(nil) ? nil : .list(numbers.compactMap { $0.map(Value.integer) })
    },
    write: { value, old in
      (value.list ?? []).compactMap { number in
        guard let number = number.integer else { return nil }
        let id = String(number)
        return old.first { $0[attribute: "id"] == id } ?? XMLElement("tag", ["id": id])
      }
    })

  private static let nativeTag = ValueType.Member(
    "tag", .integer(0...4095), "One of the tags.", isRequired: true)
  private static let nativeMode = ValueType.Member(
    "mode", .enumeration(["tagged", "untagged"]), "Whether such packets carry the tag on their way out.",
    isRequired: true)

  private static let native = Lens.careful(places: ["tag/@nativeMode"]) { vlan in
    let tags = vlan.all("tag").filter { $0[attribute: "nativeMode"] != nil }
    guard tags.count == 1, let id = tags[0][attribute: "id"].flatMap({ Int($0) }),
      let mode = tags[0][attribute: "nativeMode"]
    else { return nil }
    return .table(["tag": .integer(id), "mode": .string(mode)])
  } write: { vlan, value in
    vlan.updateAll("tag") { $0[attribute: "nativeMode"] = nil }
    guard let id = value?.table?["tag"]?.integer.map({ String($0) }), let mode = value?.table?["mode"]?.string else {
      return
    }
    vlan.update("tag", where: { $0[attribute: "id"] == id }) {
      $0[attribute: "id"] = id
      $0[attribute: "nativeMode"] = mode
    }
  }

  /// The port of a virtual switch.
  static let virtualPort = ElementForm.record(
    "virtualport",
    [
      ElementPart(
        "type", .enumeration(["802.1Qbg", "802.1Qbh", "openvswitch", "midonet"]), "Whose port it is.",
        lens: .checked("@type", .enumeration(["802.1Qbg", "802.1Qbh", "openvswitch", "midonet"]))),
      parameter("manager-id", "managerid", .integer(0...255), "The database of types (802.1Qbg)."),
      parameter("type-id", "typeid", .integer(0...0xFF_FFFF), "The type of the port (802.1Qbg)."),
      parameter("type-id-version", "typeidversion", .integer(0...255), "The version of the type (802.1Qbg)."),
      parameter("instance-id", "instanceid", .text(.uuid), "The UUID of the port (802.1Qbg)."),
      parameter("profile-id", "profileid", .text(.line), "The profile of the port (802.1Qbh, Open vSwitch)."),
      parameter("interface-id", "interfaceid", .text(.uuid), "The UUID of the interface (Open vSwitch, MidoNet)."),
    ])

  private static func parameter(
    _ name: String, _ attribute: String, _ type: ValueType, _ summary: String
  ) -> ElementPart {
    let notation: Notation = if case .integer = type { .integer } else { .text }
    return ElementPart(
      name, type, summary, lens: .checked(XMLPath(stringLiteral: "parameters/@\(attribute)"), type, notation))
  }

  /// A part that is an element of its own.
  static func part(_ name: String, at element: String? = nil, _ form: ElementForm, _ summary: String) -> ElementPart {
    ElementPart(name, form.type, summary, lens: .record(XMLPath(stringLiteral: element ?? name), form))
  }
}

extension Notation {
  /// An amount in bytes, written as so many times a number of bytes.
  static func multiples(of unit: UInt64) -> Notation {
    Notation(
      value: { text in
        guard let number = UInt64(text), number > 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : .bytes(bytes)
      }, text: { $0.bytes.map { String($0 / unit) } })
  }
}
