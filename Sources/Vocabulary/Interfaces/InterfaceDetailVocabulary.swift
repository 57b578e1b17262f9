// The fields of an interface beside what it is connected to by default: other sources, its driver, its traffic.

import XMLTree

extension Vocabulary {
  static let interfaceGroups = [
    FieldGroup("source", "Details of what the interface is connected to."), DeviceFields.driverGroup,
    DeviceFields.romGroup,
    FieldGroup("inbound", "Limits of what the guest receives, in kilobytes a second."),
    FieldGroup("outbound", "Limits of what the guest sends, in kilobytes a second."),
    FieldGroup("virtual-port", "The port on a virtual switch."),
    FieldGroup("teaming", "Teaming with another interface."),
    FieldGroup("backend", "The host's side of the interface.", shorthand: "type"),
  ]

  static let interfaceSources: [Field] = [
    Field(
      "port-group", .text(.line), "The network's group of ports.",
      lens: .at("source/@portgroup", .text(.line)).only(types: ["network"]), effect: .live(.connection),
      reference: interfaceReference),
    source("source.dev", .path, "The device of vDPA on the host.", ["vdpa"], "source/@dev"),
    source(
      "source.type", .enumeration(["unix"]), "How a vhost-user process is reached.", ["vhostuser"], "source/@type"),
    source("source.path", .path, "The socket of a vhost-user process.", ["vhostuser"], "source/@path"),
    source(
      "source.mode", .enumeration(["client", "server"]), "Whether QEMU connects to the socket or listens.",
      ["vhostuser"], "source/@mode"),
    source(
      "source.reconnect", .boolean, "Whether a lost connection to a vhost-user process is made again.", ["vhostuser"],
      "source/reconnect/@enabled", .yesNo),
    source(
      "source.reconnect-timeout", .integer(0...Int(Int32.max)), "Seconds between attempts to connect again.",
      ["vhostuser"], "source/reconnect/@timeout"),
    source(
      "source.interface", .text(.networkDevice),
      "The interface of the host whose addresses passt gives the guest, and by which it sends.", ["user", "vhostuser"],
      "source/@dev"),
    source("source.name", .text(.line), "The name of an internal network.", ["internal"], "source/@name"),
    source(
      "source.address", .text(.line), "The address of the other end.", ["server", "client", "mcast", "udp"],
      "source/@address"),
    source(
      "source.port", .integer(1...65535), "The port of the other end.", ["server", "client", "mcast", "udp"],
      "source/@port"),
    source("source.local-address", .text(.line), "The own address.", ["udp"], "source/local/@address"),
    source("source.local-port", .integer(1...65535), "The own port.", ["udp"], "source/local/@port"),
    Field(
      "host-device", .text(DeviceAddress.sourceRule), "The PCI address of a network card of the host.",
      lens: DeviceAddress.source(isTyped: true).only(types: ["hostdev"]), staysWhenDropped: true,
      reference: interfaceReference),
    .yesNo(
      "managed", "Whether libvirt takes the card from the host and gives it back.", at: "@managed",
      reference: interfaceReference),
    Field(
      "target", .text(.networkDevice), "The name of the interface on the host.", at: "target/@dev",
      isComparableWhenRunning: false, reference: interfaceReference),
    Field(
      "guest-name", .text(.line), "The name of the interface in a container.", at: "guest/@dev",
      reference: interfaceReference),
    Field(
      "mac-type", .enumeration(["generated", "static"]), "Whether VMware made the MAC address.", at: "mac/@type",
      reference: interfaceReference),
    .yesNo("mac-check", "Whether VMware checks the MAC address.", at: "mac/@check", reference: interfaceReference),
    Field("script", .path, "A script that connects the interface.", at: "script/@path", reference: interfaceReference),
    Field(
      "down-script", .path, "A script that disconnects the interface.", at: "downscript/@path",
      reference: interfaceReference),
    Field(
      "backend.type", .enumeration(["passt"]),
      """
      What connects an interface of type `user`: `passt`, a process of its own; QEMU's own SLIRP if not set. Debian 12 has \
      built its libvirt without passt.
      """, at: "backend/@type", reference: passtReference),
    Field("backend.log-file", .path, "The file that passt logs to.", at: "backend/@logFile", reference: passtReference),
    Field(
      "backend.hostname", .text(.line), "The host name that passt's DHCP gives the guest.", at: "backend/@hostname",
      reference: passtReference
    ).since(11, 8),
    Field(
      "backend.fqdn", .text(.line), "The full domain name that passt's DHCP gives the guest.", at: "backend/@fqdn",
      reference: passtReference
    ).since(11, 8),
    covering(
      "port-forward",
      "Ports of the host that passt forwards to the guest; without `ranges` all of a protocol and an address.",
      list: "portForward",
      .record([
        Part("protocol", .enumeration(["tcp", "udp"]), "The protocol.", at: "@proto", isRequired: true),
        Part("address", .text(.ipAddress), "The host's address; all of them if not set.", at: "@address"),
        Part("dev", .text(.networkDevice), "The host's interface; all of them if not set.", at: "@dev"),
        Part(
          "ranges", "The ports.", list: "", "range",
          .record([
            Part("start", port, "The first port on the host, or the only one.", at: "@start", isRequired: true),
            Part("end", port, "The last port.", at: "@end"),
            Part("to", port, "The guest's port for the first; the same if not set.", at: "@to"),
            Part("exclude", .boolean, "Whether these ports of an earlier range are left out.", at: "@exclude", .yesNo),
          ])),
      ]), reference: passtReference),
    covering(
      "ips", "Addresses that the guest is given, where the host's side of the interface gives any.", list: "ip",
      .record([
        Part("address", .text(.ipAddress), "The address.", at: "@address", isRequired: true),
        Part("family", .enumeration(["ipv4", "ipv6"]), "The kind of address.", at: "@family"),
        Part("prefix", .integer(0...128), "The length of the network's prefix.", at: "@prefix"),
        Part("peer", .text(.ipAddress), "The address of the other end.", at: "@peer"),
      ]), reference: interfaceReference),
    Field(
      "backend.tap", .path, "The device that taps are made with.", at: "backend/@tap", reference: interfaceReference),
    Field("backend.vhost", .path, "The device of vhost.", at: "backend/@vhost", reference: interfaceReference),
    Field(
      "backend-domain", .text(.line), "The Xen domain that provides the interface.", at: "backenddomain/@name",
      reference: interfaceReference),
    Field(
      "virtual-port.type", .enumeration(["openvswitch", "802.1Qbg", "802.1Qbh", "midonet"]), "The kind of switch.",
      at: "virtualport/@type", reference: interfaceReference),
    port("interface-id", .text(.uuid), "The UUID of the interface on the switch.", "interfaceid"),
    port("profile-id", .text(.line), "The profile of the port.", "profileid"),
    port("manager-id", .integer(0...255), "The VSI manager.", "managerid"),
    port("type-id", .integer(0...16_777_215), "The VSI type.", "typeid"),
    port("type-id-version", .integer(0...255), "The version of the VSI type.", "typeidversion"),
    port("instance-id", .text(.uuid), "The UUID of the VSI instance.", "instanceid"),
    Field(
      "teaming.type", .enumeration(["persistent", "transient"]),
      "Whether the interface stays when the guest is migrated.", at: "teaming/@type", reference: interfaceReference),
    Field(
      "teaming.persistent", .text(.deviceAlias), "The alias of the interface that stays.", at: "teaming/@persistent",
      reference: interfaceReference),
  ]

