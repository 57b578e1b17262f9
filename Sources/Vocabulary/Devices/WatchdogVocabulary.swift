// The tables of devices that notice a guest that hangs or crashes.

import XMLTree

extension Vocabulary {
  /// A timer that acts when the guest hangs (`watchdog`).
  public static let watchdog = ObjectType(
    "watchdog", "A timer that acts when the guest hangs.",
    fields: [
      Field(
        "model", .enumeration(["itco", "i6300esb", "ib700", "diag288"]), "The model.", at: "@model",
        initial: .string("i6300esb"), staysWhenDropped: true, reference: "formatdomain.html#watchdog-devices"
      ).values("itco", since: 9, 1),
      Field(
        "action", .enumeration(["reset", "shutdown", "poweroff", "pause", "dump", "none", "inject-nmi"]),
        "What happens to a guest that hangs.", at: "@action", libvirtDefault: .string("reset"),
        reference: "formatdomain.html#watchdog-devices"),
      DeviceFields.acpiIndex, DeviceFields.address,
    ],
    // The board has one of the other models, whatever it does; libvirt from 9.1 on writes it down by itself.
    device: DeviceRule(
      "watchdog", identity: .alias, aliases: ["watchdog"], marks: [],
      adoption: [.equal, .field("model", except: "i6300esb")], summary: .kind, key: .kind,
      hotplug: [
        .live("of the model `i6300esb`", needs: [.conventionalPCI, .commonAction]) {
          $0[attribute: "model"] == "i6300esb"
        },
        .restart(),
      ],
      addition: .possible),
    keyRule: .deviceKey)

  /// A device that reports panics.
  public static let panic = ObjectType(
    "panic", "A device through which the guest reports that its kernel crashed.",
    fields: [
      Field(
        "model", .enumeration(["isa", "pseries", "hyperv", "s390", "pvpanic"]), "The model.", at: "@model",
        staysWhenDropped: true, reference: "formatdomain.html#panic-device"
      ).values("pvpanic", since: 9, 1),
      DeviceFields.address,
    ],
    device: DeviceRule(
      "panic", identity: .alias, aliases: ["panic"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart()], addition: .possible),
    keyRule: .deviceKey)
}

extension FieldKey<String> {
  /// What happens to a guest that hangs.
  public static var action: Self { Self("action") }
}
