// The table of memory that guests share (ivshmem).

import XMLTree

extension Vocabulary {
  /// Memory that guests share.
  public static let shmem = ObjectType(
    "shmem", "Memory that guests or programs of the host share.",
    fields: [
      Field(
        "name", .text(.objectName), "The name of the memory on the host.", at: "@name", staysWhenDropped: true,
        reference: shmemReference
      ).required,
      Field(
        "role", .enumeration(["master", "peer"]), "Whether the memory goes along when the guest is migrated.",
        at: "@role", reference: shmemReference),
      Field(
        "model", .enumeration(["ivshmem", "ivshmem-plain", "ivshmem-doorbell"]), "The model.", at: "model/@type",
        staysWhenDropped: true, reference: shmemReference),
      Field(
        "size", .size(granularity: 1 << 20), "The size, a power of two.",
        lens: .size("size", unit: "size/@unit", written: "MiB").shortUnit, reference: shmemReference),
      Field("server", .path, "The socket of a server of the memory.", at: "server/@path", reference: shmemReference),
      Field(
        "msi.enabled", .boolean, "Whether interrupts are sent as messages.", lens: .presence("msi"),
        reference: shmemReference),
      Field(
        "msi.vectors", .integer(1...Int(Int32.max)), "The number of vectors.", at: "msi/@vectors",
        reference: shmemReference
      ).never(with: "msi.enabled", "false"),
      .onOff(
        "msi.ioeventfd", "Whether notifications are handled apart from the guest's processors.", at: "msi/@ioeventfd",
        reference: shmemReference
      ).never(with: "msi.enabled", "false"),
      DeviceFields.acpiIndex, DeviceFields.address,
    ],
    groups: [FieldGroup("msi", "Interrupts between the sharers.")],
    device: DeviceRule(
      "shmem", identity: .alias, aliases: ["shmem"], marks: [.all(.name, "@name")], adoption: .equal, summary: .kind,
      key: .kind,
      hotplug: [.live(needs: [.conventionalPCI])], addition: .never),
    keyRule: .deviceKey)

  private static let shmemReference = "formatdomain.html#shared-memory-device"
}

extension Lens {
  /// libvirt writes `M` where it means MiB.
  fileprivate var shortUnit: Lens {
    afterwards { element, value, _ in
      if value != nil { element.set("M", at: "size/@unit") }
    }
  }
}
