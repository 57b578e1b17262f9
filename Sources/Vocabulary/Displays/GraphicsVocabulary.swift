// The tables of what a person sees of a guest: graphics and video.

import XMLTree

extension Vocabulary {
  /// A display.
  public static let graphics = ObjectType(
    "graphics", "A display that a viewer connects to. The domain gets a virtio video card with it.",
    fields: [
      Field(
        "type", .enumeration(["vnc", "spice", "sdl", "rdp", "dbus", "egl-headless", "desktop"]),
        "The protocol; the entry's own name when that is one.",
        lens: .at("@type", .enumeration(["vnc", "spice", "sdl", "rdp", "dbus", "egl-headless", "desktop"])),
        staysWhenDropped: true, reference: graphicsReference
      ).required,
      Field(
        "listen", .text(.hostName), "The address to listen on; the host's setting, usually 127.0.0.1, if not set.",
        lens: listenLens, isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "type", ["vnc", "spice", "rdp"]).never(with: "listen-type", "network", "socket", "none"),
      Field(
        "listen-type", .enumeration(["address", "network", "socket", "none"]),
        "What it listens on: an address, the address of a libvirt network, a socket, or nothing.",
        lens: listenTypeLens, isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "type", ["vnc", "spice", "rdp"]),
      Field(
        "listen-network", .text(.networkName), "The libvirt network on whose address it listens.",
        at: "listen/@network", isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "listen-type", ["network"], at: "listen/@type").required(with: "listen-type", "network"),
      Field(
        "listen-socket", .path, "The socket that it listens on.",
        lens: listenSocketLens, isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "listen-type", ["socket"], at: "listen/@type"),
      Field(
        "auto-port", .boolean, "Whether a free port is picked at each start.", lens: autoPortLens,
        isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "type", ["vnc", "spice", "rdp"]).never(with: "listen-type", "socket", "none"),
      Field(
        "port", .integer(-1...65535),
        "The TCP port; a free one is picked at each start if not set. A SPICE display with -1 has none.",
        lens: portLens, isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "type", ["vnc", "spice", "rdp"]).never(with: "listen-type", "socket", "none"),
      Field(
        "tls-port", .integer(-1...65535), "The TCP port of encrypted SPICE connections; -1 for none.", at: "@tlsPort",
        isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "type", ["spice"]),
      Field(
        "websocket-port", .integer(-1...65535),
        "The TCP port of VNC over WebSocket; with -1 a free one is picked at each start.", at: "@websocket",
        isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "type", ["vnc"]),
      Field(
        "password-file", .secretFile,
        "The password that viewers must know, by reference: the only line of a file beside the spec, such as one that a "
          + "tool for secrets has put there. VNC looks at its first 8 characters only.",
        lens: passwordLens, effect: .live(.device), isComparableWhenRunning: false, reference: graphicsReference
      ).only(with: "type", ["vnc", "spice", "rdp"]),
      Field(
        "username", .text(.line), "The name that viewers of an RDP display must give.", at: "@username",
        reference: graphicsReference
      ).only(with: "type", ["rdp"]).since(11, 1),
      .yesNo(
        "wait", "Whether the guest waits for the first viewer before it boots.", at: "@wait",
        reference: graphicsReference
      ).only(with: "type", ["vnc", "spice", "rdp"])
        .since(11, 10),
      Field("keymap", .text(.line), "The layout of the keyboard.", at: "@keymap", reference: graphicsReference).only(
        with: "type", ["vnc", "spice"]),
      Field(
        "share-policy", .enumeration(["allow-exclusive", "force-shared", "ignore"]),
        "What happens when several VNC viewers connect.", at: "@sharePolicy", reference: graphicsReference
      ).only(with: "type", ["vnc"]),
      Field("display", .text(.line), "The X display of an SDL window.", at: "@display", reference: graphicsReference)
        .only(with: "type", ["sdl", "desktop"]),
      Field("xauth", .path, "The X authority file of an SDL window.", at: "@xauth", reference: graphicsReference).only(
        with: "type", ["sdl"]),
      .yesNo("p2p", "Whether viewers connect to QEMU directly over D-Bus.", at: "@p2p", reference: graphicsReference)
        .only(with: "type", ["dbus"]),
      Field(
        "dbus-address", .text(.line), "The address of the D-Bus to connect to.",
        at: "@address", reference: graphicsReference
      ).only(with: "type", ["dbus"], at: "@type").never(with: "p2p"),
      Field(
        "audio", .integer(1...255), "The number of the audio backend that viewers hear.", at: "audio/@id",
        reference: graphicsReference
      ).only(with: "type", ["vnc", "dbus"]),
      .yesNo("gl.enable", "Whether the display renders with OpenGL.", at: "gl/@enable", reference: graphicsReference)
        .required(with: "gl.rendernode", and: ("type", "spice")).required(with: "gl.rendernode", and: ("type", "dbus"))
        .only(with: "type", ["sdl", "spice", "dbus"]),
      Field(
        "gl.rendernode", .path, "The host's render node.", at: "gl/@rendernode", reference: graphicsReference
      ).only(with: "type", ["spice", "dbus", "egl-headless"]),
      Field(
        "default-mode", .enumeration(["secure", "insecure", "any"]), "Whether SPICE channels are encrypted.",
        at: "@defaultMode", reference: graphicsReference
      ).only(with: "type", ["spice"]),
      Field(
        "channels", "Whether single SPICE channels are encrypted.", table: "", "channel", key: "@name",
        .oneOf(
          ["main", "display", "inputs", "cursor", "playback", "record", "smartcard", "usbredir"],
          "the name of a SPICE channel"), .at("@mode", .enumeration(["secure", "insecure", "any"])),
        reference: graphicsReference
      ).only(with: "type", ["spice"]),
      Field(
        "image-compression", .enumeration(["auto_glz", "auto_lz", "quic", "glz", "lz", "off"]),
        "How SPICE compresses images.", at: "image/@compression", reference: graphicsReference
      ).only(with: "type", ["spice"]),
      Field(
        "jpeg-compression", .enumeration(["auto", "never", "always"]), "Whether SPICE uses JPEG on slow lines.",
        at: "jpeg/@compression", reference: graphicsReference
      ).only(with: "type", ["spice"]),
      Field(
        "zlib-compression", .enumeration(["auto", "never", "always"]), "Whether SPICE uses zlib on slow lines.",
        at: "zlib/@compression", reference: graphicsReference
      ).only(with: "type", ["spice"]),
      .onOff(
        "playback-compression", "Whether SPICE compresses sound.", at: "playback/@compression",
        reference: graphicsReference
      ).only(with: "type", ["spice"]),
      Field(
        "streaming", .enumeration(["filter", "all", "off"]), "Which areas SPICE sends as video.",
        at: "streaming/@mode", reference: graphicsReference
      ).only(with: "type", ["spice"]),
      .yesNo(
        "clipboard", "Whether viewer and guest share the clipboard.", at: "clipboard/@copypaste",
        reference: graphicsReference
      ).only(with: "type", ["spice"]),
      .yesNo(
        "file-transfer", "Whether viewers may send files to the guest.", at: "filetransfer/@enable",
        reference: graphicsReference
      ).only(with: "type", ["spice"]),
      Field(
        "mouse", .enumeration(["server", "client"]), "Who draws the mouse.", at: "mouse/@mode",
        reference: graphicsReference
      ).only(with: "type", ["spice"]),
    ],
    groups: [FieldGroup("gl", "Rendering with the host's graphics card.")],
    device: DeviceRule(
      "graphics", identity: .attribute("type"), aliases: ["graphics"], marks: [], adoption: .equal, summary: .type,
      key: .first("@type"), hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey)

  private static let graphicsReference = "formatdomain.html#graphical-framebuffers"

  /// The kind of the one thing that it listens on. An address is the field `listen`'s, which is its own kind.
  private static let listenTypeLens = Lens(places: ["listen/@type"]) { element in
    let all = element.all("listen")
    guard all.count == 1, all[0][attribute: "address"] == nil else { return nil }
    return all[0][attribute: "type"].map(Value.string)
  } write: { element, value in
    let hasAddress = element.value(at: "listen/@address") != nil
    guard value != nil || element.first("listen") != nil && !hasAddress else { return }
    // Its address is the field `listen`'s, which comes before.
    guard value != .string("address") || !hasAddress else { return }
    element[attribute: "listen"] = nil
    element.removeAll("listen")
    if let type = value?.string { element.append(XMLElement("listen", ["type": type])) }
  }.alsoMeant { element, value in
    // The field `listen` has the address.
    value == .string("address") && element.all("listen").count <= 1
      && (element.value(at: "listen/@address") ?? element[attribute: "listen"]) != nil
  }

  /// The socket, which libvirt writes twice for VNC.
  private static let listenSocketLens = Lens.at("listen/@socket", .path).only(types: ["socket"], at: "listen/@type")
    .afterwards { element, value, _ in
      guard element[attribute: "type"] == "vnc", element[attribute: "socket"] != nil else { return }
      element[attribute: "socket"] = value?.string
    }

  /// `autoport`, and with it the port that stands for none.
  private static let autoPortLens: Lens = {
    let flag = Lens.at("@autoport", .boolean, .yesNo)
    return Lens(places: flag.places, read: flag.get) { element, value in
      if value?.boolean == true {
        element[attribute: "port"] = element[attribute: "type"] == "vnc" ? "-1" : nil
      }
      flag.put(value, into: &element)
    }
  }()

  private static let passwordLens = Lens(places: ["@passwd"]) { element in
    element[attribute: "passwd"].map(Value.secret)
  } write: { element, value in
    guard case .secret(let password)? = value else {
      element[attribute: "passwd"] = nil
      return
    }
    element[attribute: "passwd"] = password
  }

  /// The address, which libvirt writes twice: `@listen` mirrors the first `listen` element.
  private static let listenLens = Lens(places: ["listen/@address"]) { element in
    (element.value(at: "listen/@address") ?? element[attribute: "listen"]).map(Value.string)
  } write: { element, value in
    element[attribute: "listen"] = nil
    element.removeAll("listen")
    if let address = value?.string {
      element[attribute: "listen"] = address
      element.append(XMLElement("listen", ["type": "address", "address": address]))
    }
  }

  /// `@port`, which counts only where `autoport` is off.
  private static let portLens = Lens(places: ["@port"]) { element in
    guard element[attribute: "autoport"] != "yes" else { return nil }
    return element[attribute: "port"].flatMap(Int.init).flatMap { (-1...65535).contains($0) ? .integer($0) : nil }
  } write: { element, value in
    element[attribute: "port"] = value?.integer.map(String.init)
    element[attribute: "autoport"] = value == nil ? "yes" : "no"
  }
}
