// What the hypervisor offers the guest besides hardware: ACPI, enlightenments, workarounds.

import XMLTree

extension Vocabulary {
  static let domainFeatures: [Field] = [
    presence(
      "acpi", "acpi", "Whether the guest has ACPI, by which it powers off; a new x86 domain has it.", stays: true),
    presence(
      "apic.enabled", "apic", "Whether x86 guests have an APIC; a new x86 domain has it.", stays: true),
    state(
      "apic.eoi", "apic/@eoi",
      "Whether the end of an interrupt is signalled in a cheap way; QEMU decides if not set."),
    presence("pae", "pae", "Whether 32-bit guests can reach more than 4 GiB."),
    state("hap", "hap/@state", "Whether hardware assists paging, for hypervisors that ask."),
    presence("privnet", "privnet", "Whether a container has a network namespace of its own in every case."),
    presence("viridian", "viridian", "Whether Xen offers Windows guests Hyper-V's interfaces."),
    state(
      "pvspinlock", "pvspinlock/@state", "Whether waiting for a lock yields the processor; the hypervisor decides."),
    state("vmport", "vmport/@state", "Whether VMware's I/O port is emulated; QEMU decides if not set."),
    state(
      "pmu", "pmu/@state", "Whether the guest can count performance events; the hypervisor decides if not set."),
    state("smm.enabled", "smm/@state", "Whether the guest has a System Management Mode, which Secure Boot needs."),
    Field(
      "features.smm.tseg", .size(granularity: 1 << 20), "The memory that only System Management Mode can reach.",
      lens: .size("features/smm/tseg", unit: "features/smm/tseg/@unit", written: nil, implied: "MiB"),
      reference: reference
    ).only(with: "features.smm.enabled", ["true"]),
    plain("ioapic", "ioapic/@driver", ["kvm", "qemu"], "Where the I/O APIC is emulated."),
    plain("gic", "gic/@version", ["2", "3", "host"], "The version of an ARM guest's interrupt controller."),
    plain(
      "hpt.resizing", "hpt/@resizing", ["enabled", "disabled", "required"],
      "Whether a pSeries guest can resize its page table."),
    Field(
      "features.hpt.max-page-size", .size(granularity: 1024), "The largest page of a pSeries guest.",
      lens: .size("features/hpt/maxpagesize", unit: "features/hpt/maxpagesize/@unit"), reference: reference),
    state("htm", "htm/@state", "Whether a pSeries guest has transactional memory."),
    state("nested-hv", "nested-hv/@state", "Whether a pSeries guest can run guests of its own."),
    state("ccf-assist", "ccf-assist/@state", "Whether a pSeries guest can flush the count cache with help."),
    plain("cfpc", "cfpc/@value", ["broken", "workaround", "fixed"], "How a pSeries guest's cache is flushed."),
    plain("sbbc", "sbbc/@value", ["broken", "workaround", "fixed"], "How a pSeries guest bars speculation."),
    plain(
      "ibs", "ibs/@value", ["broken", "workaround", "fixed-ibs", "fixed-ccd", "fixed-na"],
      "How a pSeries guest speculates at indirect branches."),
    state("vmcoreinfo", "vmcoreinfo/@state", "Whether the guest can leave the host what a crash dump needs."),
    plain("msrs.unknown", "msrs/@unknown", ["ignore", "fault"], "What becomes of accesses to unknown registers."),
    Field(
      "features.tcg.tb-cache", .size(granularity: 1 << 20), "The memory for translated code of an emulated processor.",
      lens: .size("features/tcg/tb-cache", unit: "features/tcg/tb-cache/@unit"), reference: reference),
    Field(
      "features.async-teardown", .boolean, "Whether QEMU gives its memory back in the background when it ends.",
      at: "features/async-teardown/@enabled", .yesNo, reference: reference
    ).since(9, 6),
    state("ps2", "ps2/@state", "Whether there is a PS/2 controller for keyboard and mouse; the board decides.")
      .since(10, 7),
    state("ras", "ras/@state", "Whether an ARM guest gets notifications of errors in the host's memory.").since(10, 4),
    plain(
      "aia", "aia/@value", ["none", "aplic", "aplic-imsic"], "The advanced interrupt architecture of a RISC-V guest."
    ).since(11, 1),
    presence("virtualization", "virtualization", "Whether an ARM guest can run guests of its own.").since(12, 1),
    state("kvm.hidden", "kvm/hidden/@state", "Whether the guest is not told that it runs on KVM."),
    state(
      "kvm.hint-dedicated", "kvm/hint-dedicated/@state",
      "Whether the guest sees that its vcpus have host processors of their own."),
    state("kvm.poll-control", "kvm/poll-control/@state", "Whether the guest says when to poll before halting."),
    state("kvm.pv-ipi", "kvm/pv-ipi/@state", "Whether interrupts between vcpus take a shorter way."),
    state("kvm.dirty-ring.enabled", "kvm/dirty-ring/@state", "Whether changed pages are tracked in a ring."),
    implying(
      "kvm.dirty-ring.size", "kvm/dirty-ring", "size", .integer(1024...65536),
      "Entries of the ring, a power of two."),
    state("xen.e820-host", "xen/e820_host/@state", "Whether a Xen guest sees the host's memory map."),
    state("xen.passthrough.enabled", "xen/passthrough/@state", "Whether a Xen guest can have host devices."),
    plain("xen.passthrough.mode", "xen/passthrough/@mode", ["sync_pt", "share_pt"], "How their tables are kept.").only(
      with: "features.xen.passthrough.enabled"),
    plain(
      "capabilities.policy", "capabilities/@policy", ["default", "allow", "deny"],
      "Which of root's powers a container keeps where `set` is silent."),
    Field(
      "features.capabilities.set",
      .table(key: .oneOf(capabilities, "the name of a capability such as mknod"), of: .boolean),
      "Single powers of root that a container keeps or loses.", lens: capabilitiesLens, reference: reference
    ).only(with: "features.capabilities.policy"),
  ]

