// The table of the balloon, by which a guest gives memory back.

import XMLTree

extension Vocabulary {
  /// The memory balloon.
  public static let memballoon = ObjectType(
    "memballoon", "The device through which the host takes memory back. libvirt adds one; `model: none` leaves it out.",
    fields: [
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional", "xen", "none"]),
        "The model.", at: "@model", initial: .string("virtio"), staysWhenDropped: true, reference: balloonReference)
    ]
      + ([
        .onOff(
          "auto-deflate", "Whether the guest gets memory back before it runs out.", at: "@autodeflate",
          reference: balloonReference),
        .onOff(
          "free-page-reporting", "Whether pages that the guest frees go back to the host at once.",
          at: "@freePageReporting", reference: balloonReference),
        Field(
          "stats-period", .integer(1...Int(Int32.max)), "Seconds between the guest's reports of its memory.",
          at: "stats/@period", effect: .live(.statisticsPeriod), reference: balloonReference),
      ] + DeviceFields.virtio + [DeviceFields.acpiIndex, DeviceFields.address])
      .map { $0.never(with: "model", "none") },
    groups: [DeviceFields.driverGroup],
    // libvirt knows one at most, and refuses an alias on the one of model `none`.
    device: DeviceRule(
      "memballoon", identity: .only, aliases: ["balloon"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart(needs: [.rootPort])], addition: .possible),
    keyRule: .deviceKey)

  private static let balloonReference = "formatdomain.html#memory-balloon-device"
}
