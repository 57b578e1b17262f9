// The table of random number generators.

import XMLTree

extension Vocabulary {
  /// A source of random numbers.
  public static let rng = ObjectType(
    "rng", "A source of random numbers for the guest.",
    fields: [
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional"]), "The model.", at: "@model",
        initial: .string("virtio"), staysWhenDropped: true, reference: rngReference),
      Field(
        "backend", .enumeration(["random", "egd", "builtin"]),
        "Where the numbers come from: a device of the host, a daemon, or QEMU itself.", at: "backend/@model",
        initial: .string("random"), staysWhenDropped: true, reference: rngReference),
      Field(
        "device", .path, "The device of the host, such as `/dev/urandom`.",
        at: "backend", initial: .string("/dev/urandom"), reference: rngReference
      ).only(with: "backend", ["random"], at: "backend/@model"),
      Field(
        "rate.bytes", .integer(1...Int(Int32.max)), "How many bytes the guest gets in a period.", at: "rate/@bytes",
        reference: rngReference),
      Field(
        "rate.period", .integer(1...Int(Int32.max)), "The period in milliseconds; the default is 1000.",
        at: "rate/@period", reference: rngReference
      ).only(with: "rate.bytes"),
    ]
      + CharacterSource.fields(base: "backend/").map { field in
        let field = field.only(with: "backend", ["egd"], at: "backend/@model")
        return field.name == "source.type" ? field.required(with: "backend", "egd") : field
      } + DeviceFields.virtio + [
        DeviceFields.acpiIndex, DeviceFields.address,
      ],
    groups: [DeviceFields.driverGroup, CharacterSource.group, FieldGroup("rate", "How much the guest may take.")],
    device: DeviceRule(
      "rng", identity: .alias, aliases: ["rng"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.live(needs: [.rootPort])], addition: .never),
    keyRule: .deviceKey)

  private static let rngReference = "formatdomain.html#random-number-generator-device"
}
