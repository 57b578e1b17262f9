// The table of the IOMMU that a guest sees.

import XMLTree

extension Vocabulary {
  /// What translates and guards the memory accesses of the guest's devices (`iommu`).
  public static let iommu = ObjectType(
    "iommu", "The guest's IOMMU.",
    fields: [
      Field(
        "model", .enumeration(["intel", "amd", "smmuv3", "virtio"]), "The model.", at: "@model",
        initial: .string("intel"), staysWhenDropped: true, reference: iommuReference
      ).values("amd", since: 11, 5),
      .onOff("driver.intremap", "Whether interrupts are remapped.", at: "driver/@intremap", reference: iommuReference),
      .onOff(
        "driver.caching-mode", "Whether devices of the host can be assigned.", at: "driver/@caching_mode",
        reference: iommuReference),
      .onOff(
        "driver.eim", "Whether more than 255 processors can get interrupts.", at: "driver/@eim",
        reference: iommuReference),
      .onOff("driver.iotlb", "Whether devices may cache translations.", at: "driver/@iotlb", reference: iommuReference),
      Field(
        "driver.aw-bits", .integer(32...64), "The width of addresses in bits.", at: "driver/@aw_bits",
        reference: iommuReference),
      .onOff(
        "driver.dma-translation", "Whether addresses of DMA are translated, and not interrupts alone.",
        at: "driver/@dma_translation", reference: iommuReference
      ).since(10, 7),
      .onOff(
        "driver.passthrough", "Whether an AMD IOMMU leaves addresses of DMA as they are.", at: "driver/@passthrough",
        reference: iommuReference
      ).since(11, 5),
      .onOff(
        "driver.xtsup", "Whether an AMD IOMMU has the x2APIC mode, which many vcpus need.", at: "driver/@xtsup",
        reference: iommuReference
      ).since(11, 5),
      Field(
        "driver.pci-bus", .integer(0...Int(Int32.max)), "The index of the PCI controller that it is attached to.",
        at: "driver/@pciBus", staysWhenDropped: true, reference: iommuReference
      ).since(11, 10),
      .onOff("driver.accel", "Whether an SMMU is helped by the host's.", at: "driver/@accel", reference: iommuReference)
        .since(12, 7),
      .onOff(
        "driver.ats", "Whether an SMMU offers address translation services.", at: "driver/@ats",
        reference: iommuReference
      )
      .since(12, 7),
      .onOff("driver.ril", "Whether an SMMU invalidates ranges.", at: "driver/@ril", reference: iommuReference)
        .since(12, 7),
      .onOff(
        "driver.cmdqv", "Whether the guest gets command queues of the host's SMMU.", at: "driver/@cmdqv",
        reference: iommuReference
      )
      .since(12, 7),
      Field(
        "driver.ssid-size", .integer(0...20), "The width of substream numbers in bits.", at: "driver/@ssidsize",
        reference: iommuReference
      ).since(12, 7),
      Field(
        "driver.oas", .integer(32...64), "The width of an SMMU's output addresses in bits.", at: "driver/@oas",
        reference: iommuReference
      ).since(12, 7),
      Field(
        "granule.mode", .enumeration(["host"]), "The granule of a `virtio` IOMMU is the host's page.",
        at: "driver/granule/@mode", reference: iommuReference
      ).since(12, 1),
      Field(
        "granule.size", .size(granularity: 1024), "The granule of a `virtio` IOMMU, the size of the guest's pages.",
        lens: .size("driver/granule/@size", unit: "driver/granule/@unit"), reference: iommuReference
      ).since(12, 1),
      DeviceFields.address,
    ],
    groups: [
      DeviceFields.driverGroup, FieldGroup("granule", "The least that a `virtio` IOMMU maps.", shorthand: "size"),
    ],
    device: DeviceRule(
      "iommu", identity: .alias, aliases: ["iommu"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey)

  private static let iommuReference = "formatdomain.html#iommu-devices"
}
