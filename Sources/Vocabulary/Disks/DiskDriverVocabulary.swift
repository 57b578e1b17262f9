// The fields of how QEMU reads and writes a disk: options of its driver.

import XMLTree

extension Vocabulary {
  static let diskGroups = [
    FieldGroup("backing-chain", "The images that the file is based on, where the definition says them."),
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
}
