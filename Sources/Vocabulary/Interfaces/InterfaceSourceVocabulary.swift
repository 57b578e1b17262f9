// The fields of what an interface is connected to, beside the usual networks and bridges.

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
      at: "source/@portgroup", effect: .live(.connection), reference: interfaceReference
    ).only(with: "type", ["network"], at: "@type"),
    source(
      "source.dev", .text(.hostDevicePath), "The device of vDPA on the host, such as `/dev/vhost-vdpa-0`.", ["vdpa"],
      "source/@dev"
    ).required(with: "type", "vdpa"),
    source(
      "source.type", .enumeration(["unix"]), "How a vhost-user process is reached.", ["vhostuser"], "source/@type"
    ).required(with: "type", "vhostuser"),
    source("source.path", .path, "The socket of a vhost-user process.", ["vhostuser"], "source/@path").required(
      with: "type", "vhostuser"),
    source(
      "source.mode", .enumeration(["client", "server"]), "Whether QEMU connects to the socket or listens.",
      ["vhostuser"], "source/@mode"
    ).required(with: "type", "vhostuser"),
    source(
      "source.reconnect", .boolean, "Whether a lost connection to a vhost-user process is made again.", ["vhostuser"],
      "source/reconnect/@enabled", .yesNo
    ).required(with: "source.reconnect-timeout"),
    source(
      "source.reconnect-timeout", .integer(0...Int(Int32.max)), "Seconds between attempts to connect again.",
      ["vhostuser"], "source/reconnect/@timeout"
    ).only(with: "source.reconnect", ["true"]).required(with: "source.reconnect", "true"),
    source(
      "source.interface", .text(.networkDevice),
      "The interface of the host whose addresses passt gives the guest, and by which it sends.", ["user"],
      "source/@dev"),
    source("source.name", .text(.networkDevice), "The name of an internal network.", ["internal"], "source/@name")
      .required(with: "type", "internal"),
    source(
      "source.address", .text(.ipv4Address), "The address of the other end.", ["server", "client", "mcast", "udp"],
      "source/@address"
    ).required(with: "type", "client", "mcast", "udp"),
    source(
      "source.port", .integer(1...65535), "The port of the other end.", ["server", "client", "mcast", "udp"],
      "source/@port"
    ).required(with: "type", "server", "client", "mcast", "udp"),
    source("source.local-address", .text(.ipv4Address), "The own address.", ["udp"], "source/local/@address").required(
      with: "type", "udp"),
    source("source.local-port", .integer(1...65535), "The own port.", ["udp"], "source/local/@port").required(
      with: "type", "udp"),
    Field(
      "host-device", .text(DeviceAddress.sourceRule), "The PCI address of a network card of the host.",
      lens: DeviceAddress.source(isTyped: true), staysWhenDropped: true, reference: interfaceReference
    ).only(with: "type", ["hostdev"], at: "@type").required(with: "type", "hostdev"),
    .yesNo(
      "managed", "Whether libvirt takes the card from the host and gives it back.", at: "@managed",
      reference: interfaceReference
    ).only(with: "type", ["hostdev"]),
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
      at: "virtualport/@type", reference: interfaceReference
    ).only(with: "type", ["network", "bridge", "direct", "hostdev"]),
    port("interface-id", .text(.uuid), "The UUID of the interface on the switch.", "interfaceid").only(
      with: "virtual-port.type", ["openvswitch", "midonet"]
    ).required(with: "virtual-port.type", "midonet"),
    port("profile-id", .text(.line), "The profile of the port.", "profileid").only(
      with: "virtual-port.type", ["openvswitch", "802.1Qbh"]
    ).required(with: "virtual-port.type", "802.1Qbh"),
    port("manager-id", .integer(0...255), "The VSI manager.", "managerid").only(with: "virtual-port.type", ["802.1Qbg"])
      .required(with: "virtual-port.type", "802.1Qbg"),
    port("type-id", .integer(0...16_777_215), "The VSI type.", "typeid").only(with: "virtual-port.type", ["802.1Qbg"])
      .required(with: "virtual-port.type", "802.1Qbg"),
    port("type-id-version", .integer(0...255), "The version of the VSI type.", "typeidversion").only(
      with: "virtual-port.type", ["802.1Qbg"]
    ).required(with: "virtual-port.type", "802.1Qbg"),
    port("instance-id", .text(.uuid), "The UUID of the VSI instance.", "instanceid").only(
      with: "virtual-port.type", ["802.1Qbg"]),
    Field(
      "teaming.type", .enumeration(["persistent", "transient"]),
      "Whether the interface stays when the guest is migrated.", at: "teaming/@type", reference: interfaceReference
    ).required(with: "teaming.persistent"),
    Field(
      "teaming.persistent", .text(.deviceAlias), "The alias of the interface that stays.", at: "teaming/@persistent",
      reference: interfaceReference
    ).only(with: "teaming.type", ["transient"]).required(with: "teaming.type", "transient"),
  ]

  private static let passtReference = "formatdomain.html#userspace-connection-using-passt"
  private static let port = ValueType.integer(1...65535)

  private static func source(
    _ name: String, _ kind: ValueType, _ summary: String, _ types: [String], _ path: String,
    _ notation: Notation? = nil
  ) -> Field {
    Field(name, kind, summary, lens: .at(path, kind, notation), reference: interfaceReference)
      .only(with: "type", types, at: "@type")
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
}
