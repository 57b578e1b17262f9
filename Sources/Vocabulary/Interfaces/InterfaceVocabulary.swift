// The table of network interfaces.

public import XMLTree

extension Vocabulary {
  /// A network interface.
  public static let interface = ObjectType(
    "interface",
    "A network interface: on a libvirt `network`, a host `bridge`, `direct` on a host device, or `type: user`.",
    fields: [
      Field(
        "type",
        .enumeration([
          "network", "bridge", "direct", "user", "ethernet", "hostdev", "vdpa", "vhostuser", "internal", "server",
          "client", "mcast", "udp",
        ]),
        "How it is connected. `network`, `bridge` and `direct` follow from the key of that name.", lens: typeLens,
        effect: .live(.connection), staysWhenDropped: true,
        reference: interfaceReference),
      Field(
        "network", .text(.networkName), "The libvirt network that it is connected to.",
        lens: source("network", "network"), effect: .live(.connection), reference: interfaceReference),
      Field(
        "bridge", .text(.networkDevice), "The host bridge that it is connected to.", lens: source("bridge", "bridge"),
        effect: .live(.connection), reference: interfaceReference),
      Field(
        "direct", .text(.networkDevice), "The host device that it is connected to by macvtap.",
        lens: source("direct", "dev"), reference: interfaceReference),
      Field(
        "mode", .enumeration(["bridge", "vepa", "private", "passthrough"]),
        "The macvtap mode of a `direct` interface; the default is `bridge`.", lens: source("direct", "mode"),
        reference: interfaceReference),
      Field(
        "model", .text(.word("the name of a network card's model")), "The network card; a new one is `virtio`.",
        lens: .at("model/@type", .text(.word("the name of a network card's model"))), initial: .string("virtio"),
        reference: interfaceReference),
      Field(
        "mac", .text(.macAddress),
        """
        The MAC address. A new interface gets one that is derived from the names of the stack, the domain and the \
        interface.
        """, at: "mac/@address", staysWhenDropped: true, reference: interfaceReference),
      Field(
        "mtu", .integer(68...65535), "The largest packet in bytes.", at: "mtu/@size",
        reference: interfaceReference),
      Field(
        "link", .enumeration(["up", "down"]), "Whether the cable is plugged in.",
        lens: .at("link/@state", .enumeration(["up", "down"])), effect: .live(.device),
        reference: interfaceReference),
    ] + interfaceSources + interfaceDriver + interfaceTraffic + [
      DeviceFields.bootOrder, DeviceFields.acpiIndex,
    ] + DeviceFields.rom + [DeviceFields.address],
    groups: interfaceGroups,
    device: DeviceRule(
      "interface", identity: .alias, role: .network, aliases: ["net"],
      marks: [.init(.mac) { $0.value(at: "mac/@address")?.lowercased() }],
      adoption: [.field("mac"), .firstApply, .alike(["type", "network", "bridge", "direct"]), .equal],
      summary: DeviceSummary(
        telling: ["type", "network", "bridge", "direct"],
        DeviceText { interface in
          let type = interface[attribute: "type"] ?? interface.name
          let source = interface.first("source")
          return ["network", "bridge", "dev"].lazy.compactMap { source?[attribute: $0] }.first.map { "\(type) \($0)" }
            ?? type
        }),
      key: DeviceText { _ in "net0" }, hotplug: [.live(needs: [.rootPort])], addition: .never),
    keyRule: .deviceKey)

  static let interfaceReference = "formatdomain.html#network-interfaces"

  /// An interface of a running guest as a definition says it: libvirt shows a network that only leads to a device of the
  /// host as that device, with the network's name beside it.
  public static func storedForm(ofRunning interface: XMLElement) -> XMLElement {
    guard interface.name == "interface", interface[attribute: "type"] != "network",
      let source = interface.first("source"), let network = source[attribute: "network"]
    else { return interface }
    var result = interface
    result[attribute: "type"] = "network"
    var connection = XMLElement("source", ["network": network])
    connection[attribute: "portgroup"] = source[attribute: "portgroup"]
    result.removeAll("source")
    result.append(connection)
    return result
  }

  /// `@type`. Another kind of connection has another source.
  private static let typeLens = Lens.at("@type", .text(.any)).replacing("source")

  /// An attribute of `source` that only interfaces of a type have.
  private static func source(_ type: String, _ attribute: String) -> Lens {
    let lens = Lens.at("source/@\(attribute)", .text(.any))
    return Lens(places: lens.places) { element in
      element[attribute: "type"] == type ? lens.get(element) : nil
    } write: { element, value in
      guard value != nil || element[attribute: "type"] == type else { return }
      lens.put(value, into: &element)
    }
  }
}

extension FieldKey<String> {
  /// The MAC address of an interface or of a network's bridge.
  public static var mac: Self { Self("mac") }

  /// The libvirt network that an interface is connected to.
  public static var network: Self { Self("network") }

  /// The host bridge that an interface is connected to.
  public static var bridge: Self { Self("bridge") }

  /// The host device that an interface is connected to by macvtap.
  public static var direct: Self { Self("direct") }

  /// Whether the cable of an interface is plugged in.
  public static var link: Self { Self("link") }

  /// The macvtap mode of a `direct` interface. A network has ``FieldKey/networkMode``.
  public static var macvtapMode: Self { Self("mode") }
}

extension FieldKey<Int> {
  /// The largest packet of an interface or a network, in bytes.
  public static var mtu: Self { Self("mtu") }
}