  static let interfaceDriver: [Field] =
    [
      driver("name", .enumeration(["qemu", "vhost", "kvm", "vfio", "xen"]), "What moves the packets.", "name"),
      driver(
        "model", .text(.word("the name of a driver of the host")),
        "The host's driver that an assigned card is bound to, where `vfio-pci` is not the one.", "model"
      ).since(10, 0),
      flag("iommufd", "Whether an assigned card is reached through IOMMUFD.", "@iommufd", .yesNo).since(12, 1),
      driver("queues", .integer(1...256), "The number of queue pairs.", "queues"),
      driver("rx-queue-size", .integer(1...1024), "The length of the queue for what is received.", "rx_queue_size"),
      driver("tx-queue-size", .integer(1...1024), "The length of the queue for what is sent.", "tx_queue_size"),
      driver("txmode", .enumeration(["iothread", "timer"]), "How packets are sent.", "txmode"),
      flag("ioeventfd", "Whether requests are handled apart from the guest's processors.", "@ioeventfd"),
      flag("event-idx", "Whether notifications are saved by event indexes.", "@event_idx"),
      flag("rss", "Whether received packets are spread over the queues.", "@rss"),
      flag("rss-hash-report", "Whether the guest gets the packets' hashes.", "@rss_hash_report"),
    ]
    + ["csum", "gso", "tso4", "tso6", "ecn", "ufo", "mrg_rxbuf"].map {
      flag("host-\($0.replacingUnderscore)", "Whether the host offers the offload `\($0)`.", "host/@\($0)")
    }
    + ["csum", "tso4", "tso6", "ecn", "ufo"].map {
      flag("guest-\($0)", "Whether the guest may use the offload `\($0)`.", "guest/@\($0)")
    } + DeviceFields.virtio

