// The host's processors and disks for a domain: which it uses, and how much of them.

import XMLTree

extension Vocabulary {
  static let domainTuning: [Field] = [
    Field(
      "iothreads.count", .integer(0...Int(UInt32.max)),
      "How many threads do the input and output of disks that ask for one.", at: "iothreads",
      effect: .live(.ioThreads), reference: threadReference
    ),
    Field(
      "iothreads.ids", "The threads by number, where they are not numbered from 1, or are not all alike.",
      table: "iothreadids", "iothread", key: "@id", .number("the number of an I/O thread", 1...Int(UInt32.max)),
      .record([
        Part("thread-pool-min", .integer(0...Int(Int32.max)), "The fewest workers it keeps.", at: "@thread_pool_min"),
        Part("thread-pool-max", .integer(0...Int(Int32.max)), "The most workers it starts.", at: "@thread_pool_max"),
        Part(
          "poll-max", .integer(0...Int.max), "The longest that it polls before it sleeps, in nanoseconds; 0 for never.",
          at: "poll/@max"
        ).since(9, 4),
        Part(
          "poll-grow", .integer(0...Int(UInt32.max)), "The step by which it polls longer; 0 for the hypervisor's.",
          at: "poll/@grow"
        ).since(9, 4),
        Part(
          "poll-shrink", .integer(0...Int(UInt32.max)), "The step by which it polls shorter; 0 for the hypervisor's.",
          at: "poll/@shrink"
        ).since(9, 4),
        Part(
          "poll-weight", .integer(0...63), "How little the last wait counts for how long it polls next.",
          at: "poll/@weight"
        ).since(12, 7),
      ]), effect: .live(.ioThreads), reference: threadReference),
    Field(
      "iothreads.default-thread-pool-min", .integer(0...Int(Int32.max)),
      "The fewest workers that QEMU's main loop keeps.",
      at: "defaultiothread/@thread_pool_min", reference: threadReference),
    Field(
      "iothreads.default-thread-pool-max", .integer(0...Int(Int32.max)), "The most workers that it starts.",
      at: "defaultiothread/@thread_pool_max", reference: threadReference),
    tuning(
      "shares", "shares", 2...262_144, "The guest's weight among others when processors are scarce; 1024 is usual."),
    tuning("period", "period", 1000...1_000_000, "The period of `quota`, in microseconds."),
    tuning("quota", "quota", quotas, "What a vcpu may run in a period, in microseconds; -1 for all of it."),
    tuning("global-period", "global_period", 1000...1_000_000, "The period of `global-quota`, in microseconds."),
    tuning("global-quota", "global_quota", quotas, "What the whole guest may run in a period, in microseconds."),
    tuning("emulator-period", "emulator_period", 1000...1_000_000, "The period of `emulator-quota`, in microseconds."),
    tuning(
      "emulator-quota", "emulator_quota", quotas,
      "What the emulator, without vcpus and I/O threads, may run in a period, in microseconds."),
    tuning("iothread-period", "iothread_period", 1000...1_000_000, "The period of `iothread-quota`, in microseconds."),
    tuning("iothread-quota", "iothread_quota", quotas, "What an I/O thread may run in a period, in microseconds."),
    pinning(
      "vcpupin", "vcpu", .vcpuPins, "the number of a vcpu", "The host's processors that single vcpus may run on."),
    Field(
      "cputune.emulatorpin", .text(.cpuset), "The host's processors that the emulator may run on.",
      at: "cputune/emulatorpin/@cpuset", effect: .live(.emulatorPin), reference: tuneReference),
    pinning(
      "iothreadpin", "iothread", .ioThreadPins, "the number of an I/O thread",
      "The host's processors that single I/O threads may run on."),
    Field(
      "cputune.vcpusched", "How the host schedules vcpus, by sets of them.", table: "cputune", "vcpusched",
      key: "@vcpus", .vcpuSet, .record(schedulerParts), reference: tuneReference),
    Field(
      "cputune.iothreadsched", "How the host schedules I/O threads, by sets of them.", table: "cputune",
      "iothreadsched", key: "@iothreads", .numberSet("a set of I/O threads such as 1-2"), .record(schedulerParts),
      reference: tuneReference),
    Field(
      "cputune.emulatorsched", .record(schedulerParts.map(\.member)), "How the host schedules the emulator.",
      lens: .record("cputune/emulatorsched", .record(schedulerParts)), reference: tuneReference),
    Field(
      "cputune.cachetune", "Shares of the host's processor caches, by sets of vcpus.", table: "cputune", "cachetune",
      key: "@vcpus", .vcpuSet,
      .record([
        Part(
          "caches", "The shares.", list: "", "cache",
          .record([
            Part("id", .integer(0...Int(UInt32.max)), "The host's cache.", at: "@id", isRequired: true),
            Part("level", .integer(1...3), "Its level.", at: "@level", isRequired: true),
            Part("type", .enumeration(["both", "code", "data"]), "What it holds.", at: "@type", isRequired: true),
            Part(
              "size", .size(granularity: 1), "The share.",
              lens: .size("@size", unit: "@unit", written: nil, implied: "B"),
              isRequired: true),
          ])),
        Part(
          "monitors", "What is watched.", list: "", "monitor",
          .record([
            Part("level", .integer(1...3), "The level of the cache.", at: "@level", isRequired: true),
            Part("vcpus", .text(.vcpuSet), "The vcpus.", at: "@vcpus", isRequired: true),
          ])),
      ]), isComparableWhenRunning: false, reference: tuneReference),
    Field(
      "cputune.memorytune", "Shares of the host's memory bandwidth, by sets of vcpus.", table: "cputune", "memorytune",
      key: "@vcpus", .vcpuSet,
      .record([
        Part(
          "nodes", "Shares in percent, by the host's NUMA node.", table: "", "node", "@id",
          .number("the number of a node"),
          .at("@bandwidth", .integer(1...Int(UInt32.max)))),
        Part(
          "monitors", "What is watched.", list: "", "monitor",
          .record([Part("vcpus", .text(.vcpuSet), "The vcpus.", at: "@vcpus", isRequired: true)])),
      ]), isComparableWhenRunning: false, reference: tuneReference),
    Field(
      "blkiotune.weight", .integer(100...1000), "The guest's weight among others when disks are busy.",
      at: "blkiotune/weight", effect: .live(.blockWeight), isComparableWhenRunning: false, reference: blockReference),
    Field(
      "blkiotune.devices", "Weight and limits for single block devices of the host, by path.", table: "blkiotune",
      "device", key: "path", .path(of: "the path of a block device such as /dev/sda"),
      .record([
        Part("weight", .integer(100...1000), "The guest's weight.", at: "weight"),
        Part("read-iops-sec", .integer(0...Int(UInt32.max)), "Reads a second.", at: "read_iops_sec"),
        Part("write-iops-sec", .integer(0...Int(UInt32.max)), "Writes a second.", at: "write_iops_sec"),
        Part("read-bytes-sec", .integer(0...Int.max), "Bytes read a second.", at: "read_bytes_sec"),
        Part("write-bytes-sec", .integer(0...Int.max), "Bytes written a second.", at: "write_bytes_sec"),
      ]), effect: .live(.blockDevices), isComparableWhenRunning: false, reference: blockReference),
  ]

