// The processors of a domain: how many, of what kind, on which of the host's.

import XMLTree

extension Vocabulary {
  static let domainProcessors: [Field] = [
    Field(
      "vcpus.count", .integer(1...4096), "How many virtual processors there are; the default is 1.",
      lens: vcpuCountLens, initial: .integer(1), reference: vcpuReference),
    Field(
      "vcpus.current", .integer(1...4096), "How many of them are plugged in when the guest starts; all if not set.",
      lens: currentVCPUsLens, effect: .live(.vcpus), reference: vcpuReference),
    Field(
      "vcpus.placement", .enumeration(["static", "auto"]),
      "Whether they run on the processors of `cpuset`, or on those that numad advises; the default is `static`.",
      at: "vcpu/@placement", libvirtDefault: .string("static"), isComparableWhenRunning: false,
      reference: vcpuReference),
    Field(
      "vcpus.cpuset", .text(.cpuset),
      "The host's processors that they may run on; any if not set. `cputune.vcpupin` sets it for one of them.",
      at: "vcpu/@cpuset", isComparableWhenRunning: false, reference: vcpuReference),
    Field(
      "vcpus.states", "Single vcpus by number: which are plugged in, and which can be unplugged.", table: "vcpus",
      "vcpu", key: "@id", .number("the number of a vcpu"),
      .record([
        Part("enabled", .boolean, "Whether it is plugged in.", at: "@enabled", .yesNo, isRequired: true),
        Part("hotpluggable", .boolean, "Whether it can be plugged in and out.", at: "@hotpluggable", .yesNo),
        Part("order", .integer(1...4096), "Its place in the order of plugging in.", at: "@order"),
      ]), isComparableWhenRunning: false, reference: vcpuReference),
    Field(
      "cpu.mode", .enumeration(["custom", "host-model", "host-passthrough", "maximum"]),
      """
      `host-passthrough` gives the guest the host's processor, `host-model` the nearest that can migrate, `custom` a \
      named model. A new `kvm` domain gets a model with the x86-64-v2 instructions, which every host since 2009 has; a \
      new `qemu` domain `maximum`, all that emulation can do.
      """, lens: cpuModeLens, isComparableWhenRunning: false, reference: cpuReference),
    // How a model is meant comes before the model, which means the usual where nothing is said.
    Field(
      "cpu.match", .enumeration(["minimum", "exact", "strict"]),
      """
      How the host's processor must compare with a `custom` one: `minimum` gives the guest what the host has besides, \
      `exact` hides it, `strict` refuses such a host. `exact` if not set.
      """, at: "cpu/@match", libvirtDefault: .string("exact"), isComparableWhenRunning: false, reference: cpuReference),
    Field(
      "cpu.fallback", .enumeration(["allow", "forbid"]),
      """
      Whether libvirt may take a nearby model where the host's QEMU does not know the one that is asked for. A model \
      that the spec names is that one and no other, unless this says `allow`.
      """, at: "cpu/model/@fallback", isComparableWhenRunning: false, reference: cpuReference),
    Field(
      "cpu.model", .text(.word("the name of a CPU model")),
      "The model of a `custom` processor, such as `EPYC-Rome`; `virsh cpu-models x86_64` lists them.",
      lens: cpuModelLens, isComparableWhenRunning: false, reference: cpuReference),
    Field(
      "cpu.vendor-id", .text(.vendorID), "The vendor that the guest sees, twelve characters.",
      at: "cpu/model/@vendor_id", isComparableWhenRunning: false, reference: cpuReference),
    Field(
      "cpu.vendor", .text(.word("the name of a vendor")), "The vendor that the host's processor must be of.",
      at: "cpu/vendor", isComparableWhenRunning: false, reference: cpuReference),
    Field(
      "cpu.check", .enumeration(["none", "partial", "full"]),
      "How closely libvirt checks that the host gives the guest what is asked for before it starts it.",
      at: "cpu/@check", isComparableWhenRunning: false, reference: cpuReference),
    Field(
      "cpu.migratable", .boolean,
      "Whether features that stand in the way of migration are left out of `host-passthrough` and `maximum`.",
      at: "cpu/@migratable", .onOff, isComparableWhenRunning: false, reference: cpuReference),
    Field(
      "cpu.deprecated-features", .boolean,
      "Whether `host-model` on IBM Z has features of the host that will be gone from later processors.",
      at: "cpu/@deprecated_features", .onOff, isComparableWhenRunning: false, reference: cpuReference
    ).since(11, 0),
    topologyField("sockets", "Processor packages."),
    topologyField("dies", "Dies of a package; the default is 1.", libvirtDefault: .integer(1)),
    topologyField(
      "clusters", "Clusters of a die, which group cores on ARM; the default is 1.", libvirtDefault: .integer(1)
    ).since(10, 1),
    topologyField("cores", "Cores of a cluster, or of a die."),
    topologyField("threads", "Threads of a core."),
    Field(
      "cpu.features",
      """
      Single features of the processor and what becomes of each: `require` and `optional` give it, `disable` takes it \
      away, `force` claims it even where the host lacks it, `forbid` refuses a host that has it.
      """, table: "cpu", "feature", key: "@name", .word("the name of a CPU feature"),
      .at("@policy", .enumeration(["force", "require", "optional", "disable", "forbid"])),
      isComparableWhenRunning: false, reference: cpuReference),
    Field(
      "cpu.cache.mode", .enumeration(["emulate", "passthrough", "disable"]),
      "Whether the guest sees an emulated cache, the host's, or none.", at: "cpu/cache/@mode", reference: cpuReference),
    Field(
      "cpu.cache.level", .integer(1...3), "The level that is emulated; it goes with `emulate`.", at: "cpu/cache/@level",
      reference: cpuReference
    ).only(with: "cpu.cache.mode"),
    Field(
      "cpu.max-phys-addr.mode", .enumeration(["passthrough", "emulate"]),
      "Whether physical addresses are as wide as the host's, or have the width in `bits`.", at: "cpu/maxphysaddr/@mode",
      reference: cpuReference),
    Field(
      "cpu.max-phys-addr.bits", .integer(1...64), "How many bits a physical address has; it goes with `emulate`.",
      at: "cpu/maxphysaddr/@bits", reference: cpuReference
    ).only(with: "cpu.max-phys-addr.mode"),
    Field(
      "cpu.max-phys-addr.limit", .integer(1...64),
      "The most bits that `passthrough` gives the guest, where the host has more.", at: "cpu/maxphysaddr/@limit",
      reference: cpuReference
    ).since(9, 3).only(with: "cpu.max-phys-addr.mode"),
  ]

