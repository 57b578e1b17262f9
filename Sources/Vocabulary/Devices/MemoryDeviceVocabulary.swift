// The table of memory devices.

import XMLTree

extension Vocabulary {
  /// A module beside the memory that the domain starts with (`memory`).
  public static let memoryDevice = ObjectType(
    "memory-device", "A memory module, beside the memory that the domain starts with.",
    fields: [
      Field(
        "model", .enumeration(["dimm", "nvdimm", "virtio-pmem", "virtio-mem", "sgx-epc"]), "The kind of module.",
        at: "@model", initial: .string("dimm"), staysWhenDropped: true, reference: memoryDeviceReference),
      Field(
        "access", .enumeration(["shared", "private"]), "Whether the memory is shared with other processes.",
        at: "@access", reference: memoryDeviceReference),
      .yesNo(
        "discard", "Whether the memory is thrown away when the guest stops.", at: "@discard",
        reference: memoryDeviceReference),
      Field(
        "uuid", .text(.uuid), "The module's UUID.", at: "uuid", staysWhenDropped: true, reference: memoryDeviceReference
      ),
      size("size", "The size.", "target/size").required,
      size("block", "The size of the blocks in which memory comes and goes.", "target/block")
        .only(with: "model", ["virtio-mem"]),
      size(
        "requested", "How much of a `virtio-mem` device the guest is to have.", "target/requested",
        effect: .live(.requestedMemory)
      ).only(with: "model", ["virtio-mem"]).required(with: "model", "virtio-mem"),
      size("label", "The size of the label of an NVDIMM.", "target/label/size").only(with: "model", ["nvdimm"]),
      Field(
        "node", .integer(0...Int(Int32.max)), "The guest's NUMA node that it belongs to.", at: "target/node",
        reference: memoryDeviceReference),
      Field(
        "read-only", .boolean, "Whether the guest may only read it.", lens: .presence("target/readonly"),
        reference: memoryDeviceReference),
      .yesNo(
        "dynamic-memslots", "Whether `virtio-mem` takes the host's memory slots as it needs them.",
        at: "target/@dynamicMemslots", reference: memoryDeviceReference
      ).since(10, 1),
      Field(
        "base", .text(.hexadecimal("an address such as 0x140000000", digits: 1, most: 16)),
        "The guest's physical address where a virtio module begins.", at: "target/address/@base",
        staysWhenDropped: true, reference: memoryDeviceReference
      ).since(9, 4),
      Field(
        "path", .path, "The file or device of the host that holds the memory.", at: "source/path",
        staysWhenDropped: true, reference: memoryDeviceReference
      ).only(with: "model", ["nvdimm", "virtio-pmem"]).required(with: "model", "nvdimm", "virtio-pmem"),
      size("align", "The alignment of the file's mapping.", "source/alignsize").only(with: "path"),
      Field(
        "persistent", .boolean, "Whether the file is on persistent memory.", lens: .presence("source/pmem"),
        reference: memoryDeviceReference
      ).only(with: "path"),
      size("page-size", "The size of the host's pages.", "source/pagesize").never(with: "path"),
      Field(
        "host-nodes", .text(.nodeset), "The host's NUMA nodes that the memory comes from.", at: "source/nodemask",
        reference: memoryDeviceReference
      ).never(with: "path"),
    ] + DeviceFields.virtio.map { $0.since(11, 9) } + [DeviceFields.acpiIndex, DeviceFields.address],
    groups: [DeviceFields.driverGroup],
    device: DeviceRule(
      "memory", identity: .alias, aliases: ["dimm", "nvdimm", "virtiopmem", "virtiomem", "epc"], marks: [],
      adoption: .equal, summary: .kind, key: .kind,
      hotplug: [
        .live("of the models `dimm` and `nvdimm`", needs: [.memorySlot]) {
          ["dimm", "nvdimm"].contains($0[attribute: "model"])
        },
        // QEMU keeps memory on virtio (7.2).
        .plugged("on virtio", needs: [.rootPort, .memorySlot]) { $0[attribute: "model"]?.hasPrefix("virtio") ?? false },
        .restart(),
      ],
      addition: .never),
    keyRule: .deviceKey)

  private static func size(
    _ name: String, _ summary: String, _ path: String, effect: EffectRule = .nextBoot
  ) -> Field {
    Field(
      name, .size(granularity: 1024), summary, lens: .size(path, unit: path + "/@unit"), effect: effect,
      reference: memoryDeviceReference)
  }

  private static let memoryDeviceReference = "formatdomain.html#memory-devices"
}

extension FieldKey<Int> {
  /// The guest's NUMA node that a memory device belongs to.
  public static var memoryNode: Self { Self("node") }
}
