// The table of virtual networks. What stands in their `ip` and `dns` elements has files of its own.

import XMLTree

extension Vocabulary {
  /// A virtual network.
  public static let network = ObjectType(
    "network",
    """
    A virtual network of the host: a bridge of its own with addresses, DHCP and a name server, or a pool of the host's \
    devices.
    """,
    fields: networkLifecycle + networkGeneral + networkForward + networkBridge + networkAddresses + networkNames
      + networkPorts + [.sensitive, .xml(of: "network", reference: networkReference)],
    groups: [
      FieldGroup("bridge", "The bridge that guests are connected to.", shorthand: "name"),
      FieldGroup("nat", "How addresses are translated in the mode `nat`."),
      FieldGroup("domain", "The DNS domain of the network.", shorthand: "name"),
      FieldGroup("dhcp", "Addresses for guests that ask for one.", shorthand: "range"),
      FieldGroup("dns", "The name server on the network's own addresses.", shorthand: "enable"),
      FieldGroup("bandwidth", "Limits for all that the network carries together."),
    ], keyRule: .networkName)

  static let networkReference = "formatnetwork.html"

  /// The top of libvirt's network XML, in the order in which libvirt writes it.
  static let networkOrder = [
    "name", "uuid", "title", "description", "metadata", "forward", "bridge", "mtu", "mac", "domain", "dns", "vlan",
    "bandwidth", "port", "ip", "route", "virtualport", "portgroup", "dnsmasq:options",
  ]

  private static let networkLifecycle: [Field] = [
    Field(
      "state", .enumeration(["active", "inactive", "any"]),
      """
      What the network should be doing. `active`, the default, starts it; `inactive` stops it, and interfaces of guests \
      lead nowhere then; `any` leaves it as it is.
      """, effect: .live),
    Field(
      "autostart", .boolean, "Whether libvirt starts the network when the host starts. Left as it is when not given.",
      effect: .define, reference: "html/libvirt-libvirt-network.html#virNetworkSetAutostart"),
  ]

  private static let networkGeneral: [Field] = [
    Field(
      "uuid", .text(.uuid), "The UUID. When not given it is derived from the names of the stack and the network.",
      lens: placed("uuid", .text(.uuid)), effect: .replace, staysWhenDropped: true,
      reference: networkReference + "#general-metadata"),
    Field(
      "title", .text(.line), "A short description on one line.", lens: placed("title", .text(.line)), effect: .define,
      isComparableWhenRunning: false, reference: networkReference + "#general-metadata"
    ).since(9, 7),
    Field(
      "description", .text(.any), "A description for people.", lens: placed("description", .text(.any)),
      effect: .define, isComparableWhenRunning: false, reference: networkReference + "#general-metadata"
    ).since(9, 7),
    networkFlag(
      "guest-ipv6", "@ipv6",
      "Whether guests may speak IPv6 among themselves on a network without an IPv6 address.",
      reference: "#general-metadata"),
    networkFlag(
      "trust-guest-rx-filters", "@trustGuestRxFilters",
      "Whether guests may set which packets reach them, by changing their MAC address or joining multicast groups.",
      reference: "#general-metadata"),
  ]

  // MARK: The way out

  private static let networkModes = [
    "nat", "route", "open", "isolated", "bridge", "private", "vepa", "passthrough", "hostdev",
  ]