  static let processorGroups = [
    FieldGroup("vcpus", "The virtual processors.", shorthand: "count"),
    FieldGroup("cpu", "The processor that the guest sees.", shorthand: "mode"),
    FieldGroup("cpu.topology", "How the virtual processors are grouped; the product is the number of vcpus."),
    FieldGroup("cpu.cache", "The processor's cache.", shorthand: "mode"),
    FieldGroup("cpu.max-phys-addr", "How wide physical addresses are.", shorthand: "mode"),
  ]

  private static let vcpuReference = "formatdomain.html#cpu-allocation"
  private static let cpuReference = "formatdomain.html#cpu-model-and-topology"

  /// A part of the topology. Without its three parts there is none: `dies` and `clusters`, which libvirt adds, cannot
  /// stand alone.
  private static func topologyField(_ name: String, _ summary: String, libvirtDefault: Value? = nil) -> Field {
    let lens = Lens.at("cpu/topology/@\(name)", .integer(0...Int.max)).afterwards { element, value, _ in
      guard value == nil, var cpu = element.first("cpu"), let topology = cpu.first("topology"),
        ["sockets", "cores", "threads"].allSatisfy({ topology[attribute: $0] == nil })
      else { return }
      cpu.removeAll("topology")
      element.update("cpu") { $0 = cpu }
      if cpu.isBare { element.removeAll("cpu") }
    }
    return Field(
      "cpu.topology.\(name)", .integer(1...4096), summary, lens: lens, libvirtDefault: libvirtDefault,
      reference: cpuReference)
  }

  /// `vcpu`. No more can be plugged in than there are.
  private static let vcpuCountLens = Lens.at("vcpu", .integer(0...Int.max)).afterwards { element, value, _ in
    let current = element.value(at: "vcpu/@current").flatMap { Int($0) }
    if let current, current >= value?.integer ?? 1 { element.set(nil, at: "vcpu/@current") }
  }

