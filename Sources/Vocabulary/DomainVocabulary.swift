// The table of a domain's own fields. Its devices have tables of their own.

import XMLTree

extension Vocabulary {
  /// A guest.
  public static let domain = ObjectType(
    "domain", "A guest: libvirt's domain, its disks and its devices.",
    fields: domainLifecycle + domainGeneral + domainSystem + [
      .xml(of: "domain", reference: "formatdomain.html")
    ],
    groups: [
      FieldGroup(
        "vcpus", "The virtual processors.", shorthand: "count"),
      FieldGroup("cpu", "The processor that the guest sees.", shorthand: "mode"),
      FieldGroup("cpu.topology", "How the virtual processors are grouped; the product is the number of vcpus."),
      FieldGroup("shutdown", "How a guest is stopped."),
    ],
    collections: [
      .init("disks", disk), .init("interfaces", interface), .init("serials", serial), .init("consoles", console),
      .init("graphics", graphics), .init("videos", video),
    ], keyRule: .domainName)

  private static let domainLifecycle: [Field] = [
    Field(
      "state", .enumeration(["running", "stopped", "any"]),
      "What the guest should be doing. `any`, the default, leaves it as it is and does not start a new one.",
      effect: .live),
    Field(
      "autostart", .boolean, "Whether libvirt starts the guest when the host starts. Left as it is when not given.",
      effect: .define, reference: "html/libvirt-libvirt-domain.html#virDomainSetAutostart"),
    Field(
      "count", .integer(1...10_000),
      """
      Makes this many domains of the entry, named with a hyphen and their number: `web-1`, `web-2`. `${index}` in a \
      value stands for the number.
      """, effect: .replace),
    Field(
      "defaults", .enumeration(["vireo", "libvirt"]),
      """
      Who completes a new domain: `vireo`, the default, with today's hardware, a console, an agent's channel and free \
      ports; `libvirt` with what the spec says and no more, which is what an imported domain needs.
      """, effect: .define),
    Field(
      "profiles", .list(of: .reference(collection: "profiles")),
      "Profiles whose values the domain takes where it has none of its own; a later one wins over an earlier one.",
      effect: .define),
    Field(
      "shutdown.timeout", .duration,
      "How long a guest that is asked to shut down may take; 2 min when not given.", effect: .define),
    Field(
      "shutdown.force-off", .boolean,
      """
      Whether a guest that has not shut down in time may be forced off, which is like pulling the plug. Without this \
      consent the stop fails and the guest goes on.
      """, effect: .define),
  ]

  private static let domainGeneral: [Field] = [
    Field(
      "type", .enumeration(["kvm", "qemu"]),
      """
      Who runs the guest: `kvm` with the host's processor, `qemu` by emulation. A new domain gets `kvm` where the host \
      can run it, and the plan says which.
      """, lens: .at("@type"), staysWhenDropped: true, reference: "formatdomain.html#element-and-attribute-overview"),
    Field(
      "uuid", .text(.uuid), "The UUID. When not given it is derived from the names of the stack and the domain.",
      lens: .at("uuid", .lowercase), effect: .replace, staysWhenDropped: true,
      reference: "formatdomain.html#general-metadata"),
    Field(
      "title", .text(.line), "A short description on one line.", lens: .at("title"), effect: .define,
      reference: "formatdomain.html#general-metadata"),
    Field(
      "description", .text(.any), "A description for people.", lens: .at("description"), effect: .define,
      reference: "formatdomain.html#general-metadata"),
    Field(
      "memory", .size(granularity: 1024, least: 1 << 20), "The memory that the guest has when it starts.",
      lens: memoryLens,
      isRequired: true, reference: "formatdomain.html#memory-allocation"),
    Field(
      "current-memory", .size(granularity: 1024, least: 1 << 20),
      "The memory that the balloon leaves the guest, at most `memory`; all of it when not given.",
      lens: .size("currentMemory"), reference: "formatdomain.html#memory-allocation"),
    Field(
      "vcpus.count", .integer(1...4096), "How many virtual processors there are; 1 when not given.",
      lens: vcpuCountLens, initial: .integer(1), reference: "formatdomain.html#cpu-allocation"),
    Field(
      "vcpus.current", .integer(1...4096), "How many of them are plugged in when the guest starts; all when not given.",
      lens: currentVCPUsLens, reference: "formatdomain.html#cpu-allocation"),
    Field(
      "cpu.mode", .enumeration(["custom", "host-model", "host-passthrough", "maximum"]),
      """
      `host-passthrough` gives the guest the host's processor, `host-model` the nearest that can migrate, `custom` a \
      named model. A new `kvm` domain gets a model with the x86-64-v2 instructions, which every host since 2009 has; a \
      new `qemu` domain `maximum`, all that emulation can do.
      """, lens: cpuModeLens, isComparableWhenRunning: false,
      reference: "formatdomain.html#cpu-model-and-topology"),
    Field(
      "cpu.model", .text(.word("the name of a CPU model")),
      "The model of a `custom` processor, such as `EPYC-Rome`; `virsh cpu-models x86_64` lists them.",
      lens: cpuModelLens, isComparableWhenRunning: false, reference: "formatdomain.html#cpu-model-and-topology"),
    topologyField("sockets", "Processor packages."),
    topologyField("cores", "Cores of a package."),
    topologyField("threads", "Threads of a core."),
  ]