  private static let networkForward: [Field] = [
    Field(
      "mode", .enumeration(networkModes),
      """
      How the network is connected to the outside: `nat` behind the host's address, `route` by the host's routing, \
      `open` likewise without any firewall rules, `isolated` not at all; `bridge` by a bridge that the host has, or like \
      `private`, `vepa` and `passthrough` by macvtap on the host's `devices`; `hostdev` hands out whole devices.
      """, lens: modeLens, libvirtDefault: .string("isolated"), reference: networkReference + "#connectivity"),
    Field(
      "devices", .list(of: .text(.networkDevice)),
      """
      The host's network devices. In the modes `nat` and `route` traffic goes out through the one that is given, and \
      through any otherwise; macvtap modes connect each guest to one of them, and changes reach a network that runs.
      """, lens: devicesLens, effect: .live, reference: networkReference + "#connectivity"),
    Field(
      "physical-function", .text(.networkDevice),
      "The network card whose virtual functions guests are given (SR-IOV).",
      lens: forward(.checked("forward/pf/@dev", .text(.networkDevice)), "pf"),
      reference: networkReference + "#connectivity"),
    Field(
      "host-devices", .list(of: .text(.pciAddress)), "The PCI devices that guests are given in the mode `hostdev`.",
      lens: forward(.rows("forward", "address", forwardedDevice, order: forwardOrder), "address"),
      reference: networkReference + "#connectivity"),
    Field(
      "managed", .boolean,
      "Whether libvirt takes devices of the mode `hostdev` from the host's driver and gives them back to it.",
      lens: forward(.checked("forward/@managed", .boolean, .yesNo), nil),
      reference: networkReference + "#connectivity"),
    Field(
      "driver", .enumeration(["vfio", "kvm"]), "Who hands out devices in the mode `hostdev`.",
      lens: forward(.checked("forward/driver/@name", .enumeration(["vfio", "kvm"])), "driver"),
      reference: networkReference + "#connectivity"),
    Field(
      "driver-model", .text(.word("the name of a driver of the host")),
      "The host's driver that devices of the mode `hostdev` are bound to, where `vfio-pci` is not the one.",
      lens: forward(.checked("forward/driver/@model", .text(.word("the name of a driver of the host"))), "driver"),
      reference: networkReference + "#connectivity"
    ).since(10, 0),
    Field(
      "nat.addresses", .text(.ipv4Range), "The addresses that guests appear under outside; the host's when not given.",
      lens: forward(.rows("forward/nat", "address", addressSpan).single, "nat"),
      reference: networkReference + "#connectivity"),
    Field(
      "nat.ports", .text(.portRange), "The ports that guests' connections get outside; 1024-65535 when not given.",
      lens: forward(.rows("forward/nat", "port", portSpan).single, "nat"),
      reference: networkReference + "#connectivity"),
    Field(
      "nat.ipv6", .boolean, "Whether IPv6 is translated as well, and not only IPv4.",
      lens: forward(.checked("forward/nat/@ipv6", .boolean, .yesNo), "nat"),
      reference: networkReference + "#connectivity"),
  ]

  private static let forwardOrder = ["driver", "pf", "nat", "interface", "address"]

  private static let forwardedDevice = ElementForm(.text(.pciAddress)) { element in
    PCIAddress(element).map { .string($0.description) }
  } encode: { value in
    var element = XMLElement("address", ["type": "pci"])
    guard let address = value.string.flatMap({ PCIAddress($0) }) else { return nil }
    address.put(into: &element)
    return element
  }

  private static let addressSpan = ElementForm(.text(.ipv4Range)) { element in
    AddressRange(element).map { .string($0.description) }
  } encode: { value in
    value.string.flatMap { AddressRange($0) }?.element("address")
  }

  private static let portSpan = ElementForm(.text(.portRange)) { element in
    guard let start = element[attribute: "start"], let end = element[attribute: "end"],
      let text = try? TextRule.portRange.normalised("\(start)-\(end)")
    else { return nil }
    return .string(text)
  } encode: { value in
    let ends = value.string?.split(separator: "-").map(String.init) ?? []
    return ends.count == 2 ? XMLElement("port", ["start": ends[0], "end": ends[1]]) : nil
  }

  /// `forward/@mode`, or no way out at all.
  private static let modeLens = Lens(places: ["forward/@mode"]) { network in
    guard let forward = network.first("forward") else { return .string("isolated") }
    guard let mode = forward[attribute: "mode"] else { return nil }
    return networkModes.contains(mode) && mode != "isolated" ? .string(mode) : nil
  } write: { network, value in
    guard let mode = value?.string, mode != "isolated" else {
      network.removeAll("forward")
      return
    }
    network.updateTop("forward") { $0[attribute: "mode"] = mode }
  }

  /// The devices, the first of which libvirt repeats in an attribute of its own.
  private static let devicesLens: Lens = {
    let device = ElementForm.attribute("interface", "dev", .text(.networkDevice))
    let rows = Lens.rows("forward", "interface", device, order: forwardOrder)
    return Lens(places: ["forward/interface/@dev", "forward/@dev"]) { network in
      let first = network.value(at: "forward/@dev")
      guard network.first("forward")?.first("interface") != nil else {
        // A definition that libvirt has not written down yet.
        return first.map { .list([.string($0)]) }
      }
      guard let value = rows.get(network), value.list?.first?.string == first else { return nil }
      return value
    } write: { network, value in
      if value == nil, !network.exists(at: "forward/@dev"), network.element(at: "forward/interface") == nil { return }
      if value != nil { network.updateTop("forward") { _ in } }
      rows.put(value, into: &network)
      network.update("forward", create: false) { forward in
        let first = value?.list?.first?.string
        if forward[attribute: "dev"] == nil, let first {
          forward.attributes.insert(XMLAttribute("dev", first), at: 0)
        } else {
          forward[attribute: "dev"] = first
        }
      }
      network.pruneTop("forward")
    }
  }()

