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
      reference: "#connectivity"
    ).only(with: "domain.name"),
    networkFlag(
      "domain.register", "domain/@register", "Whether the host's resolver finds the names of the domain.",
      reference: "#connectivity"
    ).since(10, 1).only(with: "domain.name"),
    Field(
      "dns.enable", .boolean, "Whether there is a name server; so where the network has an address.",
      lens: placed("dns/@enable", .boolean, .yesNo).unsaid(.boolean(true)),
      reference: networkReference + "#addressing"),
    Field(
      "dns.forward-plain-names", .boolean, "Whether names without a domain are asked outside as well.",
      lens: placed("dns/@forwardPlainNames", .boolean, .yesNo).unsaid(.boolean(true)),
      reference: networkReference + "#addressing"),
    Field(
      "dns.forwarders", .list(of: forwarder.type),
      "Whom the name server asks, for all names or for those of a domain; the host's resolver if not set.",
      lens: inNetwork(.list("dns", "forwarder", forwarder)), reference: networkReference + "#addressing"),
    Field(
      "dns.texts", .table(key: .dnsName, of: .text(.any)), "TXT records, by name. Changes reach a network that runs.",
      lens: inNetwork(.table("dns", "txt", key: "@name", .dnsName, .at("@value", .text(.any)))),
      effect: .live(by: "virNetworkUpdate"),
      reference: networkReference + "#addressing"),
    Field(
      "dns.services", .list(of: service.type), "SRV records (RFC 2782).", lens: inNetwork(.list("dns", "srv", service)),
      effect: .live(by: "virNetworkUpdate"), reference: networkReference + "#addressing"),
    Field(
      "dns.hosts", .table(key: .ipAddress, of: .list(of: .text(.dnsName))),
      "Names by address: `10.0.0.2: [gateway, proxy]`. Changes reach a network that runs.",
      lens: inNetwork(.table("dns", "host", key: "@ip", .ipAddress, hostNames)), effect: .live(by: "virNetworkUpdate"),
      reference: networkReference + "#addressing"),
  ]

  private static let forwarder = Shape.record([
    Part("domain", .text(.dnsName), "The domain whose names are asked there; all names if not set.", at: "@domain"),
    Part(
      "address", .text(.ipAddress), "The name server; with a domain and no address the host's resolver.", at: "@addr"),
    Part("port", .integer(1...65535), "The name server's port; the default is 53.", at: "@port").since(12, 0),
  ])

  private static let service = Shape.record([
    Part("service", .text(.line), "The service, such as `sip`.", at: "@service", isRequired: true),
    Part("protocol", .enumeration(["tcp", "udp"]), "The protocol.", at: "@protocol", isRequired: true),
    Part("domain", .text(.dnsName), "The domain of the record; the default is the network's.", at: "@domain"),
    Part("target", .text(.line), "The host of the service.", at: "@target"),
    number("port", 0...65535, "The port."),
    number("priority", 0...65535, "The lower one is tried first."),
    number("weight", 0...65535, "The share among those of one priority."),
  ])

  private static func number(_ name: String, _ range: ClosedRange<Int>, _ summary: String) -> Part {
    Part(name, .integer(range), summary, at: "@\(name)")
  }

  private static let hostNames = Shape.list("hostname", .text(.text(.dnsName)))
}

extension FieldKey<String> {
  /// The DNS domain of a network.
  public static var domainName: Self { Self("domain.name") }
}

extension FieldKey<FieldValue> {
  /// Names by address.
  public static var dnsHosts: Self { Self("dns.hosts") }

  /// TXT records, by name.
  public static var dnsTexts: Self { Self("dns.texts") }

  /// SRV records.
  public static var dnsServices: Self { Self("dns.services") }
}