  /// `vcpu/@current`, which libvirt leaves out where all are plugged in.
  private static let currentVCPUsLens: Lens = {
    let count = Lens.at("vcpu", .integer(0...Int.max))
    let current = Lens.at("vcpu/@current", .integer(0...Int.max))
    return Lens(places: current.places) { element in
      current.get(element) ?? count.get(element)
    } write: { element, value in
      current.put(value == count.get(element) ? nil : value, into: &element)
    }
  }()

  /// `cpu/@mode`. Leaving `custom` drops what only a custom processor has.
  private static let cpuModeLens: Lens = {
    let mode = Lens.at("cpu/@mode", .text(.any))
    return Lens(places: mode.places, read: mode.get) { element, value in
      element.update("cpu", create: value != nil) { cpu in
        for name in ["match", "check", "migratable", "deprecated_features"] { cpu[attribute: name] = nil }
        for name in ["model", "vendor", "feature"] { cpu.removeAll(name) }
      }
      mode.put(value, into: &element)
      if element.first("cpu")?.isBare ?? false { element.removeAll("cpu") }
    }
  }()

  /// `cpu/model`, which implies the mode `custom`; the very model, unless the definition says otherwise. Without it nothing of a
  /// custom processor is left.
  private static let cpuModelLens: Lens = {
    let model = Lens.at("cpu/model", .text(.word("the name of a CPU model")))
    return Lens(places: model.places) { element in
      element.first("cpu")?[attribute: "mode"] == "custom" ? model.get(element) : nil
    } write: { element, value in
      guard let value else {
        let isCustom = element.value(at: "cpu/@mode") == "custom" && model.get(element) != nil
        return isCustom ? cpuModeLens.put(nil, into: &element) : model.put(nil, into: &element)
      }
      let match = element.value(at: "cpu/@match")
      let fallback = element.value(at: "cpu/model/@fallback")
      cpuModeLens.put(.string("custom"), into: &element)
      element.update("cpu", create: true) { cpu in
        cpu.removeAll("model")
        cpu.removeAll("feature")
        cpu[attribute: "check"] = nil
        cpu[attribute: "match"] = match ?? "exact"
        cpu.insert(XMLElement("model", ["fallback": fallback ?? "forbid"], text: value.string ?? ""), at: 0)
      }
    }
  }()
}

extension TextRule {
  /// What CPUID gives for the vendor.
  static let vendorID = TextRule(
    "a vendor's ID of twelve characters such as GenuineIntel", pattern: "^[^,]{12}$",
    normalise: { text in
      text.utf8.count == 12 && text.utf8.allSatisfy { (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: ",") }
        ? text : nil
    })
}

/// What a guest's processor is made after.
public enum CPUMode: String, FieldWord {
  /// A named model.
  case custom
  /// The nearest model to the host's that can migrate.
  case hostModel = "host-model"
  /// The host's processor.
  case hostPassthrough = "host-passthrough"
  /// All that emulation can do.
  case maximum
}

extension FieldKey<CPUMode> {
  /// What a guest's processor is made after.
  public static var cpuMode: Self { Self("cpu.mode") }
}

extension FieldKey<String> {
  /// The model of a `custom` processor.
  public static var cpuModel: Self { Self("cpu.model") }

  /// The host's processors that vcpus may run on.
  public static var cpuSet: Self { Self("vcpus.cpuset") }
}

extension FieldKey<[String: String]> {
  /// Single features of the processor and what becomes of each.
  public static var cpuFeatures: Self { Self("cpu.features") }
}

extension FieldKey<Int> {
  /// How many virtual processors there are.
  public static var vcpuCount: Self { Self("vcpus.count") }

  /// How many of them are plugged in when the guest starts.
  public static var currentVCPUs: Self { Self("vcpus.current") }

  /// How many sockets the virtual processors are in.
  public static var topologySockets: Self { Self("cpu.topology.sockets") }

  /// How many dies a socket has.
  public static var topologyDies: Self { Self("cpu.topology.dies") }

  /// How many clusters a die has.
  public static var topologyClusters: Self { Self("cpu.topology.clusters") }

  /// How many cores there are in what is above them.
  public static var topologyCores: Self { Self("cpu.topology.cores") }

  /// How many threads a core has.
  public static var topologyThreads: Self { Self("cpu.topology.threads") }
}
