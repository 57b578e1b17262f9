// The tables of devices of the host that the guest gets: assigned devices, redirected ones, folders, crypto, leases.

import Versions
import XMLTree

extension Vocabulary {
  /// A device of the host that the guest gets.
  public static let hostDevice = ObjectType(
    "hostdev", "A device of the host that is assigned to the guest.",
    fields: [
      Field(
        "mode", .enumeration(["subsystem", "capabilities"]), "Whether it is a device for a guest or for a container.",
        at: "@mode", initial: .string("subsystem"), staysWhenDropped: true, reference: hostReference),
      Field(
        "type", .enumeration(["pci", "usb", "scsi", "scsi_host", "mdev", "storage", "misc", "net"]),
        "The kind of device.",
        lens: Lens.at("@type", .enumeration(["pci", "usb", "scsi", "scsi_host", "mdev", "storage", "misc", "net"]))
          .replacing("source"), staysWhenDropped: true, reference: hostReference
      ).required.values(["storage", "misc", "net"], with: "mode", "capabilities")
        .values(["pci", "usb", "scsi", "scsi_host", "mdev"], with: "mode", "subsystem"),
      .yesNo(
        "managed", "Whether libvirt takes the device from the host and gives it back.", at: "@managed",
        reference: hostReference
      ).never(with: "mode", "capabilities"),
      Field(
        "model", .text(.word("the name of a device's model")), "How the guest sees the device.", at: "@model",
        reference: hostReference
      ).only(with: "type", ["mdev", "scsi_host"]).required(with: "type", "mdev").values(
        ["vfio-pci", "vfio-ccw", "vfio-ap"], with: "type", "mdev"
      ).values(["virtio", "virtio-transitional", "virtio-non-transitional"], with: "type", "scsi_host"),
      .onOff(
        "display", "Whether a mediated device, or since libvirt 10.3 a PCI device, has a display.", at: "@display",
        reference: hostReference
      ).only(with: "type", ["mdev", "pci"]),
      .onOff("ramfb", "Whether a device with a display has one for booting.", at: "@ramfb", reference: hostReference)
        .only(with: "type", ["mdev", "pci"]),
      .yesNo("raw-io", "Whether QEMU needs the right to raw I/O.", at: "@rawio", reference: hostReference).only(
        with: "type", ["scsi"]),
      Field(
        "sgio", .enumeration(["filtered", "unfiltered"]), "Which SCSI commands of the guest are let through.",
        at: "@sgio", reference: hostReference
      ).only(with: "type", ["scsi"]),
      Field(
        "driver.name", .enumeration(["vfio", "kvm", "xen"]), "The host's driver for assignment.", at: "driver/@name",
        reference: hostReference
      ).only(with: "type", ["pci"]),
      Field(
        "driver.model", .text(.genericName),
        "The host's driver that the device is bound to, where `vfio-pci` is not the one.", at: "driver/@model",
        reference: hostReference
      ).only(with: "type", ["pci"]).since(10, 0),
      .yesNo(
        "driver.iommufd", "Whether the device is reached through IOMMUFD.", at: "driver/@iommufd",
        reference: hostReference
      ).only(with: "type", ["pci", "mdev"]).since(12, 1),
      Field(
        "source.pci", .text(DeviceAddress.sourceRule), "The PCI address on the host.",
        lens: DeviceAddress.source, staysWhenDropped: true, reference: hostReference
      ).only(with: "type", ["pci"], at: "@type").required(with: "type", "pci"),
      number("vendor", "The vendor's number of a USB device.", "source/vendor/@id", 4).required(
        with: "type", "usb", unless: ["source.bus"]
      ).required(with: "source.product"),
      number("product", "The product's number of a USB device.", "source/product/@id", 4).required(
        with: "source.vendor"),
      place("bus", .integer(0...999), "The bus of the host.", ["usb", "scsi"], "source/address/@bus").required(
        with: "source.device"
      ).partOfSCSIAddress,
      place(
        "device", .integer(0...999), "The number of a USB device on its bus.", ["usb"], "source/address/@device"
      ).required(with: "source.bus", and: ("type", "usb")),
      place("target", .integer(0...999), "The target of a SCSI device.", ["scsi"], "source/address/@target")
        .partOfSCSIAddress,
      place("unit", .integer(0...Int(UInt32.max)), "The unit of a SCSI device.", ["scsi"], "source/address/@unit")
        .partOfSCSIAddress,
      place(
        "adapter", .text(.line), "The SCSI adapter of the host, such as `scsi_host0`.", ["scsi"], "source/adapter/@name"
      ).partOfSCSIAddress,
      place(
        "protocol", .enumeration(["adapter", "iscsi", "vhost"]), "How the device is reached.", ["scsi", "scsi_host"],
        "source/@protocol"
      ).values(["adapter", "iscsi"], with: "type", "scsi").values(["vhost"], with: "type", "scsi_host").required(
        with: "type", "scsi_host"),
      place("name", .text(.line), "The name of an iSCSI unit.", ["scsi"], "source/@name").only(
        with: "source.protocol", ["iscsi"]
      ).required(with: "source.protocol", "iscsi"),
      place(
        "initiator", .text(.line), "The name by which the host presents itself to iSCSI.", ["scsi"],
        "source/initiator/iqn/@name"
      ).only(with: "source.protocol", ["iscsi"]),
      place(
        "wwpn", .text(.worldWidePort), "The World Wide Port Name of a vhost adapter.", ["scsi_host"], "source/@wwpn"
      ).required(with: "type", "scsi_host"),
      place("uuid", .text(.uuid), "The UUID of a mediated device.", ["mdev"], "source/address/@uuid").required(
        with: "type", "mdev"),
      Field(
        "source.hosts", "The iSCSI servers.", list: "source", "host",
        .record([
          Part("name", .text(.line), "The name or address of the server.", at: "@name", isRequired: true),
          Part("port", .integer(0...65535), "The port.", at: "@port"),
        ]), reference: hostReference
      ).only(with: "source.protocol", ["iscsi"]).required(with: "source.protocol", "iscsi"),
      place("auth-username", .text(.genericName), "The name to log in with.", ["scsi"], "source/auth/@username").only(
        with: "source.protocol", ["iscsi"]
      ).required(with: "source.auth-type"),
      place(
        "auth-type", .enumeration(["iscsi", "ceph"]), "The kind of the secret.", ["scsi"], "source/auth/secret/@type"
      ).only(with: "source.auth-username").required(with: "source.auth-username"),
      place("auth-usage", .text(.objectName), "The usage of libvirt's secret.", ["scsi"], "source/auth/secret/@usage")
        .only(with: "source.auth-username").required(with: "source.auth-username", unless: ["source.auth-uuid"]),
      place("auth-uuid", .text(.uuid), "The UUID of libvirt's secret.", ["scsi"], "source/auth/secret/@uuid").only(
        with: "source.auth-username"
      ).never(with: "source.auth-usage"),
      place("block", .path, "The block device of a container.", ["storage"], "source/block")
        .required(with: "type", "storage"),
      place("char", .path, "The character device of a container.", ["misc"], "source/char")
        .required(with: "type", "misc"),
      place("interface", .text(.networkDevice), "The network device of a container.", ["net"], "source/interface")
        .required(with: "type", "net"),
      place(
        "startup-policy", .enumeration(["mandatory", "requisite", "optional"]),
        "What happens at start where the device is missing.", ["usb"], "source/@startupPolicy"),
      place(
        "guest-reset", .enumeration(["off", "uninitialized", "on"]), "Whether the guest may reset a USB device.",
        ["usb"], "source/@guestReset"),
      .yesNo(
        "write-filtering", "Whether writes to the device's PCI configuration are filtered.",
        at: "source/@writeFiltering", reference: hostReference
      ).only(with: "type", ["pci"]),
      Field(
        "read-only", .boolean, "Whether the guest may only read it.", lens: .presence("readonly"),
        reference: hostReference
      ).only(with: "type", ["scsi"]),
      Field(
        "shareable", .boolean, "Whether several guests may have it.", lens: .presence("shareable"),
        reference: hostReference
      ).only(with: "type", ["scsi"]),
      Field(
        "teaming.type", .enumeration(["persistent", "transient"]),
        "Whether the interface stays when the guest is migrated.", at: "teaming/@type", reference: hostReference
      ).only(with: "type", ["pci"]).required(with: "teaming.persistent"),
      Field(
        "teaming.persistent", .text(.deviceAlias), "The alias of the interface that stays.", at: "teaming/@persistent",
        reference: hostReference
      ).only(with: "teaming.type", ["transient"]).required(with: "teaming.type", "transient"),
      DeviceFields.bootOrder, DeviceFields.acpiIndex,
      Field(
        "acpi-nodes", .text(.numberSet("a set of the guest's NUMA nodes such as 0-1")),
        "The guest's NUMA nodes that are near the device.", at: "acpi/@nodeset",
        reference: hostReference
      ).since(11, 8),
    ] + DeviceFields.rom + [DeviceFields.address],
    groups: [
      DeviceFields.driverGroup, DeviceFields.romGroup, FieldGroup("source", "The device of the host."),
      FieldGroup("teaming", "Teaming with another interface."),
    ],
    device: DeviceRule(
      "hostdev", identity: .alias, role: .host, aliases: ["hostdev"],
      marks: [.init(.source, DeviceMarks.source(ofHostDevice:))],
      adoption: .equal, summary: .type, key: .first("@type", "@model"),
      hotplug: [
        .restart("for containers") { $0[attribute: "mode"] ?? "subsystem" != "subsystem" },
        .live("of the types `pci`, `mdev` and `scsi_host`", needs: [.rootPort]) {
          ["pci", "mdev", "scsi_host"].contains($0[attribute: "type"])
        },
        .live("of the type `usb`", needs: [.bus("usb")]) { $0[attribute: "type"] == "usb" },
        .live("of the type `scsi`", needs: [.bus("scsi")]) { $0[attribute: "type"] == "scsi" },
        .restart(),
      ],
      addition: .never, template: XMLElement("hostdev", ["mode": "subsystem"])),
    keyRule: .deviceKey)

