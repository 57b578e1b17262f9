// The table of a domain's snapshots.

extension Vocabulary {
  /// A snapshot that a domain is to have.
  public static let snapshot = ObjectType(
    "snapshot",
    """
    A snapshot that the domain is to have. One that is missing is taken before the guest is started; one that is there is \
    left as it is, and one that leaves the spec is kept.
    """,
    fields: [
      Field(
        "kind", .enumeration(["internal", "external"]),
        """
        Where the disks' content is kept: inside the qcow2 images, or in the files that the disks had, on which overlays \
        are put. When it is left out, that of the domain's other snapshots; else internal where all disks can hold one.
        """, effect: .define, reference: "html/libvirt-libvirt-domain-snapshot.html"),
      Field(
        "memory", .boolean,
        """
        Whether the memory of a running guest is kept too. An internal snapshot of a running guest always has it, an \
        external one when asked for.
        """, effect: .define, reference: "formatsnapshot.html"),
      Field(
        "quiesce", .boolean,
        "Whether the guest's agent freezes its file systems meanwhile; for external snapshots of disks alone.",
        effect: .define, reference: "html/libvirt-libvirt-domain-snapshot.html"),
      Field("description", .text(.any), "What it is for.", effect: .define, reference: "formatsnapshot.html"),
    ])
}

extension FieldKey<String> {
  /// Where a snapshot keeps the disks' content.
  public static var snapshotKind: Self { Self("kind") }
}

extension FieldKey<Bool> {
  /// Whether a snapshot of a running guest has its memory.
  public static var keepsMemory: Self { Self("memory") }

  /// Whether the guest's agent freezes its file systems meanwhile.
  public static var quiesce: Self { Self("quiesce") }
}
