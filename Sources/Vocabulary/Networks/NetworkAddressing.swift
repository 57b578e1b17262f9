// The part of the network's table that lives in `ip` elements: addresses, DHCP, files for guests that boot over the
// network, and routes.
//
// An `ip` element is an address and what is served on its network. The spec names them apart: what is served belongs to
// the address whose network it lies in.

import XMLTree

extension Vocabulary {
  static let networkAddresses: [Field] = [
    Field(
      "address", .list(of: .text(.ipNetwork)), "The host's address on the network; the same as `addresses`."),
    Field(
      "addresses", .list(of: .text(.ipNetwork)),
      """
      The host's addresses on the network, each with the prefix of its network: `10.0.0.1/24`, `fd00::1/64`. Guests take \
      the host for their router and name server there.
      """, lens: IPLenses.addresses, reference: networkReference + "#addressing",
      equivalent: { desired, stored in
        IPLenses.isSame(desired, stored) { (left: IPNetwork, right: IPNetwork) in
          left.isSame(as: right)
        } read: {
          IPNetwork($0)
        }
      }),
    Field(
      "dhcp.ranges", .list(of: .text(.addressRange)),
      """
      The addresses that are given to guests that ask for one: `10.0.0.100-10.0.0.200`, with `lease 12 h` behind it \
      where a guest is to keep one for another time than an hour. Changes reach a network that runs.
      """, lens: IPLenses.ranges, effect: .live(by: "virNetworkUpdate"), reference: networkReference + "#addressing",
      equivalent: { Set($0.list ?? []) == Set($1.list ?? []) }),
    Field(
      "dhcp.hosts", .table(key: .ipAddress, of: IPLenses.host.type),
      """
      Addresses that are kept for guests, by address: `10.0.0.11: { mac: "52:54:00:12:34:56", name: web }`. Changes reach \
      a network that runs.
      """, lens: IPLenses.hosts, effect: .live(by: "virNetworkUpdate"), reference: networkReference + "#addressing",
      equivalent: { ValueType.table(key: .ipAddress, of: IPLenses.host.type).covers(desired: $0, stored: $1) }),
    Field(
      "dhcp.boot-file", .text(.line), "The file that guests boot (BOOTP, PXE).",
      lens: IPLenses.bootp("file"), reference: networkReference + "#addressing"),
    Field(
      "dhcp.boot-server", .text(.dnsName), "Where that file is; the host's TFTP server if not set.",
      lens: IPLenses.bootp("server"), reference: networkReference + "#addressing"
    ).only(with: "dhcp.boot-file"),
    Field(
      "tftp-root", .text(.line), "The folder of the host whose files guests may fetch by TFTP.",
      lens: IPLenses.tftpRoot, reference: networkReference + "#addressing"),
    Field(
      "local-ptr", .list(of: .text(.ipAddress)),
      """
      The addresses of this network whose name server answers for names of the network's addresses by itself, and asks \
      nobody outside.
      """, lens: IPLenses.localPointers, reference: networkReference + "#addressing"),
    Field(
      "routes", .list(of: .text(.route)),
      "Networks that the host reaches through a guest: `10.1.0.0/16 via 10.0.0.2`, with `metric 5` behind it perhaps.",
      lens: inNetwork(.list("", "route", IPLenses.route)), reference: networkReference + "#static-routes",
      equivalent: { desired, stored in
        IPLenses.isSame(desired, stored) { (left: Route, right: Route) in
          left.isSame(as: right)
        } read: {
          Route($0)
        }
      }),
  ]
}

/// Lenses on `ip` elements.
enum IPLenses {
  /// Whether two lists mean the same, whatever the notation of their texts.
  static func isSame<Item>(
    _ desired: Value, _ stored: Value, _ isSame: (Item, Item) -> Bool, read: (String) -> Item?
  ) -> Bool {
    let left = desired.list?.compactMap { $0.string.flatMap(read) } ?? []
    let right = stored.list?.compactMap { $0.string.flatMap(read) } ?? []
    return !left.isEmpty && left.count == right.count && zip(left, right).allSatisfy(isSame)
  }

  static let route = Shape(.text(.route)) { element in
    Route(element).map { .string($0.description) }
  } put: { value, element in
    value.string.flatMap { Route($0) }?.put(into: &element)
  }

  // MARK: Addresses

