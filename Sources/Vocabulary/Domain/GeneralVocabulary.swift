// What a domain is and what it is called, what happens when it ends, and what it is allowed to use.

import XMLTree

extension Vocabulary {
  static let domainGeneral: [Field] = [
    Field(
      "type",
      .enumeration([
        "kvm", "qemu", "hvf", "xen", "lxc", "uml", "openvz", "test", "vmware", "hyperv", "vbox", "phyp", "vz", "bhyve",
        "kqemu",
      ]),
      """
      Who runs the guest: `kvm` with the host's processor, `qemu` by emulation; the others are libvirt's drivers for \
      other hypervisors. A new domain gets `kvm` where the host can run it, and the plan says which.
      """, at: "@type", staysWhenDropped: true, reference: "formatdomain.html#element-and-attribute-overview"),
    Field(
      "uuid", .text(.uuid), "The UUID. If not set it is derived from the names of the stack and the domain.",
      at: "uuid", effect: .replace, staysWhenDropped: true, reference: metadataReference),
    Field(
      "hardware-uuid", .text(.uuid), "The UUID that the guest's hardware shows; the default is the domain's own.",
      at: "hwuuid", isComparableWhenRunning: false, reference: metadataReference
    ).since(11, 7),
    Field(
      "genid", .text(.uuid),
      """
      The generation ID, by which a guest notices that it was copied or taken back to an earlier state. It needs ACPI.
      """, at: "genid", isComparableWhenRunning: false, reference: metadataReference),
    Field(
      "title", .text(.line), "A short description on one line.", at: "title", effect: .live(.title),
      reference: metadataReference),
    Field(
      "description", .text(.any), "A description for people.", at: "description", effect: .live(.description),
      reference: metadataReference),
    Field(
      "os", .text(.osinfoID),
      "What the guest runs, as libosinfo names it; tools that show or configure guests read it.", lens: osinfoLens,
      effect: .define, reference: metadataReference),
  ]

  static let domainEvents: [Field] = [
    endField("on-poweroff", "on_poweroff", offActions, "destroy", "What follows when the guest powers off."),
    endField("on-reboot", "on_reboot", offActions, "restart", "What follows when the guest reboots."),
    endField(
      "on-crash", "on_crash", offActions + ["coredump-destroy", "coredump-restart", "preserve-running"], "destroy",
      """
      What follows when the guest crashes; the `coredump` values keep its memory in a file first, and `preserve-running` \
      lets it go on.
      """
    ).values("preserve-running", since: 12, 6),
    Field(
      "on-lockfailure", .enumeration(["poweroff", "restart", "pause", "ignore"]),
      "What follows when the lock manager loses the locks of the guest's disks; the default is its own default.",
      at: "on_lockfailure", reference: "formatdomain.html#events-configuration"),
    Field(
      "pm.suspend-to-mem", .boolean, "Whether the firmware offers the guest to sleep with its memory kept (S3).",
      at: "pm/suspend-to-mem/@enabled", .yesNo, reference: "formatdomain.html#power-management"),
    Field(
      "pm.suspend-to-disk", .boolean, "Whether the firmware offers the guest to sleep on its disk (S4).",
      at: "pm/suspend-to-disk/@enabled", .yesNo, reference: "formatdomain.html#power-management"),
    Field(
      "perf", .table(key: .oneOf(perfEvents, "the name of a performance event"), of: .boolean),
      "Performance events of the host's processor that libvirt counts for the guest, each on or off.",
      lens: .table(
        "perf", "event", key: "@name", .oneOf(perfEvents, "the name of a performance event"),
        .at("@enabled", .boolean, .yesNo)), effect: .live(.perfEvents),
      reference: "formatdomain.html#performance-monitoring-events"),
  ]

  /// The controller that stands for the wish that there be none.
  private static let noUSBLens = Lens(places: ["devices/controller"]) { domain in
    domain.first("devices")?.all("controller").contains(where: \.isNoUSB) ?? false ? .string("none") : nil
  } write: { domain, value in
    domain.update("devices", create: value != nil) { devices in
      // libvirt takes one or the other.
      devices.removeAll("controller") { value == nil ? $0.isNoUSB : $0[attribute: "type"] == "usb" }
      guard value != nil else { return }
      devices.insertBesideSiblings(XMLElement("controller", ["type": "usb", "index": "0", "model": "none"]))
    }
  }

