// The tables of what a person sees of a guest: serial ports, consoles, graphics, video.

import XMLTree

extension Vocabulary {
  /// A serial port.
  public static let serial = ObjectType(
    "serial",
    """
    A serial port; the first is the guest's console as well. A new domain gets one of type `pty` unless the spec names \
    its own or says `serials: {}`.
    """,
    fields: [
      Field(
        "type", .enumeration(["pty", "file"]),
        "Where it leads: `pty` for `virsh console`, or a `file`.", lens: characterTypeLens,
        initial: .string("pty"),
        reference: "formatdomain.html#consoles-serial-parallel-channel-devices"),
      Field(
        "path", .path, "The file that the output goes to.", lens: characterPathLens,
        reference: "formatdomain.html#device-logfile"),
      Field(
        "log", .path, "A file that keeps what the guest writes, beside what `type` does with it.",
        lens: .at("log/@file"), reference: "formatdomain.html#device-logfile"),
    ],
    device: DeviceRule("serial", identity: .alias), keyRule: .deviceKey)

  /// A paravirtual console.
  public static let console = ObjectType(
    "console", "A virtio console, besides the one on the first serial port.",
    fields: [
      Field(
        "type", .enumeration(["pty", "file"]), "Where it leads, as for a serial port.",
        lens: characterTypeLens, initial: .string("pty"),
        reference: "formatdomain.html#consoles-serial-parallel-channel-devices"),
      Field(
        "path", .path, "The file that the output goes to.", lens: characterPathLens,
        reference: "formatdomain.html#device-logfile"),
      Field(
        "log", .path, "A file that keeps what the guest writes.", lens: .at("log/@file"),
        reference: "formatdomain.html#device-logfile"),
    ],
    device: DeviceRule(
      "console", identity: .alias,
      template: XMLElement("console", children: [XMLElement("target", ["type": "virtio"])]),
      where: { $0.first("target")?[attribute: "type"] == "virtio" }),
    keyRule: .deviceKey)

  /// A display.
  public static let graphics = ObjectType(
    "graphics", "A display that a viewer connects to. The domain gets a virtio video card with it.",
    fields: [
      Field(
        "type", .enumeration(["vnc", "spice"]), "The protocol; the entry's own name when that is one.",
        lens: .at("@type"), staysWhenDropped: true, reference: graphicsReference),
      Field(
        "listen", .text(.any), "The address to listen on; the host's setting, usually 127.0.0.1, when not given.",
        lens: listenLens, isComparableWhenRunning: false, reference: graphicsReference),
      Field(
        "port", .integer(1...65535), "The TCP port; a free one is picked at each start when not given.",
        lens: portLens, isComparableWhenRunning: false, reference: graphicsReference),
    ],
    device: DeviceRule("graphics", identity: .attribute("type")), keyRule: .deviceKey)

  /// A video card.
  public static let video = ObjectType(
    "video", "A video card. A domain with `graphics` gets a virtio one unless the spec names its own.",
    fields: [
      Field(
        "model", .enumeration(["virtio", "qxl", "vga", "bochs", "cirrus", "ramfb", "none"]), "The model.",
        lens: .at("model/@type"), initial: .string("virtio"), reference: "formatdomain.html#video-devices")
    ],
    device: DeviceRule("video", identity: .alias), keyRule: .deviceKey)

  private static let graphicsReference = "formatdomain.html#graphical-framebuffers"

  /// `@type` of a character device. Another type has another source.
  private static let characterTypeLens: Lens = {
    let type = Lens.at("@type")
    return Lens(places: type.places, read: type.get) { element, value in
      if let old = type.get(element), old != value { element.removeAll("source") }
      type.put(value, into: &element)
    }
  }()

  /// `source/@path` of a file; the path of a pty is the running guest's own.
  private static let characterPathLens: Lens = {
    let path = Lens.at("source/@path")
    return Lens(places: path.places) { element in
      element[attribute: "type"] == "file" ? path.get(element) : nil
    } write: { element, value in
      path.put(value, into: &element)
    }
  }()

  /// The address, which libvirt writes twice: `@listen` mirrors the first `listen` element.
  private static let listenLens = Lens(places: ["listen/@address"]) { element in
    (element.value(at: "listen/@address") ?? element[attribute: "listen"]).map(Value.string)
  } write: { element, value in
    element[attribute: "listen"] = nil
    element.removeAll("listen")
    if let address = value?.string {
      element.append(XMLElement("listen", ["type": "address", "address": address]))
    }
  }

  /// `@port`, which counts only where `autoport` is off.
  private static let portLens = Lens(places: ["@port"]) { element in
    guard element[attribute: "autoport"] != "yes" else { return nil }
    return element[attribute: "port"].flatMap(Int.init).flatMap { $0 > 0 ? .integer($0) : nil }
  } write: { element, value in
    element[attribute: "port"] = value?.integer.map(String.init)
    element[attribute: "autoport"] = value == nil ? "yes" : "no"
  }
}