  static let tuningGroups = [
    FieldGroup("iothreads", "Threads for input and output.", shorthand: "count"),
    FieldGroup("cputune", "How the host's processors serve the guest."),
    FieldGroup("blkiotune", "How the host's disks serve the guest."),
  ]

  private static let threadReference = "formatdomain.html#iothreads-allocation"
  private static let tuneReference = "formatdomain.html#cpu-tuning"
  private static let blockReference = "formatdomain.html#block-i-o-tuning"
  private static let quotas = -1...17_592_186_044_415

  private static let schedulerParts = [
    Part(
      "scheduler", .enumeration(["batch", "idle", "fifo", "rr"]), "The host's scheduler.", at: "@scheduler",
      isRequired: true),
    Part("priority", .integer(0...99), "The priority, for `fifo` and `rr`.", at: "@priority").only(
      with: "scheduler", "fifo", "rr"
    ).required(with: "scheduler", "fifo", "rr"),
  ]

  private static func tuning(
    _ name: String, _ element: String, _ range: ClosedRange<Int>, _ summary: String
  ) -> Field {
    Field(
      "cputune.\(name)", .integer(range), summary, at: "cputune/\(element)",
      effect: .live(.scheduler(parameters[element] ?? element)), isComparableWhenRunning: false,
      reference: tuneReference)
  }

  /// libvirt's names of parameters, where they are not those of its elements.
  private static let parameters = ["shares": "cpu_shares", "period": "vcpu_period", "quota": "vcpu_quota"]

  private static func pinning(
    _ name: String, _ key: String, _ way: LiveWay, _ explanation: String, _ summary: String
  ) -> Field {
    Field(
      "cputune.\(name)", summary, table: "cputune", name, key: XMLPath(stringLiteral: "@\(key)"), .number(explanation),
      .at("@cpuset", .text(.cpuset)), effect: .live(way), reference: tuneReference)
  }
}

extension FieldKey<FieldValue> {
  /// The processors of the host for each vcpu.
  public static var vcpuPins: Self { Self("cputune.vcpupin") }

  /// The processors of the host for each I/O thread.
  public static var ioThreadPins: Self { Self("cputune.iothreadpin") }
}

extension FieldKey<String> {
  /// The processors of the host for the emulator.
  public static var emulatorPin: Self { Self("cputune.emulatorpin") }
}

extension FieldKey<Int> {
  /// How many I/O threads there are.
  public static var ioThreadCount: Self { Self("iothreads.count") }
}