  static let domainHyperV: [Field] =
    hyperVMode + enlightenments.map { $0.never(with: "features.hyperv.mode", "passthrough") }

  private static let hyperVMode: [Field] = [
    plain(
      "hyperv.mode", "hyperv/@mode", ["custom", "passthrough", "host-model"],
      """
      Whether the guest gets the enlightenments named here, or all that the host has: `passthrough` leaves them to QEMU, \
      with `host-model` libvirt finds them when the guest starts. `custom` if not set.
      """, libvirtDefault: .string("custom")
    ).values("host-model", since: 11, 9)
  ]

  private static let enlightenments: [Field] = [
    state("hyperv.relaxed", "hyperv/relaxed/@state", "Whether Windows relaxes its watch on timers."),
    state("hyperv.vapic", "hyperv/vapic/@state", "Whether the APIC can be reached without leaving the guest."),
    state("hyperv.spinlocks.enabled", "hyperv/spinlocks/@state", "Whether waiting for locks is reported to the host."),
    implying(
      "hyperv.spinlocks.retries", "hyperv/spinlocks", "retries", .integer(4095...Int(UInt32.max)),
      "Attempts to take a lock before the wait is reported, at least 4095."),
    state("hyperv.vpindex", "hyperv/vpindex/@state", "Whether vcpus know their numbers."),
    state("hyperv.runtime", "hyperv/runtime/@state", "Whether vcpus know how long they have run."),
    state("hyperv.synic", "hyperv/synic/@state", "Whether there is a synthetic interrupt controller."),
    state(
      "hyperv.stimer.enabled", "hyperv/stimer/@state", "Whether there are synthetic timers; they need `synic`."),
    state("hyperv.stimer.direct", "hyperv/stimer/direct/@state", "Whether these raise interrupts directly."),
    state("hyperv.reset", "hyperv/reset/@state", "Whether the guest can reset itself through Hyper-V's register."),
    state("hyperv.vendor-id.enabled", "hyperv/vendor_id/@state", "Whether the hypervisor's name is another one."),
    implying(
      "hyperv.vendor-id.value", "hyperv/vendor_id", "value", .text(.hyperVVendor),
      "The name, up to twelve characters."),
    state("hyperv.frequencies", "hyperv/frequencies/@state", "Whether the frequencies of timers can be read."),
    state(
      "hyperv.reenlightenment", "hyperv/reenlightenment/@state",
      "Whether the guest learns of a migration that changes its clock's frequency."),
    state(
      "hyperv.tlbflush.enabled", "hyperv/tlbflush/@state", "Whether address caches are flushed with the host's help."),
    state("hyperv.tlbflush.direct", "hyperv/tlbflush/direct/@state", "Whether nested guests can do so too.").since(
      11, 0),
    state("hyperv.tlbflush.extended", "hyperv/tlbflush/extended/@state", "Whether parts of them can be flushed.")
      .since(11, 0),
    state("hyperv.ipi", "hyperv/ipi/@state", "Whether interrupts between vcpus take a shorter way."),
    state("hyperv.evmcs", "hyperv/evmcs/@state", "Whether nested guests are entered faster, on Intel hosts."),
    state("hyperv.avic", "hyperv/avic/@state", "Whether the hardware's virtual APIC is used."),
    state(
      "hyperv.emsr-bitmap", "hyperv/emsr_bitmap/@state", "Whether nested guests' registers are watched at less cost."
    )
    .since(10, 7),
    state("hyperv.xmm-input", "hyperv/xmm_input/@state", "Whether calls can take their input from wide registers.")
      .since(10, 7),
  ]