  /// The addresses; what else an `ip` element holds stays with its address.
  static let addresses = Lens(places: ["ip/@address", "ip/@netmask", "ip/@prefix", "ip/@family"]) { network in
    let found = network.all("ip").map { ip -> Value? in
      guard let address = IPNetwork(ip) else { return nil }
      // Only what is written back as it stands.
      let own = ip.attributes.filter { IPNetwork.attributes.contains($0.name) }
      var written = XMLElement("ip")
      address.put(into: &written)
      return Set(own) == Set(written.attributes) ? .string(address.description) : nil
    }
    return found.isEmpty || found.contains(nil) ? nil : .list(found.compactMap(\.self))
  } write: { network, value in
    let wanted = (value?.list ?? []).compactMap { $0.string.flatMap { IPNetwork($0) } }
    var left = network.all("ip")
    /// Takes the first element for which a test holds.
    func take(_ test: (XMLElement) -> Bool) -> XMLElement? {
      left.firstIndex(where: test).map { left.remove(at: $0) }
    }
    // What stays is found first, so that another address never takes its place; then one of the family, and what was
    // served there with it.
    var elements: [XMLElement?] = wanted.map { address in take { IPNetwork($0)?.isSame(as: address) ?? false } }
    for (index, address) in wanted.enumerated() {
      var element = elements[index] ?? take { isIPv6($0) == address.address.isIPv6 } ?? XMLElement("ip")
      address.put(into: &element)
      elements[index] = element
    }
    network.replaceAll("ip", with: elements.compactMap(\.self), order: Vocabulary.networkOrder)
  }

  private static func isIPv6(_ ip: XMLElement) -> Bool { ip[attribute: "family"] == "ipv6" }

  // MARK: DHCP

  /// Where something that is served to an address belongs: the index of the `ip` element whose network has it, or else
  /// the first of its family.
  private static func home(of address: IPAddress?, isIPv6: Bool, in elements: [XMLElement]) -> Int? {
    let family = elements.indices.filter { self.isIPv6(elements[$0]) == isIPv6 }
    if let address, let match = family.first(where: { IPNetwork(elements[$0])?.contains(address) ?? false }) {
      return match
    }
    return family.first
  }

  /// What is said of `dhcp` in all `ip` elements, as if it stood in one.
  ///
  /// - Parameters:
  ///   - address: the address that an element is about.
  ///   - lens: the value of all elements of the name.
  private static func dhcp(
    _ name: String, address: @escaping @Sendable (XMLElement) -> IPAddress?, _ lens: Lens
  ) -> Lens {
    /// All elements of the name; nil where one stands with another network's address.
    @Sendable func together(_ network: XMLElement) -> XMLElement? {
      let elements = network.all("ip")
      var all = XMLElement("dhcp")
      for (index, ip) in elements.enumerated() {
        for element in ip.all("dhcp").flatMap({ $0.all(name) }) {
          guard let address = address(element), home(of: address, isIPv6: address.isIPv6, in: elements) == index else {
            return nil
          }
          all.append(element)
        }
      }
      return all
    }
    return Lens(places: ["ip/dhcp/\(name)"]) { network in
      together(network).flatMap(lens.get)
    } write: { network, value in
      var elements = network.all("ip")
      var all = together(network) ?? XMLElement("dhcp")
      lens.put(value, into: &all)
      var rows: [Int: [XMLElement]] = [:]
      for row in all.all(name) {
        guard let address = address(row) else { continue }
        let index = place(for: address, in: &elements)
        rows[index, default: []].append(row)
      }
      for index in elements.indices { put(rows[index] ?? [], name, into: &elements[index]) }
      network.replaceAll("ip", with: elements.filter { !$0.isBare }, order: Vocabulary.networkOrder)
    }
  }

  /// The index of the `ip` element for an address, which is made when there is none of the family.
  private static func place(for address: IPAddress?, isIPv6: Bool = false, in elements: inout [XMLElement]) -> Int {
    let isIPv6 = address?.isIPv6 ?? isIPv6
    if let index = home(of: address, isIPv6: isIPv6, in: elements) { return index }
    elements.append(isIPv6 ? XMLElement("ip", ["family": "ipv6"]) : XMLElement("ip"))
    return elements.count - 1
  }

  private static let dhcpOrder = ["range", "host", "bootp"]

  private static func put(_ rows: [XMLElement], _ name: String, into ip: inout XMLElement) {
    guard !rows.isEmpty || ip.first("dhcp")?.first(name) != nil else { return }
    ip.update("dhcp") { $0.replaceAll(name, with: rows, order: dhcpOrder) }
    ip.removeAll("dhcp") { $0.isBare }
    ip.removeBlankText()
  }

  static let ranges = dhcp("range", address: { AddressRange($0)?.first }, .list("", "range", range))

  private static let range = Shape(.text(.addressRange)) { element in
    AddressRange(element).map { .string($0.description) }
  } put: { value, element in
    value.string.flatMap { AddressRange($0) }?.put(into: &element)
  }

