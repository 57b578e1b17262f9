// Parts of libvirt's XML that networks, their port groups and their guests' interfaces share: bandwidth, VLAN tags, ports of
// virtual switches.

import XMLTree

/// The forms of what networks and port groups share.
enum NetworkForms {
  /// A flow's limits. The kernel counts rates in units of 1000 bytes and amounts in units of 1024 (tc, "UNITS").
  static let flow = Shape.record([
    rate("average", "The rate that is kept over time, in bytes a second."),
    rate("peak", "The highest rate, in bytes a second."),
    rate("floor", "The rate that is kept free for it whatever others do, in bytes a second."),
    Part(
      "burst", .size(granularity: 1024), "How much may pass at the highest rate.", at: "@burst", .multiples(of: 1024)),
  ])

  private static func rate(_ name: String, _ summary: String) -> Part {
    let type = ValueType.size(granularity: 1000)
    return Part(name, type, summary, at: "@\(name)", .multiples(of: 1000))
  }

  /// Both directions, as seen from the guest or the network.
  static let bandwidth = Shape.record([
    Part("inbound", "What comes in.", element: "inbound", flow),
    Part("outbound", "What goes out.", element: "outbound", flow),
  ])

  /// VLAN tags (IEEE 802.1Q).
  static let vlan = Shape.record([
    Part(
      "trunk", .boolean, "Whether packets carry their tags to the guest; so with more than one tag.", at: "@trunk",
      .yesNo),
    Part("tags", "The tags.", list: "", "tag", .at("@id", .integer(0...4095)).besides("@nativeMode"), isRequired: true),
    Part(
      "native", .record([nativeTag, nativeMode]), "The tag that packets without one stand for (Open vSwitch).",
      lens: native),
  ])

  private static let nativeTag = ValueType.Member(
    "tag", .integer(0...4095), "One of the tags.", isRequired: true)
  private static let nativeMode = ValueType.Member(
    "mode", .enumeration(["tagged", "untagged"]), "Whether such packets carry the tag on their way out.",
    isRequired: true)

  private static let native = Lens(places: ["tag/@nativeMode"]) { vlan in
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
  static let virtualPort = Shape.record([
    Part("type", .enumeration(["802.1Qbg", "802.1Qbh", "openvswitch", "midonet"]), "Whose port it is.", at: "@type"),
    parameter("manager-id", "managerid", .integer(0...255), "The database of types (802.1Qbg).")
      .never(with: "type", "802.1Qbh", "openvswitch", "midonet"),
    parameter("type-id", "typeid", .integer(0...0xFF_FFFF), "The type of the port (802.1Qbg).")
      .never(with: "type", "802.1Qbh", "openvswitch", "midonet"),
    parameter("type-id-version", "typeidversion", .integer(0...255), "The version of the type (802.1Qbg).")
      .never(with: "type", "802.1Qbh", "openvswitch", "midonet"),
    parameter("instance-id", "instanceid", .text(.uuid), "The UUID of the port (802.1Qbg).")
      .never(with: "type", "802.1Qbh", "openvswitch", "midonet"),
    parameter("profile-id", "profileid", .text(profile), "The profile of the port (802.1Qbh, Open vSwitch).")
      .never(with: "type", "802.1Qbg", "midonet"),
    parameter("interface-id", "interfaceid", .text(.uuid), "The UUID of the interface (Open vSwitch, MidoNet).")
      .never(with: "type", "802.1Qbg", "802.1Qbh").required(with: "type", "midonet"),
  ])

  private static let profile = TextRule(
    "a line of at most 39 characters", pattern: #"^[^\n]{1,39}$"#,
    normalise: { text in text.count <= 39 ? try? TextRule.line.normalised(text) : nil })

  private static func parameter(
    _ name: String, _ attribute: String, _ type: ValueType, _ summary: String
  ) -> Part {
    Part(name, type, summary, at: "parameters/@\(attribute)")
  }
}
