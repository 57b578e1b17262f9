// How a domain starts: board, firmware, boot order, or a kernel of its own.

import XMLTree

extension Vocabulary {
  static let domainSystem: [Field] = [
    Field(
      "arch", .text(.oneOf(architectures, "the name of an architecture")),
      "The processor architecture; the default is the host's.",
      lens: osTypeLens("arch"), effect: .replace, staysWhenDropped: true, reference: bootReference
    ).values("loongarch64", since: 10, 1),
    Field(
      "machine", .text(.word("the name of a machine type")),
      """
      The machine type. A new x86_64 domain gets `q35`. An alias such as `q35` equals any version of it: libvirt writes \
      down a version once, and the guest keeps that hardware.
      """, lens: osTypeLens("machine"), staysWhenDropped: true, reference: bootReference,
      equivalent: MachineType.isEquivalent),
    Field(
      "boot", "The kinds of devices to boot from, in order.", list: "os", "boot",
      .at("@dev", .enumeration(["hd", "cdrom", "network", "fd"])), reference: bootReference),
    Field(
      "boot-menu.enable", .boolean, "Whether the firmware shows a menu of what to boot from.",
      at: "os/bootmenu/@enable", .yesNo, reference: bootReference),
    Field(
      "boot-menu.timeout", .integer(0...65535), "How long it is shown, in milliseconds.", at: "os/bootmenu/@timeout",
      reference: bootReference
    ).only(with: "boot-menu.enable"),
    Field(
      "bios.use-serial", .boolean, "Whether the BIOS shows its messages on the first serial port too.",
      at: "os/bios/@useserial", .yesNo, reference: bootReference),
    Field(
      "bios.reboot-timeout", .integer(-1...32767),
      "After how many milliseconds without anything to boot from the guest tries again; -1 for never.",
      at: "os/bios/@rebootTimeout", reference: bootReference),
    Field(
      "firmware", .enumeration(["bios", "uefi", "any-uefi"]),
      """
      The firmware. With `uefi` libvirt picks one of the host without Secure Boot, or with it if `secure-boot` \
      is true; with `any-uefi` the first that fits, with or without. Either way it is one that keeps its \
      variables, unless `loader.stateless` says otherwise.
      """, lens: firmwareLens, initial: .string("bios"), staysWhenDropped: true, isComparableWhenRunning: false,
      reference: bootReference,
      // Whatever libvirt chose, and wrote down or not, is UEFI and stays as it is; `secure-boot` asks for more.
      equivalent: { desired, stored in desired != .string("bios") && stored != .string("bios") }),
    Field(
      "secure-boot", .boolean, "Whether the UEFI firmware that libvirt picks has Secure Boot; by default not.",
      lens: firmwareFeatureLens("secure-boot"), staysWhenDropped: true, isComparableWhenRunning: false,
      reference: bootReference),
    Field(
      "enrolled-keys", .boolean,
      "Whether it comes with the usual keys enrolled, so that Secure Boot is in force from the first start.",
      lens: firmwareFeatureLens("enrolled-keys"), staysWhenDropped: true, isComparableWhenRunning: false,
      reference: bootReference),
    Field(
      "loader.path", .path,
      "One of the host's firmware images, in place of one that libvirt picks. `loader.type` sets how it is mapped.",
      lens: loaderPathLens, staysWhenDropped: true, isComparableWhenRunning: false, reference: bootReference),
    loaderField("type", .enumeration(["rom", "pflash"]), "How it is mapped: as read-only memory, or as flash."),
    loaderField("readonly", .boolean, "Whether the image is read-only; images that guests share are."),
    loaderField("secure", .boolean, "Whether the firmware implements Secure Boot, which needs `features.smm`."),
    Field(
      "loader.stateless", .boolean,
      "Whether the firmware stores nothing and uses no `nvram`; a new UEFI domain has one that stores its variables.",
      lens: statelessLens, staysWhenDropped: true, isComparableWhenRunning: false, reference: bootReference),
    loaderField("format", .enumeration(["raw", "qcow2"]), "The format of the image; the default is `raw`.")
      .since(9, 2),
    Field(
      "nvram.type", .enumeration(["file", "block", "network"]),
      "What holds the firmware's variables, where it is not a plain file.", lens: nvramTypeLens,
      staysWhenDropped: true, isComparableWhenRunning: false, reference: bootReference),
    Field(
      "nvram.path", .path,
      "The file, or block device, with the firmware's variables; a file in libvirt's folder if not set.",
      lens: nvramPathLens, staysWhenDropped: true, isComparableWhenRunning: false, reference: bootReference
    ).required(with: "nvram.type", "file", "block").never(with: "nvram.network"),
    Field(
      "nvram.network", .record(networkParts.map(\.member)), "The network storage with the firmware's variables.",
      lens: nvramNetworkLens, staysWhenDropped: true, reference: bootReference
    ).required(with: "nvram.type", "network"),
    Field(
      "nvram.template", .path, "The image that a new file of variables is copied from.", at: "os/nvram/@template",
      staysWhenDropped: true, isComparableWhenRunning: false, reference: bootReference),
    Field(
      "nvram.template-format", .enumeration(["raw", "qcow2"]), "The format of that image; the default is `raw`.",
      lens: rawByDefault("os/nvram/@templateFormat"), staysWhenDropped: true, isComparableWhenRunning: false,
      reference: bootReference
    ).since(10, 10).only(with: "nvram.template"),
    Field(
      "nvram.format", .enumeration(["raw", "qcow2"]),
      """
      The format of the variables' file; the default is `raw`. Internal snapshots of a UEFI guest need `qcow2`. libvirt makes \
      a file of that format from a template of the same format only.
      """, lens: rawByDefault("os/nvram/@format"), staysWhenDropped: true, isComparableWhenRunning: false,
      reference: bootReference
    ).since(9, 2),
    Field(
      "kernel", .path, "A kernel of the host's to boot, in place of what the disks hold.", at: "os/kernel",
      reference: kernelReference),
    Field("initrd", .path, "The kernel's initial file system.", at: "os/initrd", reference: kernelReference),
    Field("cmdline", .text(.any), "The kernel's arguments.", at: "os/cmdline", reference: kernelReference),
    Field(
      "shim", .path, "A UEFI program that starts the kernel, so that Secure Boot trusts it.", at: "os/shim",
      reference: kernelReference
    ).since(11, 2),
    Field("dtb", .path, "The device tree that the kernel gets.", at: "os/dtb", reference: kernelReference),
    Field(
      "acpi-tables", "Files with ACPI tables that the guest gets besides, by their kind.", table: "os/acpi", "table",
      key: "@type", .oneOf(["raw", "rawset", "slic", "msdm"], "the kind of an ACPI table"), .text(.path),
      reference: bootReference
    ).values("raw", "rawset", "msdm", since: 11, 2),
  ]

