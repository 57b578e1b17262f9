// The table of disks.

import XMLTree

extension Vocabulary {
  /// A disk: an overlay on an image, a blank one, or a file that exists.
  public static let disk: ObjectType = ObjectType(
    "disk",
    """
    A disk. With `image` it is a qcow2 overlay on a base image, with `size` alone a blank one, with `source` a file that \
    exists. A disk that leaves the spec leaves the domain; its file stays.
    """,
    fields: [
      Field(
        "image", .reference(collection: "images"),
        "The base image. A `cdrom` gets the image itself; any other disk gets an overlay of its own.",
        effect: .replace
      ).never(with: "device", "lun"),
      Field(
        "size", .size(granularity: 512),
        """
        The disk's virtual size; an overlay's is its image's if not set. A larger one grows the disk: at once where \
        the guest runs. A smaller one is refused.
        """, effect: .live(by: "virDomainBlockResize"), isRecorded: false
      ).never(with: "device", "lun"),
      Field(
        "source", .path, "An image file that exists. Vireo never makes it, and grows it only where `size` asks.",
        effect: .live(.medium)),
      Field(
        "pool", .reference(collection: "pools"),
        "Where a new file is made; not needed when the stack has only one pool.", effect: .replace,
        isRecorded: false
      ).never(with: "device", "lun"),
      Field(
        "format", .enumeration(["qcow2", "raw"]),
        """
        The format of the file, always written down. A new disk is `qcow2`; for a `source` the format must be said, \
        because a guest can write anything into its disk.
        """, lens: .at("driver/@type", .enumeration(["qcow2", "raw"])), effect: .replace, staysWhenDropped: true,
        reference: "formatdomain.html#hard-drives-floppy-disks-cdroms"),
      Field(
        "device", .enumeration(["disk", "cdrom", "floppy", "lun"]), "What the guest sees; the default is `disk`.",
        lens: .at("@device", .enumeration(["disk", "cdrom", "floppy", "lun"])), initial: .string("disk"),
        libvirtDefault: .string("disk"), staysWhenDropped: true, reference: diskReference),
      Field(
        "bus", .enumeration(buses),
        "How it is attached; a new disk gets `virtio`, a new cdrom `sata`.", lens: busLens, staysWhenDropped: true,
        reference: diskReference
      ).values("nvme", since: 11, 5),
      Field(
        "target", .text(.diskTarget),
        "The name that orders the disks of a bus, such as `vda`; a new disk gets the next free one.",
        lens: .at("target/@dev", .text(.diskTarget)), staysWhenDropped: true, reference: diskReference),
      Field(
        "read-only", .boolean, "Whether the guest may only read it; a cdrom always is.", lens: .presence("readonly"),
        reference: diskReference),
      Field(
        "serial", .text(.diskSerial),
        """
        The serial number, by which the guest finds the disk under `/dev/disk/by-id`. A new disk gets one that is \
        derived from the names of the stack, the domain and the disk.
        """, lens: .at("serial", .text(.diskSerial)), staysWhenDropped: true, reference: diskReference),
      Field(
        "cache", .enumeration(["none", "writeback", "writethrough", "directsync", "unsafe"]),
        "How the host caches writes; QEMU's default is `writeback`.",
        lens: .at("driver/@cache", .enumeration(["none", "writeback", "writethrough", "directsync", "unsafe"])),
        reference: diskReference),
      Field(
        "io", .enumeration(["native", "threads", "io_uring"]), "How QEMU does its input and output.",
        lens: .at("driver/@io", .enumeration(["native", "threads", "io_uring"])), reference: diskReference),
      Field(
        "discard", .enumeration(["unmap", "ignore"]),
        "Whether blocks that the guest discards are given back to the host; a new disk gets `unmap`.",
        lens: .at("driver/@discard", .enumeration(["unmap", "ignore"])), reference: diskReference),
    ] + diskSourceForms + diskSources + diskSourceLabels + diskDriver + diskTraits + diskTuning + [
      DeviceFields.bootOrder, DeviceFields.acpiIndex, DeviceFields.address,
    ],
    groups: diskGroups,
    device: diskRule, keyRule: .deviceKey)