  static let domainResources: [Field] = [
    Field(
      "usb", .enumeration(["none"]),
      "With `none` the guest has no USB: libvirt gives every other guest of most machine types a USB controller.",
      lens: noUSBLens, reference: "formatdomain.html#controllers"),
    Field(
      "emulator", .path, "The program that runs the guest; the host's own for its architecture if not set.",
      at: "devices/emulator", staysWhenDropped: true, reference: "formatdomain.html#devices"),
    Field(
      "resource.partition", .text(.path(of: "the path of a resource partition such as /machine")),
      "The control group that the guest is placed in; the default is the driver's own.", at: "resource/partition",
      isComparableWhenRunning: false, reference: "formatdomain.html#resource-partitioning"),
    Field(
      "resource.fibrechannel-appid", .text(.printable("an identifier", most: 128)),
      "The identifier that tags the guest's Fibre Channel traffic, up to 128 characters.",
      at: "resource/fibrechannel/@appid", reference: "formatdomain.html#fibre-channel-vmid"),
    Field(
      "iommufd.enabled", .boolean, "Whether devices of the host are reached through IOMMUFD.", at: "iommufd/@enabled",
      .yesNo, reference: "formatdomain.html#host-device-iommufd"
    ).since(12, 2),
    Field(
      "iommufd.fd-group", .text(.line), "The group of file descriptors that holds the one of IOMMUFD.",
      at: "iommufd/@fdgroup", reference: "formatdomain.html#host-device-iommufd"
    ).since(12, 2),
    idmapField("uid", "users"),
    idmapField("gid", "groups"),
    Field(
      "redirfilter",
      """
      Which USB devices may be redirected into the guest: the first rule that fits a device decides. What a rule leaves \
      out fits every device.
      """, list: "devices/redirfilter", "usbdev",
      .record([
        usbPart("class", digits: 2, "a USB class such as 0x08", "The device's class."),
        usbPart("vendor", digits: 4, "a USB vendor such as 0x1234", "The device's vendor."),
        usbPart("product", digits: 4, "a USB product such as 0xbeef", "The device's product."),
        Part(
          "version", .text(.usbVersion), "The version of the device.", at: "@version"),
        Part(
          "allow", .boolean, "Whether such a device may be redirected.", at: "@allow", .yesNo, isRequired: true),
      ]), reference: "formatdomain.html#redirected-devices"),
  ]

  static let generalGroups = [
    FieldGroup("pm", "How the guest can be put to sleep."),
    FieldGroup("resource", "Where the guest is accounted for on the host."),
    FieldGroup("iommufd", "How devices of the host are reached.", shorthand: "enabled"),
    FieldGroup("idmap", "How the users and groups of a container are mapped to the host's."),
  ]

  private static let metadataReference = "formatdomain.html#general-metadata"
  private static let offActions = ["destroy", "restart", "preserve", "rename-restart"]

  private static let perfEvents = [
    "cmt", "mbmt", "mbml", "cpu_cycles", "instructions", "cache_references", "cache_misses", "branch_instructions",
    "branch_misses", "bus_cycles", "stalled_cycles_frontend", "stalled_cycles_backend", "ref_cpu_cycles", "cpu_clock",
    "task_clock", "page_faults", "context_switches", "cpu_migrations", "page_faults_min", "page_faults_maj",
    "alignment_faults", "emulation_faults",
  ]

  private static func endField(
    _ name: String, _ element: String, _ actions: [String], _ usual: String, _ summary: String
  ) -> Field {
    Field(
      name, .enumeration(actions), summary + " The default is `\(usual)`.", at: element,
      effect: .live(.lifecycle(element)),
      libvirtDefault: .string(usual),
      reference: "formatdomain.html#events-configuration")
  }

