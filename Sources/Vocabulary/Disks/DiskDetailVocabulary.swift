// The fields of how a disk behaves: options of its driver, what the guest sees of it, limits of its speed.

import XMLTree

extension Vocabulary {
  static let diskGroups = [
    FieldGroup("volume", "One of the stack's `volumes`, or a volume of a libvirt pool.", shorthand: "entry"),
    FieldGroup("network", "A disk on network storage."),
    FieldGroup("auth", "How to log in to network storage."), FieldGroup("nvme", "An NVMe namespace of the host."),
    FieldGroup("vhost-user", "A disk that another process provides."),
    FieldGroup("encryption", "Encryption of the source, with a libvirt secret."),
    DeviceFields.driverGroup, FieldGroup("block-io", "The sizes of blocks that the guest sees."),
    FieldGroup("geometry", "The geometry that the guest sees."),
    FieldGroup("iotune", "Limits of the disk's speed; 0 means no limit."),
  ]

  static let diskDriver: [Field] =
    [
      Field(
        "detect-zeroes", .enumeration(["off", "on", "unmap"]), "Whether blocks of zeroes are written as holes.",
        at: "driver/@detect_zeroes", reference: diskReference),
      Field(
        "error-policy", .enumeration(["stop", "report", "ignore", "enospace"]), "What happens when a write fails.",
        at: "driver/@error_policy", reference: diskReference),
      Field(
        "read-error-policy", .enumeration(["stop", "report", "ignore"]),
        "What happens when a read fails; like a write if not set.", at: "driver/@rerror_policy",
        reference: diskReference),
      .onOff(
        "copy-on-read", "Whether what is read from a backing file is kept in the overlay.", at: "driver/@copy_on_read",
        reference: diskReference),
      Field(
        "queues", .integer(1...1024), "The number of request queues.", at: "driver/@queues", reference: diskReference),
      Field(
        "queue-size", .integer(2...1024), "The length of a request queue.", at: "driver/@queue_size",
        reference: diskReference),
      Field(
        "iothread", .integer(1...Int(Int32.max)), "The IO thread that serves the disk.", at: "driver/@iothread",
        reference: diskReference),
      DeviceFields.ioThreads(
        "iothreads", "IO threads that serve the disk together, by number, and the request queues of each.",
        reference: diskReference
      ).since(10, 0),
      .onOff(
        "ioeventfd", "Whether requests are handled apart from the guest's processors.", at: "driver/@ioeventfd",
        reference: diskReference),
      .onOff(
        "event-idx", "Whether notifications are saved by event indexes.", at: "driver/@event_idx",
        reference: diskReference),
      .onOff(
        "discard-no-unref",
        "Whether what the guest discards keeps its place in a qcow2 file, so that the file does not fragment.",
        at: "driver/@discard_no_unref", reference: diskReference
      ).since(9, 5),
      Field(
        "statistics", "Statistics that libvirt keeps of the disk, each over an interval of that many seconds.",
        list: "driver/statistics", "statistic", .at("@interval", .integer(1...Int(UInt32.max))),
        reference: diskReference
      ).since(11, 9),
      Field(
        "latency-histograms", "Histograms that libvirt keeps of how long requests take.",
        list: "driver/statistics", "latency-histogram",
        .record([
          Part(
            "type", .enumeration(["read", "write", "zone", "flush"]), "The kind of requests; all if not set.",
            at: "@type"),
          Part(
            "bins", "Where the bins begin, in nanoseconds.", list: "", "bin",
            .at("@start", .integer(0...Int.max))),
        ]), reference: diskReference
      ).since(12, 1),
      Field(
        "driver-name", .text(.word("the name of a driver")), "The driver; `qemu` for QEMU.", at: "driver/@name",
        staysWhenDropped: true, reference: diskReference),
    ] + DeviceFields.virtio

