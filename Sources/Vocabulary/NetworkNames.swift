// The part of the network's table about names: the domain, and the name server of the network.

import XMLTree

extension Vocabulary {
  static let networkNames: [Field] = [
    Field(
      "domain.name", .text(.dnsName), "The DNS domain that guests get by DHCP and that their names belong to.",
      lens: placed("domain/@name", .text(.dnsName)), reference: networkReference + "#connectivity"),
    networkFlag(
      "domain.local-only", "domain/@localOnly",
      "Whether names of the domain that the network's name server does not know are asked of nobody outside.",
      reference: "#connectivity"),
    networkFlag(
      "domain.register", "domain/@register", "Whether the host's resolver finds the names of the domain.",
      reference: "#connectivity"
    ).since(10, 1),
    Field(
      "dns.enable", .boolean, "Whether there is a name server; so where the network has an address.",
      lens: dns("@enable", .boolean, .yesNo).unsaid(.boolean(true)),
      reference: networkReference + "#addressing"),
    Field(
      "dns.forward-plain-names", .boolean, "Whether names without a domain are asked outside as well.",
      lens: dns("@forwardPlainNames", .boolean, .yesNo).unsaid(.boolean(true)),
      reference: networkReference + "#addressing"),
    Field(
      "dns.forwarders", .list(of: forwarder.type),
      "Whom the name server asks, for all names or for those of a domain; the host's resolver when not given.",
      lens: dns(rows: "forwarder", forwarder), reference: networkReference + "#addressing"),
    Field(
      "dns.texts", .table(key: .dnsName, of: .text(.any)), "TXT records, by name. Changes reach a network that runs.",
      lens: dns { .table($0, "txt", key: .checked("@name", .text(.dnsName)), text, order: dnsOrder) }, effect: .live,
      reference: networkReference + "#addressing"),
    Field(
      "dns.services", .list(of: service.type), "SRV records (RFC 2782).", lens: dns(rows: "srv", service),
      effect: .live, reference: networkReference + "#addressing"),
    Field(
      "dns.hosts", .table(key: .ipAddress, of: .list(of: .text(.dnsName))),
      "Names by address: `10.0.0.2: [gateway, proxy]`. Changes reach a network that runs.",
      lens: dns { parent in
        .table(
          parent, "host", key: .checked("@ip", .text(.ipAddress)), hostNames, order: dnsOrder,
          sorted: { left, right in
            guard let one = IPAddress(left), let other = IPAddress(right) else { return left < right }
            return one < other
          })
      }, effect: .live, reference: networkReference + "#addressing"),
  ]

  private static let dnsOrder = ["forwarder", "txt", "srv", "host"]

  /// Something in `dns`, which stands where libvirt writes it.
  private static func dns(_ make: (XMLPath) -> Lens) -> Lens {
    let lens = make("dns")
    return Lens(places: lens.places, read: lens.get) { network, value in
      if let value {
        guard lens.get(network) != value else { return }
        network.updateTop("dns") { _ in }
      }
      lens.put(value, into: &network)
      network.pruneTop("dns")
    }
  }

  private static func dns(_ attribute: String, _ type: ValueType, _ notation: Notation) -> Lens {
    dns { .checked(XMLPath(stringLiteral: "\($0)/\(attribute)"), type, notation) }
  }

  private static func dns(rows name: String, _ form: ElementForm) -> Lens {
    dns { .rows($0, name, form, order: dnsOrder) }
  }

  private static let forwarder = ElementForm.record(
    "forwarder",
    [
      ElementPart(
        "domain", .text(.dnsName), "The domain whose names are asked there; all names when not given.",
        lens: .checked("@domain", .text(.dnsName))),
      ElementPart(
        "address", .text(.ipAddress), "The name server; with a domain and no address the host's resolver.",
        lens: .checked("@addr", .text(.ipAddress))),
      ElementPart(
        "port", .integer(1...65535), "The name server's port; 53 when not given.",
        lens: .checked("@port", .integer(1...65535), .integer)
      ).since(12, 0),
    ])

  private static let text = ElementForm.attribute("txt", "value", .text(.any))

  private static let service = ElementForm.record(
    "srv",
    [
      ElementPart(
        "service", .text(.line), "The service, such as `sip`.", isRequired: true,
        lens: .checked("@service", .text(.line))),
      ElementPart(
        "protocol", .enumeration(["tcp", "udp"]), "The protocol.", isRequired: true,
        lens: .checked("@protocol", .enumeration(["tcp", "udp"]))),
      ElementPart(
        "domain", .text(.dnsName), "The domain of the record; the network's when not given.",
        lens: .checked("@domain", .text(.dnsName))),
      ElementPart("target", .text(.line), "The host of the service.", lens: .checked("@target", .text(.line))),
      number("port", 0...65535, "The port."),
      number("priority", 0...65535, "The lower one is tried first."),
      number("weight", 0...65535, "The share among those of one priority."),
    ])

  private static func number(_ name: String, _ range: ClosedRange<Int>, _ summary: String) -> ElementPart {
    ElementPart(
      name, .integer(range), summary, lens: .checked(XMLPath(stringLiteral: "@\(name)"), .integer(range), .integer))
  }

  private static let hostNames = ElementForm(.list(of: .text(.dnsName))) { element in
    let names = element.all("hostname").map { Value.string($0.text) }
    return names.isEmpty ? nil : .list(names)
  } encode: { value in
    XMLElement(
      "host", children: (value.list ?? []).compactMap { $0.string.map { XMLElement("hostname", text: $0) } })
  }
}