  static let interfaceTraffic: [Field] =
    ["inbound", "outbound"].flatMap { way in
      ["average", "peak", "burst"].map { (part: String) in
        Field.count(
          "\(way).\(part)", part == "burst" ? "Kilobytes that may pass at the peak rate." : "The \(part) rate.",
          at: "bandwidth/\(way)/@\(part)", effect: .live(.device), reference: interfaceReference)
      }
    } + [
      .count(
        "inbound.floor", "The rate that the network guarantees.", at: "bandwidth/inbound/@floor",
        effect: .live(.device),
        reference: interfaceReference),
      Field(
        "filter", .text(.line), "The network filter of libvirt's that watches over the traffic.",
        at: "filterref/@filter", effect: .live(.device), reference: interfaceReference),
      .yesNo(
        "vlan-trunk", "Whether several VLANs share the interface.", at: "vlan/@trunk", reference: interfaceReference),
      Field(
        "vlans", "The VLANs.", list: "vlan", "tag",
        .record([
          Part("id", .integer(0...4095), "The number.", at: "@id", isRequired: true),
          Part(
            "native-mode", .enumeration(["tagged", "untagged"]), "How the native VLAN's packets are marked.",
            at: "@nativeMode"),
        ]), reference: interfaceReference),
      Field(
        "isolated", .boolean, "Whether isolated interfaces of a bridge cannot reach each other.", at: "port/@isolated",
        .yesNo, effect: .live(.device), reference: interfaceReference),
      .yesNo(
        "trust-guest-rx-filters", "Whether the host follows the guest's choice of MAC addresses.",
        at: "@trustGuestRxFilters", reference: interfaceReference),
      .count(
        "send-buffer", "The size in bytes of the host's send buffer.", at: "tune/sndbuf", reference: interfaceReference),
      .count(
        "coalesce-frames", "The most packets that are handed over together.", at: "coalesce/rx/frames/@max",
        effect: .live(.device), reference: interfaceReference),
    ]

  private static let passtReference = "formatdomain.html#userspace-connection-using-passt"
  private static let port = ValueType.integer(1...65535)

  private static func source(
    _ name: String, _ kind: ValueType, _ summary: String, _ types: [String], _ path: String,
    _ notation: Notation? = nil
  ) -> Field {
    Field(name, kind, summary, lens: .at(path, kind, notation).only(types: types), reference: interfaceReference)
  }

  /// Elements of a name, to which libvirt may add what the spec is silent about.
  private static func covering(
    _ name: String, _ summary: String, list element: String, _ shape: Shape, reference: String
  ) -> Field {
    let type = ValueType.list(of: shape.type)
    return Field(
      name, type, summary, lens: .list("", element, shape), reference: reference,
      equivalent: { type.covers(desired: $0, stored: $1) })
  }

  private static func port(_ name: String, _ kind: ValueType, _ summary: String, _ attribute: String) -> Field {
    Field(
      "virtual-port.\(name)", kind, summary, at: "virtualport/parameters/@\(attribute)", reference: interfaceReference)
  }

  private static func driver(_ name: String, _ kind: ValueType, _ summary: String, _ attribute: String) -> Field {
    Field("driver.\(name)", kind, summary, at: "driver/@\(attribute)", reference: interfaceReference)
  }

  private static func flag(
    _ name: String, _ summary: String, _ path: String, _ notation: Notation = .onOff
  ) -> Field {
    Field("driver.\(name)", .boolean, summary, at: "driver/\(path)", notation, reference: interfaceReference)
  }
}

extension String {
  fileprivate var replacingUnderscore: String { String(map { $0 == "_" ? "-" : $0 }) }
}

extension FieldKey<String> {
  /// The network filter that watches over the traffic of an interface.
  public static var filter: Self { Self("filter") }
}
