// The memory of a domain: how much, of what kind, with which limits.

public import XMLTree

extension Vocabulary {
  static let domainMemory: [Field] = [
    Field(
      "memory", .size(granularity: 1024, least: 1 << 20),
      """
      The memory that the guest has when it starts, without its memory devices. With NUMA cells libvirt makes it their \
      sum.
      """, lens: memoryLens, isRequired: true, reference: memoryReference),
    Field(
      "memory-dump-core", .boolean,
      "Whether a core dump of the emulator holds the guest's memory; the emulator's setting if not set.",
      at: "memory/@dumpCore", .onOff, reference: memoryReference),
    Field(
      "max-memory.size", .size(granularity: 1024, least: 1 << 20),
      "How much memory the guest can have once memory is plugged in. It needs a NUMA cell and `slots`.",
      lens: .size("maxMemory", granularity: 1024).dropping("maxMemory"), reference: memoryReference),
    Field(
      "max-memory.slots", .integer(0...256), "How many memory devices can be plugged in.", at: "maxMemory/@slots",
      reference: memoryReference
    ).only(with: "max-memory.size"),
    Field(
      "current-memory", .size(granularity: 1024, least: 1 << 20),
      "The memory that the balloon leaves the guest, at most `memory`; all of it if not set.",
      lens: .size("currentMemory", granularity: 1024), effect: .live(.memory), reference: memoryReference),
    Field(
      "memory-backing.hugepages.enabled", .boolean,
      "Whether the guest's memory is made of the host's huge pages; of its default size, unless `pages` sets another.",
      lens: .presence("memoryBacking/hugepages"), libvirtDefault: .boolean(false), reference: backingReference),
    Field(
      "memory-backing.hugepages.pages", "Sizes of huge pages, and the guest's NUMA nodes that get them.",
      list: "memoryBacking/hugepages", "page",
      .record([
        Part(
          "size", .size(granularity: 1024), "The size of a page, such as 2 MiB.",
          lens: .size("@size", unit: "@unit"), isRequired: true),
        Part(
          "nodeset", .text(.numberSet("a set of the guest's NUMA nodes such as 0-1")),
          "The guest's NUMA nodes; those that no other entry names if not set.", at: "@nodeset"),
      ]), reference: backingReference),
    backingPresence("nosharepages", "Whether the host may not merge the guest's pages with equal ones of others."),
    backingPresence(
      "locked",
      "Whether the guest's memory stays in the host's memory and is never swapped out. Limit it with `memtune`."),
    Field(
      "memory-backing.source", .enumeration(["file", "anonymous", "memfd"]),
      "What the memory is made from; `anonymous` memory is QEMU's own, the other two can be shared.",
      at: "memoryBacking/source/@type", reference: backingReference),
    Field(
      "memory-backing.access", .enumeration(["shared", "private"]),
      "Whether other processes, such as virtiofsd, can share the memory; a NUMA cell can say otherwise.",
      at: "memoryBacking/access/@mode", reference: backingReference),
    Field(
      "memory-backing.allocation.mode", .enumeration(["immediate", "ondemand"]),
      "Whether all memory is taken from the host when the guest starts, or as it is used.",
      at: "memoryBacking/allocation/@mode", reference: backingReference),
    Field(
      "memory-backing.allocation.threads", .integer(1...Int(UInt32.max)),
      "How many threads take the memory from the host.", at: "memoryBacking/allocation/@threads",
      reference: backingReference),
    backingPresence(
      "discard", "Whether the memory's content is thrown away when the guest ends, not written to a file."),
    limitField("hard-limit", "hard_limit", "What the whole of the emulator may take from the host's memory."),
    limitField("soft-limit", "soft_limit", "What it is held to when the host is short of memory."),
    limitField("swap-hard-limit", "swap_hard_limit", "What it may take of memory and swap space together."),
    limitField("min-guarantee", "min_guarantee", "What the guest is sure to get; only some hypervisors know this."),
  ]

