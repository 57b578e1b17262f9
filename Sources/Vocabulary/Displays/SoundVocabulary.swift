// The tables of sound: cards of the guest and what they play on.

import XMLTree

extension Vocabulary {
  /// A sound card.
  public static let sound = ObjectType(
    "sound", "A sound card.",
    fields: [
      Field(
        "model", .enumeration(["sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "ich7", "virtio"]),
        "The model.", at: "@model", initial: .string("ich9"), staysWhenDropped: true,
        reference: "formatdomain.html#sound-devices"
      ).values("virtio", since: 10, 4),
      Field(
        "streams", .integer(1...Int(UInt32.max)), "The number of streams of a `virtio` card; the default is 2.",
        at: "@streams", reference: "formatdomain.html#sound-devices"
      ).since(10, 4),
      .yesNo(
        "multichannel", "Whether a `usb` card has more than two channels.", at: "@multichannel",
        reference: "formatdomain.html#sound-devices"
      ).since(9, 4),
      Field(
        "codecs", "The codecs of the card.", list: "", "codec",
        .at("@type", .enumeration(["duplex", "micro", "output"])), reference: "formatdomain.html#sound-devices"),
      Field(
        "audio", .integer(1...255), "The number of the audio backend that it plays on.", at: "audio/@id",
        reference: "formatdomain.html#sound-devices"),
    ] + DeviceFields.virtio.map { $0.since(10, 4) } + [DeviceFields.acpiIndex, DeviceFields.address],
    groups: [DeviceFields.driverGroup],
    device: DeviceRule(
      "sound", identity: .alias, aliases: ["sound"], marks: [], adoption: .equal, summary: .kind,
      key: .first("@type", "@model"), hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey)

  /// What sound cards play on.
  public static let audio = ObjectType(
    "audio", "What sound cards play on. libvirt adds one of type `none` or, with such a display, `spice`.",
    fields: [
      Field(
        "id", .text(.number("the number of an audio backend")), "The number by which cards name it.", at: "@id",
        staysWhenDropped: true, reference: audioReference
      ).required,
      Field(
        "type",
        .enumeration([
          "none", "alsa", "coreaudio", "dbus", "jack", "oss", "pipewire", "pulseaudio", "sdl", "spice", "file",
        ]),
        "The host's sound system.", at: "@type", staysWhenDropped: true, reference: audioReference
      ).values("pipewire", since: 9, 10).required,
      Field(
        "timer-period", .integer(0...Int(Int32.max)), "Microseconds between updates.", at: "@timerPeriod",
        reference: audioReference),
      Field("server", .text(.line), "The name of the sound server.", at: "@serverName", reference: audioReference)
        .only(with: "type", ["pulseaudio"]),
      Field("path", .path, "The file that sound goes to.", at: "@path", reference: audioReference)
        .only(with: "type", ["file"]),
      Field(
        "runtime-dir", .path, "The folder with the socket of PipeWire's daemon.", at: "@runtimeDir",
        reference: audioReference
      ).since(9, 10).only(with: "type", ["pipewire"]),
      Field(
        "driver", .enumeration(["esd", "alsa", "arts", "pulseaudio"]), "SDL's driver.", at: "@driver",
        reference: audioReference
      ).only(with: "type", ["sdl"]),
      .yesNo("exclusive", "Whether OSS is used alone.", at: "@exclusive", reference: audioReference)
        .only(with: "type", ["oss"]),
      .yesNo("try-mmap", "Whether OSS memory is mapped.", at: "@tryMMap", reference: audioReference)
        .only(with: "type", ["oss"]),
      Field("dsp-policy", .integer(-1...10), "The timing policy of OSS.", at: "@dspPolicy", reference: audioReference)
        .only(with: "type", ["oss"]),
    ] + ["input", "output"].flatMap(way),
    groups: [FieldGroup("input", "What is recorded."), FieldGroup("output", "What is played.")],
    device: DeviceRule(
      "audio", identity: .attribute("id"), aliases: ["audio"], marks: [], adoption: .equal, summary: .type, key: .kind,
      hotplug: [.restart()],
      addition: .implied { audio, devices in
        // Other displays bring other sound, or none.
        let displays = devices.all("graphics").map { $0[attribute: "type"] }
        return devices.all("audio").count == 1 && displays.allSatisfy { ["vnc", "spice"].contains($0) }
          && audio.attributes.count == 2 && !audio.elements.contains { $0.name != "alias" }
          && audio[attribute: "id"] == "1"
          && audio[attribute: "type"] == (displays.contains("spice") ? "spice" : "none")
      }),
    keyRule: .deviceKey)

  private static func way(_ way: String) -> [Field] {
    func text(_ name: String, _ summary: String, _ attribute: String) -> Field {
      Field("\(way).\(name)", .text(.line), summary, at: "\(way)/@\(attribute)", reference: audioReference)
    }
    func flag(_ name: String, _ summary: String, _ attribute: String) -> Field {
      .yesNo("\(way).\(name)", summary, at: "\(way)/@\(attribute)", reference: audioReference)
    }
    return [
      flag("mixing-engine", "Whether QEMU mixes the sound.", "mixingEngine"),
      flag("fixed-settings", "Whether the settings are fixed.", "fixedSettings"),
      .count32("\(way).voices", "The number of voices.", at: "\(way)/@voices", reference: audioReference),
      .count32(
        "\(way).buffer-length", "The length of the buffer in microseconds.", at: "\(way)/@bufferLength",
        reference: audioReference),
      .count32("\(way).buffer-count", "The number of buffers.", at: "\(way)/@bufferCount", reference: audioReference)
        .only(with: "type", ["coreaudio", "oss", "sdl"]),
      .count32("\(way).latency", "The latency in microseconds.", at: "\(way)/@latency", reference: audioReference).only(
        with: "type", ["pulseaudio", "pipewire"]),
      flag("try-poll", "Whether polling is tried.", "tryPoll").only(with: "type", ["oss"]),
      text("device", "The device of the host.", "dev").only(with: "type", ["alsa", "oss"]),
      text("name", "The name of the device.", "name").only(with: "type", ["pulseaudio", "pipewire"]),
      text("stream", "The name of the stream.", "streamName").only(with: "type", ["pulseaudio", "pipewire"]),
      text("server", "The name of the server.", "serverName").only(with: "type", ["jack"]),
      text("client", "The name of the client.", "clientName").only(with: "type", ["jack"]),
      text("connect-ports", "A pattern of the ports to connect to.", "connectPorts").only(with: "type", ["jack"]),
      flag("exact-name", "Whether the client's name must be exact.", "exactName").only(with: "type", ["jack"]),
      .count32(
        "\(way).frequency", "The rate of samples in hertz.", at: "\(way)/settings/@frequency", reference: audioReference
      ),
      .count32(
        "\(way).channels", "The number of channels.", at: "\(way)/settings/@channels", reference: audioReference),
      Field(
        "\(way).format", .enumeration(["s8", "u8", "s16", "u16", "s32", "u32", "f32"]), "The format of samples.",
        at: "\(way)/settings/@format", reference: audioReference),
    ]
  }

  private static let audioReference = "formatdomain.html#audio-backends"
}