  static let systemGroups = [
    FieldGroup("boot-menu", "The firmware's boot menu.", shorthand: "enable"),
    FieldGroup("bios", "Settings of a BIOS."),
    FieldGroup("loader", "The firmware's image.", shorthand: "path"),
    FieldGroup("nvram", "The variables of UEFI firmware.", shorthand: "path"),
  ]

  /// The architectures of libvirt's schema.
  private static let architectures = [
    "aarch64", "alpha", "armv6l", "armv7l", "cris", "i686", "ia64", "lm32", "loongarch64", "m68k", "microblaze",
    "microblazeel", "mips", "mipsel", "mips64", "mips64el", "openrisc", "parisc", "parisc64", "ppc", "ppc64", "ppc64le",
    "ppcemb", "riscv32", "riscv64", "s390", "s390x", "sh4", "sh4eb", "sparc", "sparc64", "unicore32", "x86_64",
    "xtensa",
    "xtensaeb",
  ]

  private static let bootReference = "formatdomain.html#bios-bootloader"
  private static let kernelReference = "formatdomain.html#direct-kernel-boot"

  /// An attribute of `os/type`, whose text is `hvm` for every guest with a machine of its own.
  private static func osTypeLens(_ attribute: String) -> Lens {
    Lens.at("os/type/@\(attribute)", .text(.any)).afterwards { domain, value, _ in
      guard value != nil else { return }
      domain.update(at: "os/type") { if $0.text.isEmpty { $0.text = "hvm" } }
    }
  }

  // MARK: Firmware

  /// `os/@firmware`, or a loader that is a flash device, is UEFI; anything else is BIOS.
  private static let firmwareLens = Lens(places: ["os/@firmware"]) { domain in
    guard let os = domain.first("os") else { return .string("bios") }
    if os[attribute: "firmware"] == "efi" {
      return .string(os.exists(at: "firmware/feature[@name='secure-boot']") ? "uefi" : "any-uefi")
    }
    return .string(os.value(at: "loader/@type") == "pflash" ? "uefi" : "bios")
  } write: { domain, value in
    domain.update("os", create: value == .string("uefi") || value == .string("any-uefi")) { os in
      for name in ["firmware", "loader", "nvram"] { os.removeAll(name) }
      guard value == .string("uefi") || value == .string("any-uefi") else {
        os[attribute: "firmware"] = nil
        return
      }
      os[attribute: "firmware"] = "efi"
      // Without this libvirt takes the first firmware of the host's that fits, which may enforce Secure Boot.
      if value == .string("uefi") { os.setFirmwareFeature("secure-boot", enabled: false) }
    }
  }