  static let memoryGroups = [
    FieldGroup("max-memory", "How much memory can be plugged in.", shorthand: "size"),
    FieldGroup("memory-backing", "How the host provides the guest's memory."),
    FieldGroup("memory-backing.hugepages", "The host's huge pages.", shorthand: "enabled"),
    FieldGroup("memory-backing.allocation", "When the host provides the memory.", shorthand: "mode"),
    FieldGroup("memtune", "Limits of the host's memory for the guest and its emulator."),
  ]

  private static let memoryReference = "formatdomain.html#memory-allocation"
  private static let backingReference = "formatdomain.html#memory-backing"

  private static func backingPresence(_ name: String, _ summary: String) -> Field {
    Field(
      "memory-backing.\(name)", .boolean, summary, lens: .presence(XMLPath(stringLiteral: "memoryBacking/\(name)")),
      libvirtDefault: .boolean(false), reference: backingReference)
  }

  private static func limitField(_ name: String, _ element: String, _ summary: String) -> Field {
    Field(
      "memtune.\(name)", .size(granularity: 1024), summary, lens: .size("memtune/\(element)", granularity: 1024),
      effect: element == "min_guarantee" ? .nextBoot : .live(.memoryLimit(element)), isComparableWhenRunning: false,
      reference: "formatdomain.html#memory-tuning")
  }

  /// `memory`, which takes `currentMemory` along where the two were equal: libvirt writes the second down when it is
  /// left out, and a guest whose memory grows should see it. What libvirt writes down holds the memory devices too.
  private static let memoryLens = Lens(places: ["memory"]) { domain in
    guard let total = wholeMemory(of: domain) else { return nil }
    let devices = deviceMemory(of: domain)
    // Less than its devices is nothing that libvirt would hold.
    return total > devices ? .bytes(total - devices) : nil
  } write: { domain, value in
    setWholeMemory(of: &domain, value?.bytes.map { $0 &+ deviceMemory(of: domain) })
  }

  private static let wholeLens = Lens.size("memory", granularity: 1024)
  private static let currentLens = Lens.size("currentMemory", granularity: 1024)

  /// The memory of a domain with its memory devices, in bytes, as libvirt counts it.
  public static func wholeMemory(of domain: XMLElement) -> UInt64? { wholeLens.get(domain)?.bytes }

  /// The memory of a domain's memory devices, in bytes.
  public static func deviceMemory(of domain: XMLElement) -> UInt64 {
    let sizes = domain.first("devices")?.all("memory").compactMap { deviceSize.get($0)?.bytes } ?? []
    return sizes.reduce(0) { $0.addingReportingOverflow($1).partialValue }
  }

  private static let deviceSize = Lens.size("target/size", unit: "target/size/@unit")

  private static func setWholeMemory(of domain: inout XMLElement, _ bytes: UInt64?) {
    let old = wholeMemory(of: domain)
    let current = currentLens.get(domain)?.bytes
    wholeLens.put(bytes.map(Value.bytes), into: &domain)
    guard let bytes, let current else { return }
    if current == old || current > bytes { currentLens.put(.bytes(bytes), into: &domain) }
  }

  /// Makes a definition whose memory devices have changed count them.
  ///
  /// - Parameters:
  ///   - before: what the memory devices had before, in bytes.
  ///   - current: what the balloon is to leave the guest; nil where that grows along.
  public static func recountMemory(
    of domain: inout XMLElement, devicesBefore before: UInt64, current: Value? = nil
  ) {
    guard let total = wholeMemory(of: domain), total >= before else { return }
    let devices = deviceMemory(of: domain)
    guard devices != before else { return }
    setWholeMemory(of: &domain, total - before &+ devices)
    if let current { currentLens.put(current, into: &domain) }
  }
}

extension FieldKey<UInt64> {
  /// The memory that a guest has when it starts, without its memory devices.
  public static var memory: Self { Self("memory") }

  /// The memory that the balloon leaves the guest.
  public static var currentMemory: Self { Self("current-memory") }

  /// How much memory a guest can have once memory is plugged in.
  public static var maxMemorySize: Self { Self("max-memory.size") }
}

extension FieldKey<Int> {
  /// How many memory devices can be plugged in.
  public static var maxMemorySlots: Self { Self("max-memory.slots") }
}

extension FieldKey<String> {
  /// Whether other processes can share the memory.
  public static var memoryAccess: Self { Self("memory-backing.access") }
}