  /// A part of `forward`, which stands where libvirt writes it.
  private static func forward(_ lens: Lens, _ part: String?) -> Lens {
    Lens(places: lens.places, read: lens.get) { network, value in
      if value == nil, lens.get(network) == nil, network.first("forward") == nil { return }
      if value != nil {
        network.updateTop("forward") { forward in
          guard let part, forward.first(part) == nil else { return }
          forward.insert(XMLElement(part), at: forward.place(of: part, in: forwardOrder))
        }
      }
      lens.put(value, into: &network)
    }
  }

  // MARK: The bridge

  private static let networkBridge: [Field] = [
    Field(
      "bridge.name", .text(.networkDevice),
      """
      The bridge's name on the host. libvirt makes the bridge, and finds a free name for it when none is given; in the \
      mode `bridge` it is one that the host has.
      """, lens: placed("bridge/@name", .text(.networkDevice)), staysWhenDropped: true,
      reference: networkReference + "#connectivity"),
    Field(
      "bridge.zone", .text(.word("the name of a firewalld zone")), "The zone of firewalld that the bridge is put into.",
      lens: placed("bridge/@zone", .text(.word("the name of a firewalld zone"))),
      reference: networkReference + "#connectivity"),
    Field(
      "bridge.stp", .boolean, "Whether the bridge looks for loops by the spanning tree protocol.",
      lens: placed("bridge/@stp", .boolean, .onOff), libvirtDefault: .boolean(true),
      reference: networkReference + "#connectivity"),
    Field(
      "bridge.delay", .duration, "How long a new port of the bridge listens before it forwards.",
      lens: placed("bridge/@delay", .duration, .wholeSeconds), libvirtDefault: .seconds(0),
      reference: networkReference + "#connectivity"),
    Field(
      "bridge.mac-table-manager", .enumeration(["kernel", "libvirt"]),
      """
      Who fills the bridge's table of MAC addresses: the `kernel` by learning, or `libvirt`, which knows its guests and \
      turns learning and flooding off.
      """, lens: placed("bridge/@macTableManager", .enumeration(["kernel", "libvirt"])).unsaid(.string("kernel")),
      reference: networkReference + "#connectivity"),
    Field(
      "mtu", .integer(68...65535), "The largest packet in bytes, for the bridge and for guests on it.",
      lens: placed("mtu/@size", .integer(68...65535), .integer), reference: networkReference + "#connectivity"),
    Field(
      "mac", .text(.macAddress),
      """
      The MAC address of the bridge. A new network with a bridge of its own gets one that is derived from the names of \
      the stack and the network.
      """, lens: placed("mac/@address", .text(.macAddress), .lowercase), staysWhenDropped: true,
      reference: networkReference + "#addressing"),
  ]

  // MARK: Ports

  private static let networkPorts: [Field] = [
    Field(
      "bandwidth.inbound", NetworkForms.flow("inbound").type, "What goes to the network's guests.",
      lens: flow("inbound"), reference: networkReference + "#quality-of-service", covering: true),
    Field(
      "bandwidth.outbound", NetworkForms.flow("outbound").type, "What comes from the network's guests.",
      lens: flow("outbound"), reference: networkReference + "#quality-of-service", covering: true),
    Field(
      "vlan", NetworkForms.vlan.type,
      "The VLAN tags of all guests' packets, where the way out can carry any: Open vSwitch, SR-IOV.",
      lens: placed(record: "vlan", NetworkForms.vlan),
      reference: networkReference + "#setting-vlan-tag-on-supported-network-types-only",
      covering: true),
    networkFlag(
      "port-isolated", "port/@isolated", "Whether guests are kept from each other and see only the way out.",
      reference: "#isolating-ports-from-one-another"),
    Field(
      "virtual-port", NetworkForms.virtualPort.type, "What guests' ports on a virtual switch are.",
      lens: placed(record: "virtualport", NetworkForms.virtualPort), reference: networkReference + "#connectivity",
      covering: true),
    Field(
      "portgroups", .table(key: .portGroup, of: portGroup.type),
      "Kinds of ports by name; an interface of a guest may name the one that it takes. Changes reach a network that runs.",
      lens: .table(
        nil, "portgroup", key: .checked("@name", .text(.portGroup)), portGroup, order: networkOrder),
      effect: .live, reference: networkReference + "#portgroups", covering: true),
    Field(
      "dnsmasq-options", .list(of: .text(.line)),
      """
      Lines for the configuration of dnsmasq, which serves DHCP and names, as they are: libvirt does not look into them. \
      A wrong one keeps the network from starting.
      """, lens: dnsmasqLens, reference: networkReference + "#network-namespaces"),
  ]

