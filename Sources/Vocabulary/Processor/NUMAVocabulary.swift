// NUMA: the nodes that the guest sees, and the host's nodes that its memory comes from.

import XMLTree

extension Vocabulary {
  static let domainNUMA: [Field] = [
    Field(
      "numa.cells",
      """
      The NUMA nodes that the guest sees, by number from 0: their vcpus, their memory, their distances. Their memory \
      adds up to the domain's.
      """, table: "cpu/numa", "cell", key: "@id", .number("the number of a NUMA cell"), .record(cellParts),
      reference: topologyReference),
    Field(
      "numa.latencies", "The latency between NUMA nodes that the guest sees (ACPI HMAT).",
      list: "cpu/numa/interconnects", "latency",
      .record(
        connectionParts(["access", "read", "write"]) + [
          Part("value", .integer(1...Int(UInt32.max)), "The time in nanoseconds.", at: "@value", isRequired: true)
        ]), reference: topologyReference
    ).only(with: "numa.cells"),
    Field(
      "numa.bandwidths", "The bandwidth between NUMA nodes, in data a second, that the guest sees (ACPI HMAT).",
      list: "cpu/numa/interconnects", "bandwidth",
      .record(
        connectionParts(["access", "read", "write"]) + [
          Part(
            "value", .size(granularity: 1024), "The amount a second.", lens: .size("@value", unit: "@unit"),
            isRequired: true)
        ]), reference: topologyReference
    ).only(with: "numa.cells"),
    Field(
      "numatune.mode", .enumeration(numaModes),
      """
      How memory is taken from the host's nodes: `strict` from no others, `preferred` from others when they are full, \
      `interleave` from all in turn, `restrictive` as the control group says. `strict` if not set.
      """, at: "numatune/memory/@mode", isComparableWhenRunning: false, reference: tuningReference),
    Field(
      "numatune.placement", .enumeration(["static", "auto"]),
      "Whether the host's nodes are those of `nodeset`, or those that numad advises.", at: "numatune/memory/@placement",
      isComparableWhenRunning: false, reference: tuningReference),
    Field(
      "numatune.nodeset", .text(.nodeset), "The host's NUMA nodes that the guest's memory comes from.",
      at: "numatune/memory/@nodeset", effect: .live(.hostNodes), isComparableWhenRunning: false,
      reference: tuningReference),
    Field(
      "numatune.memnodes", "The same for single NUMA cells of the guest, by the cell's number.",
      table: "numatune", "memnode", key: "@cellid", .number("the number of a NUMA cell"),
      .record([
        Part("mode", .enumeration(numaModes), "How memory is taken from them.", at: "@mode", isRequired: true),
        Part("nodeset", .text(.nodeset), "The host's NUMA nodes.", at: "@nodeset", isRequired: true),
      ]), isComparableWhenRunning: false, reference: tuningReference),
  ]

  static let numaGroups = [
    FieldGroup("numa", "The NUMA nodes that the guest sees."),
    FieldGroup("numatune", "The host's NUMA nodes that the guest's memory comes from."),
  ]

  private static let topologyReference = "formatdomain.html#guest-numa-topology"
  private static let tuningReference = "formatdomain.html#numa-node-tuning"
  private static let numaModes = ["strict", "preferred", "interleave", "restrictive"]

  private static let cellParts = [
    Part(
      "cpus", .text(.vcpuSet), "The cell's vcpus; a cell of memory alone has none.", at: "@cpus"),
    Part(
      "memory", .size(granularity: 1024), "The cell's memory.", lens: .size("@memory", unit: "@unit"), isRequired: true),
    Part(
      "mem-access", .enumeration(["shared", "private"]), "Whether other processes can share the memory.",
      at: "@memAccess"),
    Part(
      "discard", .boolean, "Whether the memory's content is thrown away when the guest ends.", at: "@discard", .yesNo),
    Part(
      "distances", "How far the cells are, by number: 10 is the cell itself, 20 twice as far.",
      table: "distances", "sibling", "@id", .number("the number of a NUMA cell"), .at("@value", .integer(10...255))),
    Part(
      "caches", "Caches of the cell's memory, by level.", table: "", "cache", "@level",
      .number("the level of a cache"),
      .record([
        Part(
          "associativity", .enumeration(["none", "direct", "full"]), "How places in memory share places in the cache.",
          at: "@associativity"),
        Part(
          "policy", .enumeration(["none", "writeback", "writethrough"]), "When writes reach the memory.", at: "@policy"),
        Part(
          "size", .size(granularity: 1), "The cache's size.",
          lens: .size("size/@value", unit: "size/@unit"), isRequired: true),
        Part(
          "line", .size(granularity: 1), "The size of a line of the cache.",
          lens: .size("line/@value", unit: "line/@unit", written: "B"), isRequired: true),
      ])),
  ]

  private static func connectionParts(_ types: [String]) -> [Part] {
    [
      Part("initiator", .integer(0...Int(UInt32.max)), "The cell that asks.", at: "@initiator", isRequired: true),
      Part("target", .integer(0...Int(UInt32.max)), "The cell with the memory.", at: "@target", isRequired: true),
      Part("cache", .integer(1...Int(UInt32.max)), "The level of the cache that is meant.", at: "@cache"),
      Part("type", .enumeration(types), "The kind of access.", at: "@type", isRequired: true),
    ]
  }
}

extension FieldKey<String> {
  /// How memory is taken from the host's nodes.
  public static var numaMode: Self { Self("numatune.mode") }
}

extension FieldKey<FieldValue> {
  /// The NUMA cells of a guest, by number.
  public static var numaCells: Self { Self("numa.cells") }

  /// Where the memory of single NUMA cells comes from, by the cell's number.
  public static var numaMemoryNodes: Self { Self("numatune.memnodes") }
}