  private static let diskRule = DeviceRule(
    "disk", identity: .alias, role: .storage,
    aliases: LibvirtAliases { disk in
      switch disk.value(at: "target/@bus") {
      case "virtio": ["virtio-disk"]
      case "usb": ["usb-disk"]
      case "sd": ["sd-disk"]
      case let bus?: [bus]
      case nil: ["disk", "ide", "scsi", "sata"]
      }
    },
    // A disk at the place of another one is not that one for it: nothing says of what sort a disk is.
    marks: [
      .all(.target, "target/@dev"), .all(.serial, "serial"), .init(.source, DeviceMarks.source(ofDisk:)), .none(.type),
      .none(.bus),
    ],
    adoption: [.file, .field("target"), .equal], summary: diskSummary, key: .first("target/@dev"),
    hotplug: [
      .restart("that are CD-ROM or floppy drives") { ["cdrom", "floppy"].contains($0[attribute: "device"]) },
      .live("on virtio", needs: [.rootPort, .ownTarget]) { $0.value(at: "target/@bus") == "virtio" },
      .live("on SCSI", needs: [.bus("scsi"), .ownTarget]) { $0.value(at: "target/@bus") == "scsi" },
      .live("on USB", needs: [.bus("usb"), .ownTarget]) { $0.value(at: "target/@bus") == "usb" },
      .restart(),
    ],
    addition: .never,
    template: XMLElement("disk", ["type": "file"], children: [XMLElement("driver", ["name": "qemu"])]))

  /// The first words and the steps of a plan have the file, its pool and its format.
  private static let diskSummary: DeviceSummary = DeviceSummary(
    telling: [
      "image", "size", "source", "pool", "format", "device", "type", "network", "bridge", "direct", "volume.entry",
    ],
    DeviceText { disk in
      let target = disk.value(at: "target/@dev") ?? disk[attribute: "device"] ?? disk.name
      return DiskSource.path(of: disk).map { "\(target), \($0)" } ?? target
    },
    entry: { value in
      let size = value(disk[.size]).map { ", \($0)" } ?? ""
      if value(disk[.device]) == .string(DiskDevice.cdrom.rawValue) {
        return (value(disk[.image]) ?? value(disk[.source])).map { "cdrom with \($0)" } ?? "empty cdrom"
      }
      if let image = value(disk[.image]) { return "overlay on \(image)\(size)" }
      let volume = value(disk[.volumeEntry]).map { "volume \($0), " } ?? ""
      let format = value(disk[.format])?.description
      if let source = value(disk[.source]) { return volume + "\(format ?? "") file \(source)\(size)" }
      // Storage that is not a file: its own fields say what it is.
      if value(disk[.size]) == nil { return value(disk[.device])?.description ?? "disk" }
      return "blank \(format ?? "disk")\(size)"
    })

  static let diskReference = "formatdomain.html#hard-drives-floppy-disks-cdroms"

  private static let buses = ["virtio", "scsi", "sata", "ide", "usb", "fdc", "xen", "sd", "nvme"]

  /// `target/@bus`. A disk that changes its bus cannot keep its address on the old one.
  private static let busLens = Lens.at("target/@bus", .enumeration(buses)).replacing("address")
}

/// What a guest sees of a disk.
public enum DiskDevice: String, FieldWord {
  /// A hard disk.
  case disk
  /// A drive with an optical medium, or without one.
  case cdrom
  /// A drive with a floppy disk, or without one.
  case floppy
  /// A SCSI device of the host.
  case lun
}

/// The format of an image file.
public enum FileFormat: String, FieldWord {
  /// QEMU's own format, with snapshots and backing files.
  case qcow2
  /// The disk's content and nothing else.
  case raw
}

extension FieldKey<DiskDevice> {
  /// What the guest sees of a disk.
  public static var device: Self { Self("device") }
}

extension FieldKey<FileFormat> {
  /// The format of the file of a disk, a volume or a base image.
  public static var format: Self { Self("format") }
}

extension FieldKey<UInt64> {
  /// The size of a disk, of a volume or of a memory device, in bytes.
  public static var size: Self { Self("size") }
}

extension FieldKey<String> {
  /// The base image of a disk or a volume.
  public static var image: Self { Self("image") }

  /// The file that a disk is, or that a base image is.
  public static var source: Self { Self("source") }

  /// The pool that the file of a disk, a volume or a base image is in.
  public static var pool: Self { Self("pool") }

  /// How a disk is attached.
  public static var bus: Self { Self("bus") }

  /// The name that orders the disks of a bus.
  public static var target: Self { Self("target") }

  /// The serial number of a disk.
  public static var serial: Self { Self("serial") }

  /// How the host caches what is written to a disk.
  public static var cache: Self { Self("cache") }

  /// Whether blocks that the guest discards are given back to the host.
  public static var discard: Self { Self("discard") }
}

extension FieldKey<Bool> {
  /// Whether several guests may write to a disk.
  public static var shareable: Self { Self("shareable") }

  /// Whether the guest may only read a disk.
  public static var readOnly: Self { Self("read-only") }
}
