// The table of volumes: images that no domain owns, and their snapshots.

extension Vocabulary {
  /// An image that no domain owns.
  public static let volume = ObjectType(
    "volume",
    """
    An image that no domain owns: a blank one, an overlay on a base image, or a file that exists. Domains of the stack can \
    have it as a disk by its name. It is made when it is missing, it only grows, and one that leaves the spec leaves its file.
    """,
    fields: [
      Field(
        "image", .reference(collection: "images"), "The base image that a new file is an overlay on.", effect: .replace),
      Field(
        "size", .size(granularity: 512),
        """
        The virtual size; an overlay's is its image's if not set. A larger one grows the image, a smaller one is \
        refused. Without it the file must exist, or have an image.
        """, effect: .define),
      Field(
        "pool", .reference(collection: "pools"),
        "Where the file is, under the name of the volume; not needed when the stack has only one pool.",
        effect: .replace),
      Field("path", .path, "The file, where it is in none of the stack's pools.", effect: .replace),
      Field(
        "format", .enumeration(["qcow2", "raw"]), "The format of the file; the default is `qcow2`.", effect: .replace),
      Field(
        "cluster-size", .size(granularity: 1, least: 512),
        "The size of a new qcow2 file's clusters: a power of two from 512 B to 2 MiB, by default 64 KiB.",
        effect: .replace),
      Field(
        "extended-l2", .boolean, "Whether the clusters of a new qcow2 file are divided into 32 subclusters.",
        effect: .replace),
      Field(
        "lazy-refcounts", .boolean,
        "Whether QEMU may postpone a new qcow2 file's reference counts, at the price of a repair after a crash.",
        effect: .replace),
      Field(
        "preallocation", .enumeration(["off", "metadata", "falloc", "full"]),
        """
        The space that a new file gets at once: none, that of its tables, reserved space, or space that zeros are written \
        to. An overlay can have some only with `extended-l2`.
        """, effect: .replace),
      Field(
        "permissions.mode", .text(.fileMode),
        "The permissions of a new file, in octal digits; the default is `0600`.", effect: .replace),
      Field(
        "permissions.owner", .integer(0...Int(UInt32.max - 1)), "The number of the user whose a new file is.",
        effect: .replace),
      Field(
        "permissions.group", .integer(0...Int(UInt32.max - 1)), "The number of the group whose a new file is.",
        effect: .replace),
    ],
    groups: [
      FieldGroup(
        "permissions", "Who may use a new file. libvirt gives an image to QEMU's user while a guest has it.")
    ],
    collections: [.init("snapshots", volumeSnapshot)],
    keyRule: .volumeName)

  /// A snapshot inside an image that no domain owns.
  public static let volumeSnapshot = ObjectType(
    "volume-snapshot",
    """
    A snapshot that a qcow2 image is to have inside. One that is missing is taken once the image is made and grown; one \
    that is there is left as it is, and one that leaves the spec is kept.
    """,
    fields: [
      Field(
        "description", .text(.any), "What it is for. It is only in the spec, because an image has no place for it.",
        effect: .define)
    ],
    keyRule: .snapshotTag)
}

extension TextRule {
  /// Names of volumes, which become file names. The files of disks, `web.root.qcow2`, have a dot more.
  static let volumeName = TextRule(
    "a volume's name", pattern: #"^[A-Za-z0-9_][A-Za-z0-9_+-]{0,199}$"#,
    remedy: "use up to 200 letters, digits, `_`, `+`, `-`, the first a letter, a digit or `_`",
    normalise: { text in (try? name.normalised(text)).flatMap { $0.utf8.contains(UInt8(ascii: ".")) ? nil : $0 } })

  /// Names of snapshots inside an image. A number would be taken for the id of another one.
  static let snapshotTag = TextRule(
    "a snapshot's name", pattern: #"^(?![0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}$"#,
    remedy: "use up to 200 letters, digits, `_`, `.`, `+`, `-`, not digits alone: those are ids",
    normalise: { text in
      (try? name.normalised(text)).flatMap { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? nil : $0 }
    })
}

/// The space that a new file of a volume gets at once.
public enum VolumePreallocation: String, FieldWord {
  /// None.
  case off
  /// That of its tables.
  case metadata
  /// Reserved space.
  case falloc
  /// Space that zeros are written to.
  case full
}

extension FieldKey<VolumePreallocation> {
  /// The space that a new file of a volume gets at once.
  public static var preallocation: Self { Self("preallocation") }
}

extension FieldKey<UInt64> {
  /// The size of the clusters of a new qcow2 file, in bytes.
  public static var clusterSize: Self { Self("cluster-size") }
}

extension FieldKey<Bool> {
  /// Whether the clusters of a new qcow2 file are divided.
  public static var extendedL2: Self { Self("extended-l2") }

  /// Whether QEMU may postpone a new qcow2 file's reference counts.
  public static var lazyRefcounts: Self { Self("lazy-refcounts") }
}

extension FieldKey<String> {
  /// The permissions of a volume's new file or of a pool's folder, in octal digits.
  public static var permissionsMode: Self { Self("permissions.mode") }
}

extension FieldKey<Int> {
  /// The number of the user who owns a volume's new file or a pool's folder.
  public static var permissionsOwner: Self { Self("permissions.owner") }

  /// The number of the group that owns it.
  public static var permissionsGroup: Self { Self("permissions.group") }
}