  static let diskDetails: [Field] = [
    Field(
      "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional", "usb-storage", "usb-bot"]),
      "The model of a disk on the bus virtio or USB.", at: "@model", reference: diskReference
    ).values("usb-storage", "usb-bot", since: 11, 5),
    Field(
      "snapshot", .enumeration(["internal", "external", "no", "manual"]), "How snapshots of the domain treat the disk.",
      at: "@snapshot", effect: .live(.device), reference: diskReference),
    .yesNo("raw-io", "Whether QEMU needs the right to raw I/O for the disk.", at: "@rawio", reference: diskReference),
    Field(
      "sgio", .enumeration(["filtered", "unfiltered"]), "Which SCSI commands of the guest are let through.",
      at: "@sgio", reference: diskReference),
    Field(
      "shareable", .boolean, "Whether several guests may write to it.", lens: .presence("shareable"),
      reference: diskReference),
    Field(
      "transient", .boolean, "Whether changes are thrown away when the guest stops.", lens: .presence("transient"),
      reference: diskReference),
    .yesNo(
      "transient-share-backing", "Whether several guests may have the transient disk.", at: "transient/@shareBacking",
      reference: diskReference),
    .onOff("removable", "Whether the guest sees a removable disk.", at: "target/@removable", reference: diskReference),
    Field(
      "tray", .enumeration(["open", "closed"]), "Whether the tray is open.", at: "target/@tray",
      isComparableWhenRunning: false, reference: diskReference),
    Field(
      "rotation-rate", .integer(1...65534), "Rotations a minute that the guest sees; 1 is a solid state disk.",
      at: "target/@rotation_rate", reference: diskReference),
    .onOff(
      "dpo-fua", "Whether a SCSI disk offers the guest writes that go past caches.", at: "target/@dpofua",
      reference: diskReference
    ).since(11, 10),
    Field(
      "wwn", .text(.hexadecimalDigits(16)), "The World Wide Name, 16 hexadecimal digits.", at: "wwn",
      staysWhenDropped: true, reference: diskReference),
    Field(
      "vendor", .text(.line), "The vendor that the guest sees, up to 8 characters.", at: "vendor",
      reference: diskReference),
    Field(
      "product", .text(.line), "The product that the guest sees, up to 16 characters; on SATA and IDE up to 40.",
      at: "product",
      reference: diskReference),
    Field(
      "backend-domain", .text(.line), "The Xen domain that provides the disk.", at: "backenddomain/@name",
      reference: diskReference),
    .count(
      "block-io.logical", "The size in bytes of a block that the guest sees.", at: "blockio/@logical_block_size",
      reference: diskReference),
    .count(
      "block-io.physical", "The size in bytes of a block on the medium.", at: "blockio/@physical_block_size",
      reference: diskReference),
    .count(
      "block-io.discard-granularity", "The least number of bytes that the guest can discard.",
      at: "blockio/@discard_granularity", reference: diskReference
    ).since(10, 0),
    .count("geometry.cylinders", "The number of cylinders.", at: "geometry/@cyls", reference: diskReference),
    .count("geometry.heads", "The number of heads.", at: "geometry/@heads", reference: diskReference),
    .count("geometry.sectors", "The number of sectors.", at: "geometry/@secs", reference: diskReference),
    Field(
      "geometry.translation", .enumeration(["auto", "none", "lba"]), "How the firmware translates the geometry.",
      at: "geometry/@trans", reference: diskReference),
  ]

  static let diskTuning: [Field] =
    ["total", "read", "write"].flatMap { way in
      [("bytes", "bytes"), ("iops", "requests")].flatMap { unit, words in
        let of = way == "total" ? "in all" : way == "read" ? "read" : "written"
        return [
          Field.count(
            "iotune.\(way)-\(unit)", "The most \(words) \(of) in a second.", at: "iotune/\(way)_\(unit)_sec",
            effect: .live(.blockIO("\(way)_\(unit)_sec")),
            reference: diskReference),
          Field.count(
            "iotune.\(way)-\(unit)-max", "The most \(words) \(of) in a second of a burst.",
            at: "iotune/\(way)_\(unit)_sec_max", effect: .live(.blockIO("\(way)_\(unit)_sec_max")),
            reference: diskReference),
          Field.count(
            "iotune.\(way)-\(unit)-max-length", "How many seconds a burst of \(words) \(of) may last.",
            at: "iotune/\(way)_\(unit)_sec_max_length", effect: .live(.blockIO("\(way)_\(unit)_sec_max_length")),
            reference: diskReference),
        ]
      }
    } + [
      .count(
        "iotune.size-iops", "The bytes that count as one request.", at: "iotune/size_iops_sec",
        effect: .live(.blockIO("size_iops_sec")), reference: diskReference
      ),
      Field(
        "iotune.group", .text(.line), "The group of disks that share the limits.", at: "iotune/group_name",
        effect: .live(.blockIO("group_name")), reference: diskReference),
      diskThrottling,
    ]
}

extension TextRule {
  /// A fixed number of hexadecimal digits without a prefix.
  static func hexadecimalDigits(_ count: Int) -> TextRule {
    TextRule(
      "\(count) hexadecimal digits", pattern: "^[0-9A-Fa-f]{\(count)}$",
      normalise: { text in
        text.utf8.count == count && text.allSatisfy { $0.isASCII && $0.isHexDigit } ? text.lowercased() : nil
      })
  }
}
