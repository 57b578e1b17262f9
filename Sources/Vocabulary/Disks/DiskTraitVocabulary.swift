// The fields of a disk's traits: what the guest sees of it, and who may write to it.

import XMLTree

extension Vocabulary {
  static let diskTraits: [Field] = [
    Field(
      "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional", "usb-storage", "usb-bot"]),
      "The model of a disk on the bus virtio or USB.", at: "@model", reference: diskReference
    ).values("usb-storage", "usb-bot", since: 11, 5),
    Field(
      "snapshot", .enumeration(["internal", "external", "no", "manual"]), "How snapshots of the domain treat the disk.",
      at: "@snapshot", effect: .live(.device), reference: diskReference),
    .yesNo("raw-io", "Whether QEMU needs the right to raw I/O for the disk.", at: "@rawio", reference: diskReference)
      .only(with: "device", ["lun"]),
    Field(
      "sgio", .enumeration(["filtered", "unfiltered"]), "Which SCSI commands of the guest are let through.",
      at: "@sgio", reference: diskReference
    ).only(with: "device", ["lun"]),
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
      "vendor", .text(.printable("the name of a vendor", most: 8)),
      "The vendor that the guest sees, up to 8 characters.",
      at: "vendor",
      reference: diskReference),
    Field(
      "product", .text(.printable("the name of a product", most: 16)),
      "The product that the guest sees, up to 16 characters.",
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
    .count("geometry.cylinders", "The number of cylinders.", at: "geometry/@cyls", reference: diskReference).required(
      with: "geometry.heads"
    ).required(with: "geometry.sectors").required(with: "geometry.translation"),
    .count("geometry.heads", "The number of heads.", at: "geometry/@heads", reference: diskReference).required(
      with: "geometry.cylinders"
    ).required(with: "geometry.sectors").required(with: "geometry.translation"),
    .count("geometry.sectors", "The number of sectors.", at: "geometry/@secs", reference: diskReference).required(
      with: "geometry.cylinders"
    ).required(with: "geometry.heads").required(with: "geometry.translation"),
    Field(
      "geometry.translation", .enumeration(["auto", "none", "lba"]), "How the firmware translates the geometry.",
      at: "geometry/@trans", reference: diskReference),
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