  /// A feature that the firmware must have or lack. It is libvirt that picks the firmware by it.
  private static func firmwareFeatureLens(_ name: String) -> Lens {
    let feature = XMLPath("os/firmware/feature").matching("@name", name)
    let enabled = feature.appending("@enabled")
    return Lens(places: [enabled.description]) { domain in
      domain.value(at: enabled).flatMap(Notation.yesNo.value)
    } write: { domain, value in
      guard let isEnabled = value?.boolean else { return domain.remove(at: feature) }
      if domain.value(at: "os/@firmware") != "efi" { firmwareLens.put(.string("any-uefi"), into: &domain) }
      domain.clearChosenFirmware()
      domain.update("os") { $0.setFirmwareFeature(name, enabled: isEnabled) }
    }
  }

  private static func loaderField(_ name: String, _ type: ValueType, _ summary: String) -> Field {
    let path = "os/loader/@\(name)"
    let lens: Lens
    switch type {
    // Of an image that is named, what is not said is not so.
    case .boolean:
      lens = Lens.at(path, type, .yesNo).alsoMeant { domain, value in
        value == .boolean(false) && domain.hasLoaderPath && !domain.exists(at: XMLPath(stringLiteral: path))
      }
    default: lens = name == "format" ? rawByDefault(path) : .at(path, type)
    }
    return Field(
      "loader.\(name)", type, summary, lens: lens, staysWhenDropped: true, isComparableWhenRunning: false,
      reference: bootReference)
  }

  /// The format of an image, which is raw where nothing is said: libvirt writes it down since 9.2.
  private static func rawByDefault(_ path: String) -> Lens {
    Lens.at(path, .enumeration(["raw", "qcow2"])).alsoMeant { domain, value in
      value == .string("raw") && !domain.exists(at: XMLPath(stringLiteral: path))
    }
  }

  /// The loader's path, which takes the place of libvirt's choice. Beside `os/@firmware` it is what libvirt chose, and
  /// nothing that anyone asked for; a loader that was asked for and that libvirt knows has that form since 9.2, too.
  private static let loaderPathLens: Lens = {
    let path = Lens.at("os/loader", .path)
    return Lens(places: path.places) { domain in
      domain.exists(at: "os/@firmware") ? nil : path.get(domain)
    } write: { domain, value in
      guard value != nil || !domain.exists(at: "os/@firmware") else { return }
      if value != nil { domain.endFirmwareChoice() }
      path.put(value, into: &domain)
    }.alsoMeant { domain, value in path.get(domain) == value }
  }()

  /// `os/loader/@stateless`, by which libvirt chooses. What it chose says it as well: it names a place for variables or not.
  private static let statelessLens: Lens = {
    let stateless = Lens.at("os/loader/@stateless", .boolean, .yesNo)
    return Lens(places: stateless.places, read: stateless.get) { domain, value in
      if let value, domain.keepsVariables == (value == .boolean(true)) {
        domain.clearChosenFirmware()
        if value == .boolean(true), domain.exists(at: "os/@firmware") { domain.remove(at: "os/nvram") }
      }
      stateless.put(value, into: &domain)
    }.alsoMeant { domain, value in
      guard domain.hasLoaderPath, !domain.exists(at: "os/loader/@stateless") else { return false }
      return value == .boolean(!domain.keepsVariables)
    }
  }()

  // MARK: Variables

  /// `os/nvram/@type`. What holds the variables is named in another way for each.
  private static let nvramTypeLens: Lens = {
    let type = Lens.at("os/nvram/@type", .enumeration(["file", "block", "network"]))
    return Lens(places: type.places, read: type.get) { domain, value in
      guard value != nil || domain.exists(at: "os/nvram/@type") else { return }
      domain.update(at: "os/nvram", create: value != nil) { nvram in
        nvram.text = ""
        nvram.removeAll("source")
      }
      type.put(value, into: &domain)
    }.alsoMeant { domain, value in
      // A path as the element's text is that of a file.
      value == .string("file") && type.get(domain) == nil && nvramPathLens.get(domain) != nil
    }
  }()

  /// The path in the text of `os/nvram`, or in a source of its own where the type is said.
  private static let nvramPathLens = Lens(places: ["os/nvram"]) { domain in
    nvramPath(in: domain)?.get(domain)
  } write: { domain, value in
    // A network's source has no path: the file takes its place.
    if value != nil, nvramPath(in: domain) == nil { nvramTypeLens.put(nil, into: &domain) }
    nvramPath(in: domain)?.put(value, into: &domain)
  }

  private static func nvramPath(in domain: XMLElement) -> Lens? {
    switch domain.value(at: "os/nvram/@type") {
    case nil: .at("os/nvram", .path)
    case "file": .at("os/nvram/source/@file", .path)
    case "block": .at("os/nvram/source/@dev", .path)
    default: nil
    }
  }

