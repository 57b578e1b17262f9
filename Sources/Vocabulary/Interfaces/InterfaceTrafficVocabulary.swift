// The fields of an interface's traffic: limits, filters, VLANs.

import XMLTree

extension Vocabulary {
  /// libvirt's schema knows `yes` alone.
  private static let trunkLens = Lens(places: ["vlan/@trunk"]) { element in
    .boolean(element.value(at: "vlan/@trunk") == "yes")
  } write: { element, value in
    element.set(value?.boolean == true ? "yes" : nil, at: "vlan/@trunk")
  }

  static let interfaceTraffic: [Field] =
    ["inbound", "outbound"].flatMap { way in
      ["average", "peak", "burst"].map { (part: String) in
        Field(
          "\(way).\(part)", .integer(1...Int(UInt32.max)),
          part == "burst" ? "Kilobytes that may pass at the peak rate." : "The \(part) rate.",
          at: "bandwidth/\(way)/@\(part)", effect: .live(.device), reference: interfaceReference)
      }
    } + [
      Field(
        "inbound.floor", .integer(1...Int(UInt32.max)), "The rate that the network guarantees.",
        at: "bandwidth/inbound/@floor",
        effect: .live(.device),
        reference: interfaceReference),
      Field(
        "filter", .text(.filterName), "The network filter of libvirt's that watches over the traffic.",
        at: "filterref/@filter", effect: .live(.device), reference: interfaceReference),
      Field(
        "filter-parameters",
        "Values of the filter's variables, such as `{ name: IP, value: 10.0.0.5 }`. A name may be there several times.",
        list: "filterref", "parameter",
        .record([
          Part("name", .text(.word("the name of a variable")), "The variable.", at: "@name", isRequired: true),
          Part("value", .text(.line), "The value.", at: "@value", isRequired: true),
        ]), effect: .live(.device), reference: "formatnwfilter.html#usage-of-variables-in-filters"
      ).only(with: "filter"),
      Field(
        "vlan-trunk", .boolean, "Whether several VLANs share the interface.", lens: trunkLens,
        reference: interfaceReference
      ).only(with: "vlans"),
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
      .count32(
        "send-buffer", "The size in bytes of the host's send buffer.", at: "tune/sndbuf", reference: interfaceReference),
      .count32(
        "coalesce-frames", "The most packets that are handed over together.", at: "coalesce/rx/frames/@max",
        effect: .live(.device), reference: interfaceReference),
    ]
}

extension TextRule {
  /// The name of a network filter, which libvirt's schema wants to be a name of XML without a colon.
  fileprivate static let filterName = TextRule(
    "the name of a network filter", pattern: "^[A-Za-z_][A-Za-z0-9_.-]*$",
    normalise: { text in
      guard let first = text.first, first.isASCII, first.isLetter || first == "_" else { return nil }
      return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) } ? text : nil
    })
}

extension FieldKey<String> {
  /// The network filter that watches over the traffic of an interface.
  public static var filter: Self { Self("filter") }
}