  static let hosts = dhcp(
    "host", address: { $0[attribute: "ip"].flatMap { IPAddress($0) } },
    .table("", "host", key: "@ip", .ipAddress, host))

  /// An address that is kept for a guest.
  static let host = Shape.record([
    Part("mac", .text(.macAddress), "The MAC address of the guest's interface.", at: "@mac"),
    Part("id", .text(.line), "The DHCP unique identifier of a guest that asks for an IPv6 address.", at: "@id"),
    Part("name", .text(.line), "The name that the guest is given.", at: "@name"),
    Part("lease", .text(.leaseTime), "How long the guest keeps the address before it asks again.", lens: lease),
  ])

  private static let lease = Lens(places: ["lease"]) { host in
    host.first("lease").flatMap { LeaseTime($0) }.map { .string($0.description) }
  } write: { host, value in
    let new = value?.string.flatMap { LeaseTime($0) }.map { [$0.element] } ?? []
    host.replaceAll("lease", with: new)
  }

  // MARK: Files

  /// The `ip` element of the address whose guests are served files: the first IPv4 address with DHCP, or without.
  private static func fileServer(_ elements: [XMLElement]) -> Int? {
    let family = elements.indices.filter { !isIPv6(elements[$0]) }
    return family.first { elements[$0].first("dhcp") != nil } ?? family.first
  }

  /// A value in one `ip` element that is the one for files.
  private static func file(_ path: XMLPath, _ type: ValueType) -> Lens {
    let lens = Lens.at(path.description, type)
    return Lens(places: ["ip/\(path)"]) { network in
      let elements = network.all("ip")
      guard elements.count(where: { $0.exists(at: path) }) == 1, let index = fileServer(elements) else { return nil }
      return lens.get(elements[index])
    } write: { network, value in
      var elements = network.all("ip")
      guard let value else {
        guard elements.contains(where: { $0.exists(at: path) }) else { return }
        for index in elements.indices { lens.put(nil, into: &elements[index]) }
        network.replaceAll("ip", with: elements.filter { !$0.isBare }, order: Vocabulary.networkOrder)
        return
      }
      let index = fileServer(elements) ?? place(for: nil, in: &elements)
      guard lens.get(elements[index]) != value else { return }
      if path.description.hasPrefix("tftp"), elements[index].first("tftp") == nil {
        elements[index].insert(XMLElement("tftp"), at: 0)
      }
      lens.put(value, into: &elements[index])
      network.replaceAll("ip", with: elements, order: Vocabulary.networkOrder)
    }
  }

  static let tftpRoot = file("tftp/@root", .text(.line))

  static func bootp(_ attribute: String) -> Lens {
    file(XMLPath(stringLiteral: "dhcp/bootp/@\(attribute)"), attribute == "file" ? .text(.line) : .text(.dnsName))
  }

  // MARK: Names of addresses

  static let localPointers = Lens(places: ["ip/@localPtr"]) { network in
    let said = network.all("ip").filter { $0[attribute: "localPtr"] != nil }
    let addresses = said.map { ip -> Value? in
      guard ip[attribute: "localPtr"] == "yes", let address = ip[attribute: "address"].flatMap({ IPAddress($0) }) else {
        return nil
      }
      return .string(address.description)
    }
    return addresses.isEmpty || addresses.contains(nil) ? nil : .list(addresses.compactMap(\.self))
  } write: { network, value in
    let wanted = Set((value?.list ?? []).compactMap(\.string))
    network.updateAll("ip") { ip in
      let isWanted = ip[attribute: "address"].flatMap { IPAddress($0) }.map { wanted.contains($0.description) }
      if ip[attribute: "localPtr"] != nil || isWanted ?? false {
        ip[attribute: "localPtr"] = isWanted ?? false ? "yes" : nil
      }
    }
  }
}

extension FieldKey<String> {
  /// The file that guests of a network boot.
  public static var dhcpBootFile: Self { Self("dhcp.boot-file") }

  /// The folder whose files guests may fetch by TFTP.
  public static var tftpRoot: Self { Self("tftp-root") }
}

extension FieldKey<[String]> {
  /// Another name of ``FieldKey/addresses``.
  public static var networkAddress: Self { Self("address") }

  /// The host's addresses on a network, each with the prefix of its network.
  public static var addresses: Self { Self("addresses") }

  /// The addresses that are given to guests that ask for one.
  public static var dhcpRanges: Self { Self("dhcp.ranges") }

  /// Networks that the host reaches through a guest.
  public static var routes: Self { Self("routes") }
}

extension FieldKey<FieldValue> {
  /// Addresses that are kept for guests, by address.
  public static var dhcpHosts: Self { Self("dhcp.hosts") }
}