  private static let networkParts = [
    Part(
      "protocol",
      .enumeration(["nbd", "iscsi", "rbd", "sheepdog", "gluster", "http", "https", "ftp", "ftps", "tftp", "ssh"]),
      "How it is reached.", at: "@protocol", isRequired: true
    ).values("ssh", since: 9, 8),
    Part("name", .text(.line), "Its name there: an export, an image, a target.", at: "@name").required(
      with: "protocol", "iscsi", "sheepdog", "gluster", "http", "https", "ftp", "ftps", "tftp", "ssh"),
    Part("host", .text(.hostName), "The host that has it.", at: "host/@name").required(
      with: "protocol", "nbd", "iscsi", "sheepdog", "gluster", "http", "https", "ftp", "ftps", "tftp", "ssh"),
    Part("port", .integer(1...65535), "The host's port.", at: "host/@port").only(with: "host"),
    Part("username", .text(.line), "Who logs in there.", at: "auth/@username").required(with: "secret-type").only(
      with: "protocol", "iscsi", "rbd", "http", "https", "ftp", "ftps"),
    Part("secret-type", .enumeration(["ceph", "iscsi"]), "The kind of libvirt's secret.", at: "auth/secret/@type")
      .required(with: "username"),
    Part("secret-usage", .text(.line), "The secret, by its usage.", at: "auth/secret/@usage").required(
      with: "username", unless: ["secret-uuid"]
    ).only(with: "username"),
    Part("secret-uuid", .text(.uuid), "The secret, by its UUID.", at: "auth/secret/@uuid").only(with: "username").never(
      with: "secret-usage"),
  ]

  private static let nvramNetworkLens: Lens = {
    let source = Lens.record("os/nvram/source", .record(networkParts))
    return Lens(places: source.places) { domain in
      domain.value(at: "os/nvram/@type") == "network" ? source.get(domain) : nil
    } write: { domain, value in
      if value != nil { nvramTypeLens.put(.string("network"), into: &domain) }
      if domain.value(at: "os/nvram/@type") == "network" { source.put(value, into: &domain) }
    }
  }()
}

extension XMLElement {
  /// Says in `os` that the firmware must have a feature, or lack it.
  fileprivate mutating func setFirmwareFeature(_ name: String, enabled: Bool) {
    let feature = XMLElement("feature", ["enabled": enabled ? "yes" : "no", "name": name])
    update("firmware") { firmware in
      if let index = firmware.indexOfChild("feature", where: { $0[attribute: "name"] == name }) {
        firmware.replaceChild(at: index, with: feature)
      } else {
        firmware.append(feature)
      }
    }
  }
}

/// The firmware that a spec asks for.
public enum FirmwareChoice: String, FieldWord {
  /// The firmware that QEMU has built in (SeaBIOS).
  case bios
  /// UEFI, with Secure Boot only if asked for.
  case uefi
  /// The first UEFI firmware that fits.
  case anyUEFI = "any-uefi"
}

extension FieldKey<FirmwareChoice> {
  /// The firmware of a domain.
  public static var firmware: Self { Self("firmware") }
}

extension FieldKey<FileFormat> {
  /// The format of the file with the firmware's variables.
  public static var nvramFormat: Self { Self("nvram.format") }
}

extension FieldKey<String> {
  /// The processor architecture.
  public static var arch: Self { Self("arch") }

  /// The machine type.
  public static var machine: Self { Self("machine") }

  /// The firmware's image, in place of one that libvirt picks.
  public static var loaderPath: Self { Self("loader.path") }

  /// How the firmware's image is mapped.
  public static var loaderType: Self { Self("loader.type") }

  /// The file with the firmware's variables.
  public static var nvramPath: Self { Self("nvram.path") }
}

extension FieldKey<[String]> {
  /// The kinds of devices to boot from, in order.
  public static var boot: Self { Self("boot") }
}

extension FieldKey<Bool> {
  /// Whether the UEFI firmware has Secure Boot.
  public static var secureBoot: Self { Self("secure-boot") }

  /// Whether it comes with the usual keys enrolled.
  public static var enrolledKeys: Self { Self("enrolled-keys") }

  /// Whether the firmware stores nothing.
  public static var loaderStateless: Self { Self("loader.stateless") }
}

extension FieldKey<FileFormat> {
  /// The format of the firmware's image.
  public static var loaderFormat: Self { Self("loader.format") }

  /// The format of the image that a new file of variables is copied from.
  public static var nvramTemplateFormat: Self { Self("nvram.template-format") }
}

extension FieldKey<String> {
  /// The image that a new file of variables is copied from.
  public static var nvramTemplate: Self { Self("nvram.template") }
}
