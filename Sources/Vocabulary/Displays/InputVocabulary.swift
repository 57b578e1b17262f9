// The tables of input devices, and of the hubs that USB devices are connected to.

import XMLTree

extension Vocabulary {
  /// A keyboard, a mouse, a tablet.
  public static let input = ObjectType(
    "input", "A keyboard, a mouse, a tablet, or an input device of the host. libvirt adds a keyboard and a mouse.",
    fields: [
      Field(
        "type", .enumeration(["mouse", "tablet", "keyboard", "passthrough", "evdev"]), "What it is.", at: "@type",
        staysWhenDropped: true, reference: inputReference
      ).required,
      Field(
        "bus", .enumeration(["ps2", "usb", "virtio", "xen"]), "How it is attached.", at: "@bus",
        staysWhenDropped: true, reference: inputReference
      ).values(["virtio"], with: "type", "passthrough").required(with: "type", "passthrough").never(
        with: "type", "evdev"),
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional"]),
        "The model of a virtio device.", at: "@model", reference: inputReference),
      Field(
        "event-device", .path, "The event device of the host that is passed through.", at: "source/@evdev",
        reference: inputReference
      ).only(with: "type", ["passthrough"]).required(with: "type", "passthrough"),
      Field(
        "device", .path, "The event device of the host whose events are shared.", at: "source/@dev",
        reference: inputReference
      ).only(with: "type", ["evdev"]).required(with: "type", "evdev"),
      Field(
        "grab", .enumeration(["all"]), "Whether all input devices are grabbed together.", at: "source/@grab",
        reference: inputReference
      ).only(with: "type", ["evdev"]),
      .onOff("repeat", "Whether keys repeat.", at: "source/@repeat", reference: inputReference)
        .only(with: "type", ["evdev"]),
      Field(
        "grab-toggle",
        .enumeration(["ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"]),
        "The keys that switch between host and guest.", at: "source/@grabToggle", reference: inputReference
      ).only(with: "type", ["evdev"]),
    ] + DeviceFields.virtio + [DeviceFields.address],
    groups: [DeviceFields.driverGroup],
    device: DeviceRule(
      "input", identity: .alias, aliases: ["input"], marks: [.first(.source, "source/@dev", "source/@evdev")],
      adoption: .equal, summary: .type, key: .first("@type", "@model"),
      hotplug: [
        .live("on virtio", needs: [.rootPort]) { $0[attribute: "bus"] == "virtio" },
        // libvirt gives a tablet the bus USB.
        .live("on USB", needs: [.bus("usb")]) {
          $0[attribute: "bus"] ?? ($0[attribute: "type"] == "tablet" ? "usb" : nil) == "usb"
        },
        .restart(),
      ],
      addition: .implied { input, devices in
        // One of each where there is none.
        input[attribute: "bus"] == "ps2" && input.attributes.count == 2
          && ["mouse", "keyboard"].contains(input[attribute: "type"])
          && input.elements.allSatisfy { $0.name == "alias" }
          && devices.all("input").count {
            $0[attribute: "bus"] == "ps2" && $0[attribute: "type"] == input[attribute: "type"]
          } == 1
      }),
    keyRule: .deviceKey)

  /// More USB ports than a controller has (`hub`).
  public static let hub = ObjectType(
    "hub", "A USB hub.",
    fields: [
      Field(
        "type", .enumeration(["usb"]), "The bus.", at: "@type", initial: .string("usb"),
        staysWhenDropped: true, reference: "formatdomain.html#hub-devices"),
      DeviceFields.address,
    ],
    device: DeviceRule(
      "hub", identity: .alias, aliases: ["hub"], marks: [], adoption: .equal, summary: .type, key: .kind,
      hotplug: [.restart()], addition: .possible),
    keyRule: .deviceKey)

  private static let inputReference = "formatdomain.html#input-devices"
}
