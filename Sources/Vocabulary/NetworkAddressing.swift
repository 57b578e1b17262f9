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
      "dhcp.range", .list(of: .text(.addressRange)), "The addresses that are given away; the same as `dhcp.ranges`."),
    Field(
      "dhcp.ranges", .list(of: .text(.addressRange)),
      """
      The addresses that are given to guests that ask for one: `10.0.0.100-10.0.0.200`, with `lease 12 h` behind it \
      where a guest is to keep one for another time than an hour. Changes reach a network that runs.
      """, lens: IPLenses.ranges, effect: .live, reference: networkReference + "#addressing",
      equivalent: { Set($0.list ?? []) == Set($1.list ?? []) }),
    Field(
      "dhcp.hosts", .table(key: .ipAddress, of: IPLenses.host.type),
      """
      Addresses that are kept for guests, by address: `10.0.0.11: { mac: "52:54:00:12:34:56", name: web }`. Changes reach \
      a network that runs.
      """, lens: IPLenses.hosts, effect: .live, reference: networkReference + "#addressing",
      equivalent: { ValueType.table(key: .ipAddress, of: IPLenses.host.type).covers(desired: $0, stored: $1) }),
    Field(
      "dhcp.boot-file", .text(.line), "The file that guests are told to boot (BOOTP, PXE).",
      lens: IPLenses.bootp("file"), reference: networkReference + "#addressing"),
    Field(
      "dhcp.boot-server", .text(.dnsName), "Where that file is; the host's TFTP server when not given.",
      lens: IPLenses.bootp("server"), reference: networkReference + "#addressing"),
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
      lens: .rows(nil, "route", IPLenses.route, order: networkOrder), reference: networkReference + "#static-routes",
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

  static let route = ElementForm(.text(.route)) { element in
    Route(element).map { .string($0.description) }
  } encode: { value in
    value.string.flatMap { Route($0) }?.element
  }

  // MARK: Addresses

  /// The addresses; what else an `ip` element holds stays with its address.
  static let addresses = Lens.careful(places: ["ip/@address", "ip/@netmask", "ip/@prefix", "ip/@family"]) { network in
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

  /// What is said of `dhcp` in all `ip` elements, as elements of one name.
  private static func dhcp(
    _ name: String, address: @escaping @Sendable (XMLElement) -> IPAddress?,
    read: @escaping @Sendable ([XMLElement]) -> Value?,
    write: @escaping @Sendable (_ value: Value, _ old: [XMLElement]) -> [XMLElement]
  ) -> Lens {
    @Sendable func value(_ network: XMLElement) -> Value? {
      let elements = network.all("ip")
      var found: [XMLElement] = []
      for (index, ip) in elements.enumerated() {
        for element in ip.all("dhcp").flatMap({ $0.all(name) }) {
          guard let address = address(element), home(of: address, isIPv6: address.isIPv6, in: elements) == index else {
            return nil
          }
          found.append(element)
        }
      }
      return read(found)
    }
    return Lens.careful(places: ["ip/dhcp/\(name)"], read: value) { network, new in
      var elements = network.all("ip")
      let old = elements.flatMap { $0.all("dhcp").flatMap { $0.all(name) } }
      var rows: [Int: [XMLElement]] = [:]
      for row in new.map({ write($0, old) }) ?? [] {
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

  static let ranges = dhcp("range") {
    AddressRange($0)?.first
  } read: { elements in
    let values = elements.compactMap(range.value)
    return values.isEmpty || values.count < elements.count ? nil : .list(values)
  } write: { value, old in
    (value.list ?? []).compactMap { value in old.first { range.value(of: $0) == value } ?? range.element(of: value) }
  }

  private static let range = ElementForm(.text(.addressRange)) { element in
    AddressRange(element).map { .string($0.description) }
  } encode: { value in
    value.string.flatMap { AddressRange($0) }?.element("range")
  }

  /// An address that is kept for a guest.
  static let host = ElementForm.record(
    "host",
    [
      ElementPart(
        "mac", .text(.macAddress), "The MAC address of the guest's interface.",
        lens: .checked("@mac", .text(.macAddress), .lowercase)),
      ElementPart(
        "id", .text(.line), "The DHCP unique identifier of a guest that asks for an IPv6 address.",
        lens: .checked("@id", .text(.line))),
      ElementPart("name", .text(.line), "The name that the guest is given.", lens: .checked("@name", .text(.line))),
      ElementPart(
        "lease", .text(.leaseTime), "How long the guest keeps the address before it asks again.", lens: lease),
    ])

  private static let lease = Lens.careful(places: ["lease"]) { host in
    host.first("lease").flatMap { LeaseTime($0) }.map { .string($0.description) }
  } write: { host, value in
    let new = value?.string.flatMap { LeaseTime($0) }.map { [$0.element] } ?? []
    host.replaceAll("lease", with: new)
  }

  /// A host's address and the rest of what is said of it. MAC addresses are compared without regard to case.
  private static func entry(_ element: XMLElement) -> (String, Value)? {
    guard let address = element[attribute: "ip"].flatMap({ IPAddress($0) }) else { return nil }
    var rest = element
    rest[attribute: "ip"] = nil
    if let mac = rest[attribute: "mac"] { rest[attribute: "mac"] = mac.lowercased() }
    return host.value(of: rest).map { (address.description, $0) }
  }

  static let hosts = dhcp("host") {
    $0[attribute: "ip"].flatMap { IPAddress($0) }
  } read: { elements in
    let entries = elements.compactMap(entry)
    let table = Dictionary(entries, uniquingKeysWith: { first, _ in first })
    return table.isEmpty || table.count < elements.count ? nil : .table(table)
  } write: { value, old in
    let table = value.table ?? [:]
    var result = old.filter { element in entry(element).map { table[$0.0] == $0.1 } ?? false }
    let kept = Set(result.compactMap { entry($0)?.0 })
    let new = table.keys.filter { !kept.contains($0) }.compactMap { IPAddress($0) }.sorted()
    for address in new {
      guard let value = table[address.description], var element = host.element(of: value) else { continue }
      element[attribute: "ip"] = address.description
      result.append(element)
    }
    return result
  }

  // MARK: Files

  /// The `ip` element of the address whose guests are served files: the first IPv4 address with DHCP, or without.
  private static func fileServer(_ elements: [XMLElement]) -> Int? {
    let family = elements.indices.filter { !isIPv6(elements[$0]) }
    return family.first { elements[$0].first("dhcp") != nil } ?? family.first
  }

  /// A value in one `ip` element that is the one for files.
  private static func file(_ path: XMLPath, _ type: ValueType) -> Lens {
    let lens = Lens.checked(path, type)
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

  static let localPointers = Lens.careful(places: ["ip/@localPtr"]) { network in
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
