// The table of video cards.

import XMLTree

extension Vocabulary {
  /// A video card.
  public static let video = ObjectType(
    "video", "A video card. A domain with `graphics` gets a virtio one unless the spec names its own.",
    fields: [
      Field(
        "model",
        .enumeration(["virtio", "qxl", "vga", "bochs", "cirrus", "ramfb", "none", "vmvga", "xen", "vbox", "gop"]),
        "The model.",
        lens: .at(
          "model/@type",
          .enumeration(["virtio", "qxl", "vga", "bochs", "cirrus", "ramfb", "none", "vmvga", "xen", "vbox", "gop"])),
        initial: .string("virtio"), reference: videoReference)
    ]
      + ([
        memory("vram", "The memory of the card; for `qxl` that of its second bar."),
        memory("ram", "The first memory bar of a `qxl` card.").only(with: "model", ["qxl"]),
        memory("vgamem", "The memory of the VGA framebuffer of a `qxl` card.").only(with: "model", ["qxl"]),
        memory("vram64", "The size of the second bar of a `qxl` card above 4 GiB.").only(with: "model", ["qxl"]),
        Field("heads", .integer(1...64), "The number of screens.", at: "model/@heads", reference: videoReference),
        .yesNo("primary", "Whether it is the first card.", at: "model/@primary", reference: videoReference),
        .onOff("blob", "Whether virtio resources can be blobs of memory.", at: "model/@blob", reference: videoReference)
          .since(9, 2),
        .onOff(
          "edid", "Whether the guest can read what its screen can do.", at: "model/@edid", reference: videoReference
        )
        .since(11, 7),
        Field(
          "device", .enumeration(devices),
          "The QEMU device that a `virtio` card is; libvirt picks one and writes it down.", at: "model/@device",
          staysWhenDropped: true, reference: videoReference
        ).since(12, 5),
        .yesNo(
          "acceleration.3d", "Whether the guest has 3D acceleration.", at: "model/acceleration/@accel3d",
          reference: videoReference),
        .yesNo(
          "acceleration.2d", "Whether the guest has 2D acceleration.", at: "model/acceleration/@accel2d",
          reference: videoReference),
        Field(
          "acceleration.rendernode", .path, "The host's render node.", at: "model/acceleration/@rendernode",
          reference: videoReference),
        Field(
          "resolution.x", .integer(1...65535), "The width of the screen.", at: "model/resolution/@x",
          reference: videoReference
        ).required(with: "resolution.y"),
        Field(
          "resolution.y", .integer(1...65535), "The height of the screen.", at: "model/resolution/@y",
          reference: videoReference
        ).required(with: "resolution.x"),
        Field(
          "driver.name", .enumeration(["qemu", "vhostuser"]), "What draws: QEMU or a process of its own.",
          at: "driver/@name", reference: videoReference),
        Field(
          "driver.vga-conf", .enumeration(["io", "on", "off"]), "How the VGA part of the device works.",
          at: "driver/@vgaconf", reference: videoReference),
      ] + DeviceFields.virtio + [DeviceFields.acpiIndex, DeviceFields.address])
      .map { $0.never(with: "model", "none") },
    groups: [
      DeviceFields.driverGroup, FieldGroup("acceleration", "Acceleration by the host."),
      FieldGroup("resolution", "The screen's size in pixels."),
    ],
    device: DeviceRule(
      "video", identity: .alias, aliases: ["video"], marks: [], adoption: .order,
      summary: .field("model", at: "model/@type"), key: .kind, hotplug: [.restart()], addition: .possible),
    keyRule: .deviceKey)

  private static let devices = [
    "virtio-vga", "virtio-vga-gl", "virtio-gpu", "virtio-gpu-gl", "vhost-user-vga", "vhost-user-gpu",
  ]

  private static func memory(_ name: String, _ summary: String) -> Field {
    // libvirt counts it in 32 bits.
    let type = ValueType.size(granularity: 1024, most: UInt64(UInt32.max) << 10)
    return Field(
      name, type, summary + " libvirt rounds it up to a power of two.",
      lens: .at("model/@\(name)", type, .multiples(of: 1024)), reference: videoReference)
  }

  private static let videoReference = "formatdomain.html#video-devices"
}
