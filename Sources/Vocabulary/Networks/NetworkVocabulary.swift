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
      + networkPorts + [.unmanage, .sensitive, .xml(of: "network", reference: networkReference)],
    groups: [
      FieldGroup("bridge", "The bridge that guests are connected to.", shorthand: "name"),
      FieldGroup("nat", "How addresses are translated in the mode `nat`."),
      FieldGroup("domain", "The DNS domain of the network.", shorthand: "name"),
      FieldGroup("dhcp", "Addresses for guests that ask for one.", shorthand: "ranges"),
      FieldGroup("dns", "The name server on the network's own addresses.", shorthand: "enable"),
      FieldGroup("bandwidth", "Limits for all that the network carries together."),
    ], keyRule: .networkName, formerNames: ["dhcp.range": "dhcp.ranges"])

  static let networkReference = "formatnetwork.html"

  /// The top of libvirt's network XML, in the order in which libvirt writes it.
  static let networkOrder = [
    "name", "uuid", "title", "description", "metadata", "forward", "bridge", "mtu", "mac", "domain", "dns", "vlan",
    "bandwidth", "port", "ip", "route", "virtualport", "portgroup", "dnsmasq:options",
  ]

  /// The same with what is within.
  static let networkXML = XMLOrder([
    "": networkOrder, "forward": ["driver", "pf", "nat", "interface", "address"],
    "dns": ["forwarder", "txt", "srv", "host"],
  ])

  private static let networkLifecycle: [Field] = [
    Field(
      "state", .enumeration(["active", "inactive", "any"]),
      """
      The desired state of the network. `active`, the default, starts it; `inactive` stops it, and interfaces of guests \
      lead nowhere then; `any` leaves it as it is.
      """, effect: .live(by: "virNetworkCreate", "virNetworkDestroy")),
    Field(
      "autostart", .boolean, "Whether libvirt starts the network when the host starts. Unchanged if not set.",
      effect: .define, reference: "html/libvirt-libvirt-network.html#virNetworkSetAutostart"),
  ]

  private static let networkGeneral: [Field] = [
    Field(
      "uuid", .text(.uuid), "The UUID. If not set it is derived from the names of the stack and the network.",
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
      """, lens: devicesLens,
      effect: .live(
        by: "virNetworkUpdate",
        where: "the mode is one of macvtap's, and no guest is connected to a device that leaves"),
      reference: networkReference + "#connectivity"),
    Field(
      "physical-function", .text(.networkDevice),
      "The network card whose virtual functions guests are given (SR-IOV).",
      lens: placed("forward/pf/@dev", .text(.networkDevice)),
      reference: networkReference + "#connectivity"),
    Field(
      "host-devices", .list(of: .text(.pciAddress)), "The PCI devices that guests are given in the mode `hostdev`.",
      lens: inNetwork(.list("forward", "address", forwardedDevice)),
      reference: networkReference + "#connectivity"),
    Field(
      "managed", .boolean,
      "Whether libvirt takes devices of the mode `hostdev` from the host's driver and gives them back to it.",
      lens: placed("forward/@managed", .boolean, .yesNo),
      reference: networkReference + "#connectivity"),
    Field(
      "driver", .enumeration(["vfio", "kvm"]), "Who hands out devices in the mode `hostdev`.",
      lens: placed("forward/driver/@name", .enumeration(["vfio", "kvm"])),
      reference: networkReference + "#connectivity"),
    Field(
      "driver-model", .text(.word("the name of a driver of the host")),
      "The host's driver that devices of the mode `hostdev` are bound to, where `vfio-pci` is not the one.",
      lens: placed("forward/driver/@model", .text(.word("the name of a driver of the host"))),
      reference: networkReference + "#connectivity"
    ).since(10, 0),
    Field(
      "nat.addresses", .text(.ipv4Range), "The addresses that guests appear under outside; the default is the host's.",
      lens: inNetwork(.list("forward/nat", "address", addressSpan).single),
      reference: networkReference + "#connectivity"),
    Field(
      "nat.ports", .text(.portRange), "The ports that guests' connections get outside; the default is 1024-65535.",
      lens: inNetwork(.list("forward/nat", "port", portSpan).single),
      reference: networkReference + "#connectivity"),
    Field(
      "nat.ipv6", .boolean, "Whether IPv6 is translated as well, and not only IPv4.",
      lens: placed("forward/nat/@ipv6", .boolean, .yesNo),
      reference: networkReference + "#connectivity"),
  ]

  private static let forwardedDevice = Shape(.text(.pciAddress)) { element in
    PCIAddress(element).map { .string($0.description) }
  } put: { value, element in
    element[attribute: "type"] = "pci"
    value.string.flatMap { PCIAddress($0) }?.put(into: &element)
  }

  private static let addressSpan = Shape(.text(.ipv4Range)) { element in
    AddressRange(element).map { .string($0.description) }
  } put: { value, element in
    value.string.flatMap { AddressRange($0) }?.put(into: &element)
  }

  private static let portSpan = Shape(.text(.portRange)) { element in
    guard let start = element[attribute: "start"], let end = element[attribute: "end"],
      let text = try? TextRule.portRange.normalised("\(start)-\(end)")
    else { return nil }
    return .string(text)
  } put: { value, element in
    let ends = value.string?.split(separator: "-").map(String.init) ?? []
    guard ends.count == 2 else { return }
    element[attribute: "start"] = ends[0]
    element[attribute: "end"] = ends[1]
  }

  /// `forward/@mode`, or no way out at all.
  private static let modeLens = inNetwork(
    Lens(places: ["forward/@mode"]) { network in
      guard let forward = network.first("forward") else { return .string("isolated") }
      guard let mode = forward[attribute: "mode"] else { return nil }
      return networkModes.contains(mode) && mode != "isolated" ? .string(mode) : nil
    } write: { network, value in
      guard let mode = value?.string, mode != "isolated" else {
        network.removeAll("forward")
        return
      }
      network.set(mode, at: "forward/@mode")
    })

  /// The devices, the first of which libvirt repeats in an attribute of its own.
  private static let devicesLens: Lens = {
    let rows = Lens.list("forward", "interface", .at("@dev", .text(.networkDevice)))
    return inNetwork(
      Lens(places: ["forward/interface/@dev", "forward/@dev"]) { network in
        let first = network.value(at: "forward/@dev")
        guard network.first("forward")?.first("interface") != nil else {
          // A definition that libvirt has not written down yet.
          return first.map { .list([.string($0)]) }
        }
        guard let value = rows.get(network), value.list?.first?.string == first else { return nil }
        return value
      } write: { network, value in
        rows.put(value, into: &network)
        network.set(value?.list?.first?.string, at: "forward/@dev")
      })
  }()

  // MARK: The bridge

  private static let firewallZone = TextRule.made(of: "_-", "the name of a firewalld zone")

  private static let networkBridge: [Field] = [
    Field(
      "bridge.name", .text(.networkDevice),
      """
      The bridge's name on the host. libvirt makes the bridge, and finds a free name for it when none is given; in the \
      mode `bridge` it is one that the host has.
      """, lens: placed("bridge/@name", .text(.networkDevice)), staysWhenDropped: true,
      reference: networkReference + "#connectivity"),
    Field(
      "bridge.zone", .text(firewallZone), "The zone of firewalld that the bridge is put into.",
      lens: placed("bridge/@zone", .text(firewallZone)),
      reference: networkReference + "#connectivity"),
    Field(
      "bridge.stp", .boolean, "Whether the bridge looks for loops by the spanning tree protocol.",
      lens: placed("bridge/@stp", .boolean, .onOff), libvirtDefault: .boolean(true),
      reference: networkReference + "#connectivity"),
    Field(
      "bridge.delay", .duration, "How long a new port of the bridge listens before it forwards.",
      lens: placed("bridge/@delay", .duration), libvirtDefault: .seconds(0),
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
      lens: placed("mtu/@size", .integer(68...65535)), reference: networkReference + "#connectivity"),
    Field(
      "mac", .text(.macAddress),
      """
      The MAC address of the bridge. A new network with a bridge of its own gets one that is derived from the names of \
      the stack and the network.
      """, lens: placed("mac/@address", .text(.macAddress)), staysWhenDropped: true,
      reference: networkReference + "#addressing"),
  ]

  // MARK: Ports

  private static let networkPorts: [Field] = [
    Field(
      "bandwidth.inbound", NetworkForms.flow.type, "What goes to the network's guests.",
      lens: inNetwork(.record("bandwidth/inbound", NetworkForms.flow)),
      reference: networkReference + "#quality-of-service", covering: true),
    Field(
      "bandwidth.outbound", NetworkForms.flow.type, "What comes from the network's guests.",
      lens: inNetwork(.record("bandwidth/outbound", NetworkForms.flow)),
      reference: networkReference + "#quality-of-service", covering: true),
    Field(
      "vlan", NetworkForms.vlan.type,
      "The VLAN tags of all guests' packets, where the way out can carry any: Open vSwitch, SR-IOV.",
      lens: inNetwork(.record("vlan", NetworkForms.vlan)),
      reference: networkReference + "#setting-vlan-tag-on-supported-network-types-only",
      covering: true),
    networkFlag(
      "port-isolated", "port/@isolated", "Whether guests are kept from each other and see only the way out.",
      reference: "#isolating-ports-from-one-another"),
    Field(
      "virtual-port", NetworkForms.virtualPort.type, "What guests' ports on a virtual switch are.",
      lens: inNetwork(.record("virtualport", NetworkForms.virtualPort)), reference: networkReference + "#connectivity",
      covering: true),
    Field(
      "portgroups", .table(key: .portGroup, of: portGroup.type),
      "Kinds of ports by name; an interface of a guest may name the one that it takes. Changes reach a network that runs.",
      lens: inNetwork(.table("", "portgroup", key: "@name", .portGroup, portGroup)),
      effect: .live(by: "virNetworkUpdate"), reference: networkReference + "#portgroups", covering: true),
    Field(
      "dnsmasq-options", .list(of: .text(.line)),
      """
      Lines for the configuration of dnsmasq, which serves DHCP and names, as they are: libvirt does not look into them. \
      A wrong one keeps the network from starting.
      """, lens: dnsmasqLens, reference: networkReference + "#network-namespaces"),
  ]

  private static let portGroup = Shape.record([
    Part("default", .boolean, "Whether interfaces that name no port group take this one.", at: "@default", .yesNo),
    Part("trust-guest-rx-filters", .boolean, "As for the network.", at: "@trustGuestRxFilters", .yesNo),
    Part("vlan", "The VLAN tags of the guests' packets.", element: "vlan", NetworkForms.vlan),
    Part(
      "virtual-port", "What guests' ports on a virtual switch are.", element: "virtualport", NetworkForms.virtualPort),
    Part("bandwidth", "Limits for each port.", element: "bandwidth", NetworkForms.bandwidth),
  ])

  /// Options in dnsmasq's own words, in a namespace that the document may bind to any prefix.
  private static let dnsmasqLens = Lens.foreign(
    "options", namespace: "http://libvirt.org/schemas/network/dnsmasq/1.0", prefix: "dnsmasq",
    .list("option", .at("@value", .text(.line))))

  // MARK: Parts of the table

  /// A lens on a network, whose new elements stand where libvirt writes them.
  static func inNetwork(_ lens: Lens) -> Lens { lens.inOrder(networkXML) }

  /// A value in one place of a network.
  static func placed(_ path: String, _ type: ValueType, _ notation: Notation? = nil) -> Lens {
    inNetwork(.at(path, type, notation))
  }

  static func networkFlag(_ name: String, _ path: String, _ summary: String, reference: String) -> Field {
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

/// How a network is connected to the outside.
public enum NetworkMode: String, FieldWord {
  /// Behind the host's address.
  case nat
  /// By the host's routing.
  case route
  /// By the host's routing; libvirt adds no firewall rules.
  case open
  /// Not at all.
  case isolated
  /// By a bridge of the host.
  case bridge
  /// By macvtap; guests do not reach each other.
  case `private`
  /// By macvtap and a switch that sends packets back.
  case vepa
  /// By macvtap, a device for each guest.
  case passthrough
  /// By whole devices of the host.
  case hostdev
}

/// What a network should be doing.
public enum NetworkState: String, FieldWord {
  /// It runs.
  case active
  /// It does not run; the definition stays.
  case inactive
  /// Whatever it does now.
  case any
}

extension FieldKey<NetworkMode> {
  /// How a network is connected to the outside.
  public static var networkMode: Self { Self("mode") }
}

extension FieldKey<NetworkState> {
  /// The desired state of a network.
  public static var networkState: Self { Self("state") }
}

extension FieldKey<String> {
  /// The bridge of a network.
  public static var bridgeName: Self { Self("bridge.name") }

  /// The network card whose virtual functions guests are given.
  public static var physicalFunction: Self { Self("physical-function") }

  /// Who hands out devices in the mode `hostdev`.
  public static var driver: Self { Self("driver") }

  /// The addresses that guests appear under outside.
  public static var natAddresses: Self { Self("nat.addresses") }

  /// The ports that guests' connections get outside.
  public static var natPorts: Self { Self("nat.ports") }
}

extension FieldKey<[String]> {
  /// The network devices of the host that a network uses.
  public static var devices: Self { Self("devices") }

  /// The PCI devices that guests are given in the mode `hostdev`.
  public static var hostDevices: Self { Self("host-devices") }
}

extension FieldKey<Bool> {
  /// Whether libvirt takes a device from the host's driver and gives it back.
  public static var managed: Self { Self("managed") }

  /// Whether IPv6 is translated as well.
  public static var natIPv6: Self { Self("nat.ipv6") }
}

extension FieldKey<FieldValue> {
  /// Kinds of ports, by name.
  public static var portGroups: Self { Self("portgroups") }
}