  /// A device of the viewer's.
  public static let redirectedDevice = ObjectType(
    "redirdev", "A USB device of the viewer's that the guest gets.",
    fields: [
      Field(
        "bus", .enumeration(["usb"]), "The bus.", at: "@bus", initial: .string("usb"), staysWhenDropped: true,
        reference: "formatdomain.html#redirected-devices")
    ]
      + CharacterSource.fields(initial: .string("spicevmc")) + [DeviceFields.bootOrder, DeviceFields.address],
    groups: [CharacterSource.group],
    device: DeviceRule(
      "redirdev", identity: .alias, aliases: ["redir"], marks: [], adoption: .equal, summary: .type, key: .kind,
      hotplug: [.live(needs: [.bus("usb"), .viewer])], addition: .never),
    keyRule: .deviceKey)

  /// A folder of the host.
  public static let filesystem = ObjectType(
    "filesystem", "A folder of the host that the guest can mount.",
    fields: [
      Field(
        "type", .enumeration(["mount", "template", "file", "block", "ram", "bind"]), "What is shared.",
        at: "@type", initial: .string("mount"), staysWhenDropped: true, reference: filesystemReference),
      Field(
        "access-mode", .enumeration(["passthrough", "mapped", "squash"]), "Whose rights the guest's accesses have.",
        at: "@accessmode", libvirtDefault: .string("passthrough"), reference: filesystemReference),
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional"]), "The model.", at: "@model",
        reference: filesystemReference),
      Field(
        "file-mode", .text(.octal), "The mode of new files, in octal.", at: "@fmode", .octal,
        reference: filesystemReference),
      Field(
        "folder-mode", .text(.octal), "The mode of new folders, in octal.", at: "@dmode", .octal,
        reference: filesystemReference),
      Field(
        "multiple-devices", .enumeration(["default", "remap", "forbid", "warn"]),
        "What happens where several devices are in the folder.", at: "@multidevs", reference: filesystemReference),
      Field(
        "driver.type", .enumeration(["path", "handle", "loop", "nbd", "ploop", "virtiofs", "mtp"]),
        "How it is shared; `virtiofs` or 9p (`path`).", at: "driver/@type", staysWhenDropped: true,
        reference: filesystemReference
      ).values("mtp", since: 10, 2),
      Field(
        "driver.format",
        .enumeration([
          "raw", "qcow2", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "luks", "cow",
          "qcow", "qed", "vmdk",
        ]), "The format of a file.", at: "driver/@format",
        reference: filesystemReference
      ).never(with: "driver.type", "virtiofs").never(with: "driver.type", "mtp"),
      Field(
        "driver.write-policy", .enumeration(["immediate"]), "When written data goes to the disk.",
        at: "driver/@wrpolicy", reference: filesystemReference
      ).never(with: "driver.type", "virtiofs").never(with: "driver.type", "mtp"),
      Field(
        "driver.queue", .integer(1...Int(Int32.max)), "The length of a request queue.", at: "driver/@queue",
        reference: filesystemReference
      ).only(with: "driver.type", ["virtiofs"]),
    ] + DeviceFields.virtio.map { $0.never(with: "driver.type", "mtp") } + [
      Field(
        "dir", .path, "The folder of the host.", at: "source/@dir", staysWhenDropped: true,
        reference: filesystemReference
      ).only(with: "type", ["mount", "bind"]).required(with: "type", "mount", unless: ["source.socket"]).required(
        with: "type", "bind"),
      Field(
        "source.socket", .path, "The socket of a virtiofs process of its own.", at: "source/@socket",
        reference: filesystemReference
      ).only(with: "type", ["mount"]).never(with: "dir"),
      Field("source.file", .path, "A file with a file system.", at: "source/@file", reference: filesystemReference)
        .only(with: "type", ["file"]).required(with: "type", "file"),
      Field(
        "source.dev", .path, "A block device with a file system.", at: "source/@dev", reference: filesystemReference
      ).only(with: "type", ["block"]).required(with: "type", "block"),
      Field(
        "source.name", .text(.genericName), "The name of a template.", at: "source/@name",
        reference: filesystemReference
      ).only(with: "type", ["template"]).required(with: "type", "template"),
      Field(
        "source.usage", .size(granularity: 1024), "The size of a file system in memory.",
        lens: .size("source/@usage", unit: "source/@units"), reference: filesystemReference
      ).only(with: "type", ["ram"]).required(with: "type", "ram"),
      Field(
        "target", .text(.line), "The tag that the guest mounts.", at: "target/@dir", staysWhenDropped: true,
        reference: filesystemReference
      ).required,
      Field(
        "read-only", .boolean, "Whether the guest may only read it.", lens: .presence("readonly"),
        reference: filesystemReference),
      Field("binary.path", .path, "The program of virtiofs.", at: "binary/@path", reference: filesystemReference).only(
        with: "type", ["mount"]),
      .onOff(
        "binary.xattr", "Whether extended attributes are kept.", at: "binary/@xattr", reference: filesystemReference
      ).only(with: "type", ["mount"]),
      Field(
        "binary.cache", .enumeration(["none", "always"]), "What the guest may cache.", at: "binary/cache/@mode",
        reference: filesystemReference
      ).only(with: "type", ["mount"]),
      Field(
        "binary.sandbox", .enumeration(["namespace", "chroot"]), "How the program is confined.",
        at: "binary/sandbox/@mode", reference: filesystemReference
      ).only(with: "type", ["mount"]),
      .onOff(
        "binary.posix-lock", "Whether locks of POSIX reach the host.", at: "binary/lock/@posix",
        reference: filesystemReference
      ).only(with: "type", ["mount"]),
      .onOff(
        "binary.flock", "Whether locks of BSD reach the host.", at: "binary/lock/@flock", reference: filesystemReference
      ).only(with: "type", ["mount"]),
      Field(
        "binary.threads", .integer(0...Int(Int32.max)), "The number of threads.", at: "binary/thread_pool/@size",
        reference: filesystemReference
      ).only(with: "type", ["mount"]),
      Field(
        "binary.open-files", .integer(1...Int.max), "The most files that the program has open.",
        at: "binary/openfiles/@max", reference: filesystemReference
      ).only(with: "type", ["mount"]).since(10, 6),
      idmap("uid", "users").since(10, 0).only(with: "type", ["mount"]),
      idmap("gid", "groups").since(10, 0).only(with: "type", ["mount"]),
      DeviceFields.bootOrder, DeviceFields.acpiIndex, DeviceFields.address,
    ],
    groups: [
      FieldGroup("idmap", "How virtiofs maps the guest's users and groups to the host's."),
      DeviceFields.driverGroup, FieldGroup("source", "What is shared, where it is not a folder."),
      FieldGroup("binary", "The program of virtiofs."),
    ],
    device: DeviceRule(
      "filesystem", identity: .alias, role: .host, aliases: ["fs"], marks: [.all(.target, "target/@dir")],
      adoption: .equal,
      summary: .type, key: .kind,
      hotplug: [
        .live("with the driver `virtiofs`", needs: [.rootPort, .sharedMemory]) {
          $0.value(at: "driver/@type") == "virtiofs"
        },
        .restart(needs: [.rootPort]),
      ],
      addition: .never),
    keyRule: .deviceKey)

  /// A cryptographic device.
  public static let crypto = ObjectType(
    "crypto", "A device that does cryptography for the guest.",
    fields: [
      Field(
        "model", .enumeration(["virtio"]), "The model.", at: "@model", initial: .string("virtio"),
        staysWhenDropped: true, reference: "formatdomain.html#crypto"),
      Field(
        "type", .enumeration(["qemu"]), "The kind.", at: "@type", initial: .string("qemu"), staysWhenDropped: true,
        reference: "formatdomain.html#crypto"),
      Field(
        "backend", .enumeration(["builtin", "lkcf"]), "What does the work.", at: "backend/@model",
        initial: .string("builtin"), staysWhenDropped: true, reference: "formatdomain.html#crypto"),
      Field(
        "queues", .integer(1...Int(Int32.max)), "The number of queues.", at: "backend/@queues",
        reference: "formatdomain.html#crypto"),
    ] + DeviceFields.virtio + [DeviceFields.address],
    groups: [DeviceFields.driverGroup],
    device: DeviceRule(
      "crypto", identity: .alias, aliases: ["crypto"], marks: [], adoption: .equal, summary: .type, key: .kind,
      hotplug: [.restart(needs: [.rootPort])], addition: .never),
    keyRule: .deviceKey,
    since: LibvirtVersion(9, 1))

  private static func idmap(_ kind: String, _ who: String) -> Field {
    Field(
      "idmap.\(kind)", "Ranges of \(who) of the guest and where they begin on the host.", list: "idmap", kind,
      .record([
        Part("start", .integer(0...Int(UInt32.max)), "The first in the guest.", at: "@start", isRequired: true),
        Part("target", .integer(0...Int(UInt32.max)), "The first on the host.", at: "@target", isRequired: true),
        Part("count", .integer(0...Int(UInt32.max)), "How many there are.", at: "@count", isRequired: true),
      ]), reference: filesystemReference)
  }

  private static func place(_ name: String, _ kind: ValueType, _ summary: String, _ types: [String], _ path: String)
    -> Field
  {
    Field(
      "source.\(name)", kind, summary, lens: .at(path, kind), staysWhenDropped: true, reference: hostReference
    ).only(with: "type", types, at: "@type")
  }

  private static func number(_ name: String, _ summary: String, _ path: String, _ digits: Int) -> Field {
    place(name, .text(.hexadecimal("a number such as 0x1234", digits: digits)), summary, ["usb"], path)
  }

  private static let hostReference = "formatdomain.html#usb-pci-scsi-devices"
  private static let filesystemReference = "formatdomain.html#filesystems"
}

