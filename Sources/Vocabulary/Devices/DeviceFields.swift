// Fields that devices of many kinds have: address, boot order, ROM, options of virtio devices.

import XMLTree

/// Builders of fields that kinds of devices share.
enum DeviceFields {
  static let address = Field(
    "address", .text(DeviceAddress.rule),
    "Where the device sits in the guest, such as `pci 0000:00:03.0`; libvirt picks a free place if not set.",
    lens: DeviceAddress.lens, staysWhenDropped: true, reference: "formatdomain.html#device-addresses")

  /// Every kind of device has it to which libvirt gives aliases; see ``DeviceRule/hasAlias``.
  static let alias = Field(
    "alias", .text(.userAlias),
    """
    The name by which `qemu.override`, `qemu:commandline` and other programs know the device. If not set, a device that \
    exists keeps its alias or has none, and a new device is called `ua-KIND-KEY`, such as `ua-interface-lan`.
    """,
    at: "alias/@name", staysWhenDropped: true, reference: "formatdomain.html#devices")

  static let acpiIndex = Field(
    "acpi-index", .integer(0...16383), "The number by which the guest's firmware and name rules know the PCI device.",
    at: "acpi/@index", reference: "formatdomain.html#network-interfaces")

  static let bootOrder = Field(
    "boot-order", .integer(1...10_000), "The device's place in the boot order, instead of the domain's `boot`.",
    at: "boot/@order", reference: "formatdomain.html#hard-drives-floppy-disks-cdroms")

  static let rom: [Field] = [
    .onOff("rom.bar", "Whether the guest sees the device's boot ROM.", at: "rom/@bar", reference: romReference),
    Field("rom.file", .path, "A file with the ROM to show.", at: "rom/@file", reference: romReference),
    .yesNo("rom.enabled", "Whether the device has a ROM at all.", at: "rom/@enabled", reference: romReference),
  ]

  static let romGroup = FieldGroup("rom", "The boot ROM of a PCI device.")

  /// Options of the drivers of virtio devices.
  static let virtio: [Field] = [
    .onOff(
      "driver.iommu", "Whether the device works through an emulated IOMMU.", at: "driver/@iommu",
      reference: virtioReference),
    .onOff(
      "driver.ats", "Whether the device may cache address translations.", at: "driver/@ats",
      reference: virtioReference),
    .onOff(
      "driver.packed", "Whether the device uses packed virtqueues.", at: "driver/@packed", reference: virtioReference),
    .onOff(
      "driver.page-per-vq", "Whether each queue's notifications have a page of their own.",
      at: "driver/@page_per_vq", reference: virtioReference),
  ]

  static let driverGroup = FieldGroup("driver", "Options of the device's driver on the host.")

  /// IO threads that serve a device together: by number, the virtqueues of each.
  static func ioThreads(_ name: String, _ summary: String, reference: String) -> Field {
    Field(
      name, summary + " Either every thread names queues, or none does.", table: "driver/iothreads", "iothread",
      key: "@id", .number("the number of an I/O thread", 1...Int(UInt32.max)),
      .record([
        Part(
          "queues", "The queues that the thread serves; queues are dealt out when no thread names any.", list: "",
          "queue",
          .at("@id", .integer(0...Int(UInt32.max))))
      ]), reference: reference)
  }

  private static let romReference = "formatdomain.html#host-device-assignment"
  private static let virtioReference = "formatdomain.html#virtio-related-options"
}

extension Field {
  static func onOff(_ name: String, _ summary: String, at path: String, reference: String) -> Field {
    Field(name, .boolean, summary, at: path, .onOff, reference: reference)
  }

  static func yesNo(_ name: String, _ summary: String, at path: String, reference: String) -> Field {
    Field(name, .boolean, summary, at: path, .yesNo, reference: reference)
  }

  /// A number of 32 bits.
  static func count32(
    _ name: String, _ summary: String, at path: String, effect: EffectRule = .nextBoot, reference: String
  ) -> Field {
    Field(name, .integer(0...Int(UInt32.max)), summary, at: path, effect: effect, reference: reference)
  }

  /// A number without an upper limit of its own.
  static func count(
    _ name: String, _ summary: String, at path: String, effect: EffectRule = .nextBoot, reference: String
  ) -> Field {
    Field(name, .integer(0...Int.max), summary, at: path, effect: effect, reference: reference)
  }
}

extension Lens {
  /// The same place in elements for which `holds`; in others there is nothing to read or to write.
  func only(where holds: @escaping @Sendable (XMLElement) -> Bool) -> Lens {
    Lens(places: places) { element in
      holds(element) ? get(element) : nil
    } write: { element, value in
      if holds(element) { put(value, into: &element) }
    }
  }

  /// The same place in elements of some types.
  func only(types: [String], at path: XMLPath = "@type") -> Lens {
    only { element in element.value(at: path).map(types.contains) ?? false }
  }

  /// What decides an element's kind: another kind has other elements of these names.
  func replacing(_ names: String...) -> Lens {
    afterwards { element, value, before in
      if let old = get(before), old != value { for name in names { element.removeAll(name) } }
    }
  }
}

extension FieldKey<String> {
  /// The user alias of a device.
  public static var alias: Self { Self("alias") }

  /// Where a device sits in the guest.
  public static var address: Self { Self("address") }

  /// The model of a device.
  public static var model: Self { Self("model") }

  /// The file of a device, the folder of a pool, or the file of a volume.
  public static var path: Self { Self("path") }
}

extension FieldKey<Int> {
  /// A device's place in the boot order.
  public static var bootOrder: Self { Self("boot-order") }
}