  private static func idmapField(_ kind: String, _ who: String) -> Field {
    Field(
      "idmap.\(kind)", "Ranges of \(who) of the container and where they begin on the host.", list: "idmap", kind,
      .record([
        Part("start", .integer(0...Int(UInt32.max)), "The first in the container.", at: "@start", isRequired: true),
        Part("target", .integer(0...Int(UInt32.max)), "The first on the host.", at: "@target", isRequired: true),
        Part("count", .integer(0...Int(UInt32.max)), "How many there are.", at: "@count", isRequired: true),
      ]), reference: "formatdomain.html#container-boot")
  }

  /// A number of a USB device, which libvirt writes with capital digits.
  private static func usbPart(_ name: String, digits: Int, _ explanation: String, _ summary: String) -> Part {
    let rule = TextRule.hexadecimal(explanation, digits: digits)
    let notation = Notation(
      value: { (try? rule.normalised($0)).map(Value.string) },
      text: { $0.string.map { "0x" + $0.dropFirst(2).uppercased() } })
    return Part(name, .text(rule), summary, at: "@\(name)", notation)
  }

  /// libosinfo's own element in the metadata, as virt-install and virt-manager write it.
  private static let osinfoLens: Lens = {
    let namespace = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
    @Sendable func isOwn(_ element: XMLElement) -> Bool {
      element.name == "libosinfo" && element.namespaceURI == namespace
    }
    return Lens(places: ["metadata/libosinfo:libosinfo/libosinfo:os/@id"]) { domain in
      let own = domain.first("metadata")?.elements.first(where: isOwn)
      let os = own?.elements.first { $0.name == "os" && $0.namespaceURI == namespace }
      return os?[attribute: "id"].flatMap { try? TextRule.osinfoID.normalised($0) }.map(Value.string)
    } write: { domain, value in
      domain.update("metadata", create: value != nil) { metadata in
        metadata.children.removeAll { $0.element.map(isOwn) ?? false }
        guard let id = value?.string else { return }
        var own = XMLElement("libosinfo:libosinfo")
        own.namespaceDeclarations = [XMLNamespace(prefix: "libosinfo", uri: namespace)]
        own.namespaceURI = namespace
        var os = XMLElement("libosinfo:os", ["id": id])
        os.namespaceURI = namespace
        own.append(os)
        metadata.append(own)
      }
      if domain.first("metadata")?.isBare ?? false { domain.removeAll("metadata") }
    }
  }()
}

extension TextRule {
  /// Identifiers of operating systems, which are addresses.
  static let osinfoID = TextRule(
    "an identifier such as http://debian.org/debian/12", pattern: "^[A-Za-z][A-Za-z0-9+.-]*://.+$",
    remedy: "`osinfo-query os` lists them", normalise: { $0.contains("://") && !$0.contains("\n") ? $0 : nil })

  /// Texts that look like paths and are none of the host's file system.
  static func path(of explanation: String) -> TextRule {
    TextRule(
      explanation, pattern: "^/[A-Za-z0-9_.+@:/-]*$",
      normalise: { text in
        text.hasPrefix("/") && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? text : nil
      })
  }

  /// A program's argument or the like: any text, the empty one among them.
  static let argument = TextRule(
    "a text", normalise: { $0.isEmpty ? $0 : try? TextRule.any.normalised($0) })
}

extension FieldKey<String> {
  /// The UUID of a domain, a network or a pool.
  public static var uuid: Self { Self("uuid") }

  /// The hypervisor of a domain, or the kind of a device. A pool has ``FieldKey/poolType``.
  public static var type: Self { Self("type") }

  /// What an object is for, in words for people.
  public static var description: Self { Self("description") }

  /// A short description on one line.
  public static var title: Self { Self("title") }
}

extension TextRule {
  /// The version of a USB device, as libvirt's schema has it.
  fileprivate static let usbVersion = TextRule(
    "a USB version such as 2.00", pattern: #"^[0-9]{1,2}\.[0-9]{1,2}$"#,
    normalise: { text in
      let parts = text.split(separator: ".", omittingEmptySubsequences: false)
      return parts.count == 2 && parts.allSatisfy { (1...2).contains($0.utf8.count) && $0.allSatisfy(\.isNumber) }
        ? text : nil
    })
}

extension XMLElement {
  fileprivate var isNoUSB: Bool { self[attribute: "type"] == "usb" && self[attribute: "model"] == "none" }
}