  private static let portGroup = ElementForm.record(
    "portgroup",
    [
      ElementPart(
        "default", .boolean, "Whether interfaces that name no port group take this one.",
        lens: .checked("@default", .boolean, .yesNo)),
      ElementPart(
        "trust-guest-rx-filters", .boolean, "As for the network.",
        lens: .checked("@trustGuestRxFilters", .boolean, .yesNo)),
      NetworkForms.part("vlan", NetworkForms.vlan, "The VLAN tags of the guests' packets."),
      NetworkForms.part(
        "virtual-port", at: "virtualport", NetworkForms.virtualPort, "What guests' ports on a virtual switch are."),
      NetworkForms.part("bandwidth", NetworkForms.bandwidth, "Limits for each port."),
    ])

  /// Options in dnsmasq's own words, in a namespace that the document may bind to any prefix.
  private static let dnsmasqLens: Lens = {
    let namespace = "http://libvirt.org/schemas/network/dnsmasq/1.0"
    return Lens.foreign("options", namespace: namespace, prefix: "dnsmasq") { options in
      let values = options.map { option -> Value? in
        guard option.name == "option", option.attributes.map(\.name) == ["value"], option.children.isEmpty,
          let text = option[attribute: "value"], (try? TextRule.line.normalised(text)) == text
        else { return nil }
        return .string(text)
      }
      return values.isEmpty || values.contains(nil) ? nil : .list(values.compactMap(\.self))
    } write: { value in
      (value.list ?? []).compactMap { $0.string.map { XMLElement("option", ["value": $0]) } }
    }
  }()

  private static func flow(_ name: String) -> Lens {
    let lens = Lens.record(XMLPath(stringLiteral: "bandwidth/\(name)"), NetworkForms.flow(name))
    return Lens(places: lens.places, read: lens.get) { network, value in
      if value != nil { network.updateTop("bandwidth") { _ in } }
      lens.put(value, into: &network)
      network.pruneTop("bandwidth")
    }
  }

  // MARK: Parts of the table

  /// A value in the network's XML whose first element stands where libvirt writes it.
  static func placed(_ path: XMLPath, _ type: ValueType, _ notation: Notation = .text) -> Lens {
    let lens = Lens.checked(path, type, notation)
    return Lens(places: lens.places, read: lens.get) { network, value in
      let name = String(path.description.prefix { $0 != "/" })
      if value != nil, !name.hasPrefix("@") { network.updateTop(name) { _ in } }
      lens.put(value, into: &network)
    }
  }

  private static func placed(record name: String, _ form: ElementForm) -> Lens {
    let lens = Lens.record(XMLPath(stringLiteral: name), form)
    return Lens(places: lens.places, read: lens.get) { network, value in
      if value != nil { network.updateTop(name) { _ in } }
      lens.put(value, into: &network)
    }
  }

  static func networkFlag(_ name: String, _ path: XMLPath, _ summary: String, reference: String) -> Field {
    Field(
      name, .boolean, summary, lens: placed(path, .boolean, .yesNo).unsaid(.boolean(false)),
      reference: networkReference + reference)
  }
}

extension Field {
  /// A field whose stored value may say more than the spec asked for.
  fileprivate convenience init(
    _ name: String, _ type: ValueType, _ summary: String, lens: Lens, effect: EffectRule = .nextBoot,
    reference: String, covering: Bool
  ) {
    self.init(
      name, type, summary, lens: lens, effect: effect, reference: reference,
      equivalent: { type.covers(desired: $0, stored: $1) })
  }
}

extension Notation {
  /// A length of time, written as a number of seconds.
  static let wholeSeconds = Notation(
    value: { text in Int(text).flatMap { $0 >= 0 ? .seconds($0) : nil } }, text: { $0.seconds.map(String.init) })
}

extension XMLElement {
  /// Changes a top element of a network, which is made where libvirt writes it.
  mutating func updateTop(_ name: String, _ body: (inout XMLElement) -> Void) {
    if first(name) == nil { insert(XMLElement(name), at: place(of: name, in: Vocabulary.networkOrder)) }
    update(name, body)
  }

  /// Takes out a top element that says nothing.
  mutating func pruneTop(_ name: String) {
    removeAll(name) { $0.isBare }
  }
}
