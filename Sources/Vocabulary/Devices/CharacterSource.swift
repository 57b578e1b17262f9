// Where a character device leads: the same sources for serial ports, channels, smartcards, redirection and randomness.

import XMLTree

/// Builders of a character device's fields.
enum CharacterSource {
  static let types = [
    "pty", "file", "dev", "pipe", "unix", "tcp", "udp", "stdio", "vc", "null", "spicevmc", "spiceport", "nmdm",
    "qemu-vdagent", "dbus",
  ]

  /// - Parameters:
  ///   - types: the types that devices of the kind can have.
  ///   - initial: the type of a new device.
  ///   - base: the element that holds the source, with a slash behind it.
  static func fields(_ types: [String] = types, initial: Value? = nil, base: String = "") -> [Field] {
    [type(types, initial: initial, base: base)] + source(base: base) + log(base: base)
  }

  private static func type(_ types: [String], initial: Value?, base: String) -> Field {
    let lens = Lens.at(base + "@type", .enumeration(types))
    return Field(
      base.isEmpty ? "type" : "source.type", .enumeration(types),
      "Where it leads on the host: `pty` for `virsh console`, a `file`, a socket and so on.",
      lens: base.isEmpty ? lens.replacing("source", "protocol") : lens, initial: initial,
      staysWhenDropped: initial == nil,
      reference: reference)
  }

  private static func source(base: String) -> [Field] {
    let type = XMLPath(stringLiteral: base + "@type")
    let typeName = base.isEmpty ? "type" : "source.type"
    func field(
      _ name: String, _ kind: ValueType, _ summary: String, _ path: String, _ types: [String],
      _ notation: Notation? = nil
    ) -> Field {
      Field(
        base.isEmpty ? name : name.hasPrefix("source.") ? name : "source.\(name)", kind, summary,
        lens: .at(base + path, kind, notation), reference: reference
      ).only(with: typeName, types, at: type)
    }
    return [
      field(
        "path", .path, "The file, device, pipe or socket on the host.", "source/@path", ["file", "dev", "pipe", "unix"]
      ).required(with: typeName, "file", "dev", "pipe"),
      field(
        "source.append", .boolean, "Whether a file is kept and added to at each start.", "source/@append", ["file"],
        .onOff),
      field(
        "source.mode", .enumeration(["bind", "connect"]),
        "Whether QEMU listens on the socket (`bind`) or connects to it.", "source/@mode", ["unix", "tcp"]),
      field("source.host", .text(.line), "The host to connect to or to listen on.", "source/@host", ["tcp"])
        .required(with: typeName, "tcp"),
      field("source.service", .text(.line), "The TCP port.", "source/@service", ["tcp"])
        .required(with: typeName, "tcp"),
      field("source.tls", .boolean, "Whether the connection is encrypted.", "source/@tls", ["tcp"], .yesNo),
      field(
        "source.connect-host", .text(.line), "The host that datagrams go to.", "source[@mode='connect']/@host", ["udp"]),
      field(
        "source.connect-service", .text(.line), "The UDP port that datagrams go to.",
        "source[@mode='connect']/@service", ["udp"]
      ).required(with: typeName, "udp"),
      field(
        "source.bind-host", .text(.line), "The address that datagrams are received on.",
        "source[@mode='bind']/@host", ["udp"]),
      field(
        "source.bind-service", .text(.line), "The UDP port that datagrams are received on.",
        "source[@mode='bind']/@service", ["udp"]),
      field(
        "source.reconnect", .boolean, "Whether a lost connection is made again.", "source/reconnect/@enabled",
        ["unix", "tcp"], .yesNo),
      field(
        "source.reconnect-timeout", .integer(0...Int(Int32.max)), "Seconds between attempts to connect again.",
        "source/reconnect/@timeout", ["unix", "tcp"]
      ).only(with: "source.reconnect", ["true"]).required(with: "source.reconnect", "true"),
      field(
        "source.protocol", .enumeration(["raw", "telnet", "telnets", "tls"]), "What is spoken on the connection.",
        "protocol/@type", ["tcp"]),
      field(
        "source.channel", .text(.line), "The name that the viewer knows the channel by.", "source/@channel",
        ["spiceport", "dbus"]
      ).required(with: typeName, "spiceport", "dbus"),
      field("source.master", .path, "The host's end of the null modem.", "source/@master", ["nmdm"])
        .required(with: typeName, "nmdm"),
      field("source.slave", .path, "The other end of the null modem.", "source/@slave", ["nmdm"])
        .required(with: typeName, "nmdm"),
      field(
        "source.clipboard", .boolean, "Whether the clipboard is shared with the guest.",
        "source/clipboard/@copypaste", ["qemu-vdagent"], .yesNo),
      field(
        "source.mouse", .enumeration(["server", "client"]), "Who draws the mouse.", "source/mouse/@mode",
        ["qemu-vdagent"]),
    ]
  }

  private static func log(base: String) -> [Field] {
    guard base.isEmpty else { return [] }
    return [
      Field(
        "log", .path, "A file that keeps what the guest writes, beside what `type` does with it.", at: "log/@file",
        reference: "formatdomain.html#device-logfile"),
      .onOff(
        "log-append", "Whether the log is kept and added to at each start.", at: "log/@append",
        reference: "formatdomain.html#device-logfile"
      ).only(with: "log"),
    ]
  }

  static let group = FieldGroup("source", "Details of where the device leads on the host.")
  private static let reference = "formatdomain.html#consoles-serial-parallel-channel-devices"
}