extension Field {
  /// The same field, a part of the address of a SCSI device behind an adapter of the host.
  fileprivate var partOfSCSIAddress: Field {
    required(with: "type", "scsi", unless: ["source.protocol"]).required(with: "source.protocol", "adapter")
      .never(with: "source.protocol", "iscsi")
  }
}

extension TextRule {
  /// The World Wide Port Name of a Fibre Channel adapter, as libvirt's schema has it.
  fileprivate static let worldWidePort = TextRule(
    "a World Wide Port Name such as naa.5123456789abcde0", pattern: "^naa\\.[0-9a-fA-F]{16}$",
    normalise: { text in
      text.hasPrefix("naa.") && text.utf8.count == 20 && text.dropFirst(4).allSatisfy { $0.isASCII && $0.isHexDigit }
        ? text : nil
    })

  /// A file's mode.
  static let octal = TextRule(
    "a file's mode in octal such as 0755", pattern: "^[0-7]{1,4}$",
    normalise: { text in
      guard text.utf8.count <= 4, let mode = UInt(text, radix: 8) else { return nil }
      let digits = String(mode, radix: 8)
      return String(repeating: "0", count: 4 - digits.utf8.count) + digits
    })
}

extension Notation {
  fileprivate static let octal = Notation.of(.text(.octal))
}

extension FieldKey<String> {
  /// How a filesystem is shared.
  public static var driverType: Self { Self("driver.type") }
}
