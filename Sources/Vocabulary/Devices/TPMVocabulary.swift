// The table of TPMs.

import XMLTree

extension Vocabulary {
  /// A trusted platform module, emulated or the host's own (`tpm`).
  public static let tpm = ObjectType(
    "tpm", "A trusted platform module.",
    fields: [
      Field(
        "model", .enumeration(["tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy"]), "How the guest sees it.",
        at: "@model", staysWhenDropped: true, reference: tpmReference),
      Field(
        "backend", .enumeration(["emulator", "passthrough", "external"]), "What it is on the host.",
        at: "backend/@type", initial: .string("emulator"), staysWhenDropped: true, reference: tpmReference),
      Field(
        "version", .enumeration(["1.2", "2.0"]), "The version of the standard.", at: "backend/@version",
        staysWhenDropped: true, reference: tpmReference),
      Field(
        "device", .path, "The device of the host that is passed through.", at: "backend/device/@path",
        reference: tpmReference
      ).only(with: "backend", ["passthrough"]),
      Field(
        "encryption-secret", .text(.uuid), "The UUID of libvirt's secret that encrypts the state.",
        at: "backend/encryption/@secret", reference: tpmReference
      ).only(with: "backend", ["emulator"]),
      .yesNo(
        "persistent-state", "Whether the state is kept for a guest that is not.", at: "backend/@persistent_state",
        reference: tpmReference
      ).only(with: "backend", ["emulator"]),
      Field(
        "source.type", .enumeration(["unix", "file", "dir"]),
        "How an external module is reached, or whether an emulator's state is in a file or in a folder.",
        at: "backend/source/@type", staysWhenDropped: true, reference: tpmReference
      ).values("file", "dir", since: 10, 10).only(with: "backend", ["external", "emulator"])
        .values(["unix"], with: "backend", "external").values(["file", "dir"], with: "backend", "emulator")
        .required(with: "backend", "external"),
      Field(
        "source.mode", .enumeration(["connect"]), "QEMU connects to an external module.", at: "backend/source/@mode",
        reference: tpmReference
      ).only(with: "source.type", ["unix"]).required(with: "source.type", "unix"),
      Field(
        "source.path", .path, "The socket of an external module, or where an emulator keeps its state.",
        at: "backend/source/@path", staysWhenDropped: true, reference: tpmReference
      ).only(with: "source.type").required(with: "source.type"),
      Field(
        "profile.source", .text(.tpmProfile),
        """
        The profile of a new TPM 2.0: which algorithms and commands it has. A built-in one such as `default-v1`, one of the \
        distribution's as `distro:NAME`, or one of the host's as `local:NAME`.
        """, at: "backend/profile/@source", staysWhenDropped: true, reference: tpmReference
      ).since(10, 10).only(with: "backend", ["emulator"]),
      Field(
        "profile.remove-disabled", .enumeration(["check", "fips-host"]),
        "Which algorithms a `custom` profile loses: those that are disabled now, or all that can be.",
        at: "backend/profile/@removeDisabled", staysWhenDropped: true, reference: tpmReference
      ).since(10, 10).only(with: "backend", ["emulator"]),
      Field(
        "profile.name", .text(.tpmProfile), "The profile that the TPM has got; libvirt writes it down.",
        at: "backend/profile/@name", staysWhenDropped: true, reference: tpmReference
      ).since(10, 10).only(with: "backend", ["emulator"]),
      DeviceFields.address,
    ],
    groups: [
      FieldGroup("source", "Where an external module is, or an emulator's state."),
      FieldGroup("profile", "What a TPM 2.0 can do.", shorthand: "source"),
    ],
    device: DeviceRule(
      "tpm", identity: .alias, aliases: ["tpm"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey)

  private static let tpmReference = "formatdomain.html#tpm-device"
}

extension TextRule {
  fileprivate static let tpmProfile = TextRule.word("the name of a TPM profile such as default-v1", besides: ":")
}
