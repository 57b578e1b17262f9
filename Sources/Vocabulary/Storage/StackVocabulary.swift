// The table of the stack and of what stands beside its domains: images, profiles, variables. Networks, pools and volumes
// have files of their own.

/// The spec language: one table, every use.
public enum Vocabulary {
  /// The root of the language: what a spec file may say.
  public static let stack = ObjectType(
    "stack", "A stack: the networks, pools, images, volumes and domains that belong together on one host.",
    fields: [
      Field(
        "stack", .text(.name),
        """
        The stack's name. It is part of every derived UUID, MAC address and serial number, and is recorded in each \
        domain, so that two stacks never take each other's domains.
        """, effect: .replace, isRequired: true),
      Field(
        "connect", .text(.connectionURI),
        """
        The libvirt connection, where neither `--connect` nor the environment (`VIREO_CONNECT`, `LIBVIRT_DEFAULT_URI`) \
        names one.
        """, effect: .define, reference: "uri.html"),
      Field(
        "variables", .map,
        """
        Variables and their default values. `${name}` in any value stands for the variable, and the value is read as what its \
        place asks for: `vcpus: "${n}"` is a number. `--var`, `--var-file` and `VIREO_VAR_name` in the environment override the \
        default. Defaults and the values of a file may hold other variables; those of `--var` and the environment are taken \
        as they are. `$$` stands for one `$`.
        """, effect: .define),
    ],
    collections: [
      .init("networks", network), .init("pools", pool), .init("images", image), .init("volumes", volume),
      .init("profiles", profile), .init("domains", domain),
    ])

  /// A base image.
  public static let image = ObjectType(
    "image", "A base image: never written to, the bottom of the overlays that disks are.",
    fields: [
      Field("source", .path, "The image file on this host.", effect: .replace, isRequired: true),
      Field(
        "format", .enumeration(["qcow2", "raw"]),
        "The format. When it is left out the file's first bytes tell; when it is given they must agree.",
        effect: .replace),
      Field(
        "pool", .reference(collection: "pools"),
        """
        The pool to copy the image into, read-only and under a name that carries its SHA-256. Without it the image is \
        used where it is.
        """, effect: .replace),
      Field(
        "sha256", .text(.sha256),
        """
        The checksum that the image must have. With it, planning need not read the whole file to find the name of the \
        copy.
        """, effect: .replace),
    ])

  /// A set of values that domains share.
  public static let profile = ObjectType(
    "profile", "Values that domains share: all fields of a domain, except those that identify it.",
    fields: domain.fields.filter { !["count", "profiles", "uuid"].contains($0.name) }, groups: domain.groups,
    collections: domain.collections)
}

extension FieldKey<String> {
  /// What owns the objects of a file.
  public static var stackName: Self { Self("stack") }

  /// The libvirt connection of a stack.
  public static var connect: Self { Self("connect") }

  /// The checksum that a base image must have.
  public static var sha256: Self { Self("sha256") }
}