  static let featureGroups = [
    FieldGroup("features", "What the hypervisor offers the guest."),
    FieldGroup("features.apic", "The interrupt controller of x86 guests.", shorthand: "enabled"),
    FieldGroup("features.smm", "System Management Mode.", shorthand: "enabled"),
    FieldGroup("features.hpt", "The page table of pSeries guests.", shorthand: "resizing"),
    FieldGroup("features.msrs", "Model-specific registers.", shorthand: "unknown"),
    FieldGroup("features.tcg", "Emulation of processors."),
    FieldGroup("features.kvm", "What KVM tells the guest."),
    FieldGroup("features.kvm.dirty-ring", "How changed pages are tracked.", shorthand: "enabled"),
    FieldGroup("features.xen", "What Xen offers the guest."),
    FieldGroup("features.xen.passthrough", "Host devices of a Xen guest.", shorthand: "enabled"),
    FieldGroup("features.capabilities", "Powers of root in a container.", shorthand: "policy"),
    FieldGroup("features.hyperv", "Enlightenments: interfaces of Hyper-V, with which Windows runs better."),
    FieldGroup("features.hyperv.spinlocks", "How waiting for locks is handled.", shorthand: "enabled"),
    FieldGroup("features.hyperv.stimer", "Synthetic timers.", shorthand: "enabled"),
    FieldGroup("features.hyperv.tlbflush", "How address caches are flushed.", shorthand: "enabled"),
    FieldGroup("features.hyperv.vendor-id", "The name of the hypervisor.", shorthand: "value"),
  ]

  /// The capabilities of Linux in libvirt's schema.
  private static let capabilities = [
    "audit_control", "audit_write", "block_suspend", "chown", "dac_override", "dac_read_search", "fowner", "fsetid",
    "ipc_lock", "ipc_owner", "kill", "lease", "linux_immutable", "mac_admin", "mac_override", "mknod", "net_admin",
    "net_bind_service", "net_broadcast", "net_raw", "setgid", "setfcap", "setpcap", "setuid", "sys_admin", "sys_boot",
    "sys_chroot", "sys_module", "sys_nice", "sys_pacct", "sys_ptrace", "sys_rawio", "sys_resource", "sys_time",
    "sys_tty_config", "syslog", "wake_alarm",
  ]

  private static let reference = "formatdomain.html#hypervisor-features"

  private static func presence(_ name: String, _ element: String, _ summary: String, stays: Bool = false) -> Field {
    Field(
      "features.\(name)", .boolean, summary, lens: .presence(XMLPath(stringLiteral: "features/\(element)")),
      libvirtDefault: .boolean(false), staysWhenDropped: stays, isComparableWhenRunning: false, reference: reference)
  }

  private static func state(_ name: String, _ place: String, _ summary: String) -> Field {
    Field(
      "features.\(name)", .boolean, summary, at: "features/\(place)", .onOff, isComparableWhenRunning: false,
      reference: reference)
  }

  private static func plain(
    _ name: String, _ place: String, _ words: [String], _ summary: String, libvirtDefault: Value? = nil
  ) -> Field {
    Field(
      "features.\(name)", .enumeration(words), summary, at: "features/\(place)", libvirtDefault: libvirtDefault,
      isComparableWhenRunning: false, reference: reference)
  }

  /// A value that a feature has only where it is on, and cannot be on without.
  private static func implying(
    _ name: String, _ element: String, _ attribute: String, _ type: ValueType, _ summary: String
  ) -> Field {
    let state = XMLPath(stringLiteral: "features/\(element)/@state")
    let lens = Lens.attribute(attribute, of: "features/\(element)", type).afterwards { domain, value, _ in
      if value != nil, domain.value(at: state) == nil { domain.set("on", at: state) }
    }
    return Field(
      "features.\(name)", type, summary, lens: lens, isComparableWhenRunning: false, reference: reference)
  }

  /// The powers' elements are named after them.
  private static let capabilitiesLens = Lens(places: ["features/capabilities"]) { domain in
    var values: [String: Value] = [:]
    for item in domain.first("features")?.first("capabilities")?.elements ?? XMLElement("none").elements {
      guard let state = item[attribute: "state"].flatMap(Notation.onOff.value) else { return nil }
      values[item.name] = state
    }
    return values.isEmpty ? nil : .table(values)
  } write: { domain, value in
    domain.update(at: "features/capabilities", create: value != nil) { capabilities in
      capabilities.children.removeAll { $0.element != nil }
      for (name, state) in value?.sortedEntries ?? [] {
        capabilities.append(XMLElement(name, ["state": state == .boolean(true) ? "on" : "off"]))
      }
    }
    if let rest = domain.element(at: "features/capabilities"), rest.isBare {
      domain.remove(at: "features/capabilities")
    }
  }
}

extension TextRule {
  static let hyperVVendor = TextRule(
    "a name of up to twelve characters without commas", pattern: "^[^,]{1,12}$",
    normalise: { text in
      (1...12).contains(text.utf8.count) && !text.contains(",") && text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
        ? text : nil
    })
}