  private static let domainSystem: [Field] = [
    Field(
      "arch", .text(.word("the name of an architecture")),
      "The processor architecture; the host's when not given.", lens: .at("os/type/@arch"), effect: .replace,
      staysWhenDropped: true,
      reference: "formatdomain.html#bios-bootloader"),
    Field(
      "machine", .text(.word("the name of a machine type")),
      """
      The machine type. A new x86_64 domain gets `q35`. An alias such as `q35` equals any version of it: libvirt writes \
      down a version once, and the guest keeps that hardware.
      """, lens: .at("os/type/@machine"), staysWhenDropped: true, reference: "formatdomain.html#bios-bootloader",
      equivalent: MachineType.isEquivalent),
    Field(
      "boot", .list(of: .enumeration(["hd", "cdrom", "network", "fd"])),
      "The kinds of devices to boot from, in order.", lens: .list("os", "boot", attribute: "dev"),
      reference: "formatdomain.html#bios-bootloader"),
    Field(
      "firmware", .enumeration(["bios", "uefi"]),
      "The firmware. With `uefi` libvirt picks a firmware of the host's without Secure Boot.",
      lens: firmwareLens, initial: .string("bios"), staysWhenDropped: true, isComparableWhenRunning: false,
      reference: "formatdomain.html#bios-bootloader"),
  ]

  /// A part of the topology. Without its three parts there is none: `dies`, which libvirt adds, cannot stand alone.
  private static func topologyField(_ name: String, _ summary: String) -> Field {
    let part = Lens.at(XMLPath(stringLiteral: "cpu/topology/@\(name)"), .integer)
    let lens = Lens(places: part.places, read: part.get) { element, value in
      part.put(value, into: &element)
      guard value == nil, var cpu = element.first("cpu"), let topology = cpu.first("topology"),
        ["sockets", "cores", "threads"].allSatisfy({ topology[attribute: $0] == nil })
      else { return }
      cpu.removeAll("topology")
      element.update("cpu") { $0 = cpu }
      if cpu.isBare { element.removeAll("cpu") }
    }
    return Field(
      "cpu.topology.\(name)", .integer(1...4096), summary, lens: lens,
      reference: "formatdomain.html#cpu-model-and-topology")
  }

  /// `memory`, which takes `currentMemory` along where the two were equal: libvirt writes the second down when it is
  /// left out, and a guest whose memory grows should see it.
  private static let memoryLens: Lens = {
    let memory = Lens.size("memory")
    let current = Lens.size("currentMemory")
    return Lens(places: memory.places, read: memory.get) { element, value in
      let old = memory.get(element)
      let oldCurrent = current.get(element)
      memory.put(value, into: &element)
      guard let new = value?.bytes, let bytes = oldCurrent?.bytes else { return }
      if oldCurrent == old || bytes > new { current.put(value, into: &element) }
    }
  }()

  /// `vcpu`. No more can be plugged in than there are.
  private static let vcpuCountLens: Lens = {
    let count = Lens.at("vcpu", .integer)
    return Lens(places: count.places, read: count.get) { element, value in
      count.put(value, into: &element)
      let current = element.value(at: "vcpu/@current").flatMap { Int($0) }
      if let current, current >= value?.integer ?? 1 { element.set(nil, at: "vcpu/@current") }
    }
  }()

  /// `vcpu/@current`, which libvirt leaves out where all are plugged in.
  private static let currentVCPUsLens: Lens = {
    let count = Lens.at("vcpu", .integer)
    let current = Lens.at("vcpu/@current", .integer)
    return Lens(places: current.places) { element in
      current.get(element) ?? count.get(element)
    } write: { element, value in
      current.put(value == count.get(element) ? nil : value, into: &element)
    }
  }()

  /// `cpu/@mode`. Leaving `custom` drops what only a custom processor has.
  private static let cpuModeLens: Lens = {
    let mode = Lens.at("cpu/@mode")
    return Lens(places: mode.places, read: mode.get) { element, value in
      element.update("cpu", create: value != nil) { cpu in
        for name in ["match", "check", "migratable"] { cpu[attribute: name] = nil }
        for name in ["model", "vendor", "feature"] { cpu.removeAll(name) }
      }
      mode.put(value, into: &element)
      if element.first("cpu")?.isBare ?? false { element.removeAll("cpu") }
    }
  }()

  /// `cpu/model`, which implies the mode `custom`.
  private static let cpuModelLens: Lens = {
    let model = Lens.at("cpu/model")
    return Lens(places: model.places) { element in
      element.first("cpu")?[attribute: "mode"] == "custom" ? model.get(element) : nil
    } write: { element, value in
      guard let value else { return element.set(nil, at: "cpu/model") }
      cpuModeLens.put(.string("custom"), into: &element)
      element.update("cpu", create: true) { cpu in
        cpu.removeAll("model")
        cpu.removeAll("feature")
        cpu[attribute: "check"] = nil
        cpu[attribute: "match"] = "exact"
        cpu.insert(XMLElement("model", ["fallback": "forbid"], text: value.string ?? ""), at: 0)
      }
    }
  }()

  /// `os/@firmware`, or a loader that is a flash device, is UEFI; anything else is BIOS.
  private static let firmwareLens = Lens(places: ["os/@firmware"]) { element in
    let isUEFI =
      element.value(at: "os/@firmware") == "efi" || element.value(at: "os/loader/@type") == "pflash"
    return .string(isUEFI ? "uefi" : "bios")
  } write: { element, value in
    element.update("os", create: true) { os in
      for name in ["firmware", "loader", "nvram"] { os.removeAll(name) }
      guard value == .string("uefi") else {
        os[attribute: "firmware"] = nil
        return
      }
      os[attribute: "firmware"] = "efi"
      // Without this libvirt takes the first firmware of the host's that fits, which may enforce Secure Boot.
      os.append(
        XMLElement("firmware", children: [XMLElement("feature", ["enabled": "no", "name": "secure-boot"])]))
    }
  }
}
