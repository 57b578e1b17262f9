// The table of storage pools.

import XMLTree

extension Vocabulary {
  /// A storage pool.
  public static let pool = ObjectType(
    "pool",
    """
    A place for images: a folder on the host, or whatever else libvirt has storage pools for. Where the driver has none, \
    as embedded, a pool is its folder alone.
    """,
    fields: poolGeneral + poolSource + poolTarget + [.sensitive, .xml(of: "pool", reference: poolReference)],
    groups: [
      FieldGroup("source", "Where the storage comes from."),
      FieldGroup("source.adapter", "The host bus adapter of a pool of type `scsi`.", shorthand: "name"),
      FieldGroup("source.auth", "How the host identifies itself to the storage."),
      FieldGroup("permissions", "Whose the pool's folder is. libvirt gives a folder to them when it makes it."),
    ], keyRule: .poolName)

  private static let poolReference = "formatstorage.html"
  private static let poolSourceReference = "formatstorage.html#source-elements"

  /// libvirt's kinds of pools, and which of them have a path on the host.
  private static let poolTypes = [
    "dir", "fs", "netfs", "logical", "disk", "iscsi", "iscsi-direct", "scsi", "mpath", "rbd", "sheepdog", "gluster",
    "zfs",
    "vstorage",
  ]

  /// A value in one place of a pool.
  private static func inPool(_ path: String, _ type: ValueType, _ notation: Notation? = nil) -> Lens {
    Lens.at(path, type, notation).inOrder(poolXML)
  }

  /// The order in which libvirt writes a pool.
  private static let poolXML = XMLOrder([
    "": ["name", "uuid", "capacity", "allocation", "available", "features", "source", "target", "refresh"],
    "source": [
      "host", "device", "dir", "adapter", "initiator", "name", "format", "auth", "vendor", "product", "protocol",
    ],
  ])

  private static let poolGeneral: [Field] = [
    Field(
      "type", .enumeration(poolTypes),
      """
      The kind of storage: `dir` a folder of the host, `fs` and `netfs` a file system that libvirt mounts, `logical` a \
      volume group, and so on. `dir` if not set. Vireo makes disks in pools of files: `dir`, `fs` and `netfs`.
      """, lens: .at("@type", .enumeration(poolTypes)), effect: .replace, libvirtDefault: .string("dir"),
      staysWhenDropped: true, reference: "storage.html"),
    Field(
      "path", .path,
      """
      The folder; for storage that is not a folder, where its devices appear on the host. A folder of type `dir` is made when \
      it is missing. Not for `rbd`, `sheepdog`, `gluster` and `iscsi-direct`.
      """, lens: inPool("target/path", .path), effect: .replace, staysWhenDropped: true,
      reference: "formatstorage.html#target-elements"),
    Field(
      "state", .enumeration(["active", "any"]),
      "The desired state of the pool. `active`, the default, starts it; `any` leaves it as it is and does not start a new one.",
      effect: .define),
    Field(
      "autostart", .boolean,
      "Whether libvirt starts the pool when the host starts. A pool that Vireo created does by default.",
      effect: .define, reference: "html/libvirt-libvirt-storage.html#virStoragePoolSetAutostart"),
    Field(
      "uuid", .text(.uuid), "The UUID. If not set it is derived from the names of the stack and the pool.",
      lens: inPool("uuid", .text(.uuid)), effect: .replace, staysWhenDropped: true,
      reference: "formatstorage.html#general-metadata"),
    Field(
      "copy-on-write", .boolean,
      "Whether files share blocks until they are written to, on a file system that can: `false` turns it off (btrfs).",
      lens: inPool("features/cow/@state", .boolean, .yesNo), effect: .nextBoot,
      reference: "formatstorage.html#features"),
  ]

  // MARK: Where it comes from

  private static let poolSource: [Field] = [
    source(
      "hosts", .list(of: .text(.storageHost)),
      "The hosts that have the storage, each with a port perhaps: `nas.example.org`, `10.0.0.9:6789`.",
      lens: Lens.list("source", "host", host).inOrder(poolXML)
    ).only(with: "type", ["netfs", "iscsi", "iscsi-direct", "rbd", "sheepdog", "gluster"]),
    source(
      "devices", .list(of: .text(.storageDevice)),
      "The host's devices that the storage is made of, or the target's name on an iSCSI host.", lens: devices
    ).only(with: "type", ["fs", "logical", "disk", "iscsi", "iscsi-direct", "zfs"]),
    source(
      "part-separator", .boolean,
      "Whether the names of partitions have a `p` before their number, for a multipath device of a pool of type `disk`.",
      lens: partSeparator
    ).only(with: "source.devices"),
    source(
      "dir", .text(.line), "The folder on the host that has the storage.",
      lens: sourceText("dir/@path", .text(.line))
    ).only(with: "type", ["netfs", "gluster"]),
    source(
      "adapter.type", .enumeration(["scsi_host", "fc_host"]), "A SCSI adapter of the host, or a Fibre Channel one.",
      lens: sourceText("adapter/@type", .enumeration(["scsi_host", "fc_host"]))
    ).only(with: "type", ["scsi"]),
    source("adapter.name", .text(.line), "The adapter's name, such as `scsi_host1`.", lens: adapter("name")).only(
      with: "source.adapter.type", ["scsi_host"]
    ).required(
      with: "source.adapter.type", "scsi_host", unless: ["source.adapter.address"]
    ).never(with: "source.adapter.address"),
    source("adapter.parent", .text(.line), "The adapter that a virtual one is made on.", lens: adapter("parent")).only(
      with: "source.adapter.type", ["fc_host"]),
    source(
      "adapter.parent-wwnn", .text(.worldWideName), "That adapter's world wide node name.", lens: adapter("parent_wwnn")
    )
    .only(with: "source.adapter.type", ["fc_host"]),
    source(
      "adapter.parent-wwpn", .text(.worldWideName), "That adapter's world wide port name.", lens: adapter("parent_wwpn")
    )
    .only(with: "source.adapter.type", ["fc_host"]),
    source(
      "adapter.parent-fabric-wwn", .text(.worldWideName), "The fabric's world wide name, by which a parent is found.",
      lens: adapter("parent_fabric_wwn")
    ).only(with: "source.adapter.type", ["fc_host"]),
    source(
      "adapter.managed", .boolean, "Whether libvirt makes the virtual adapter, and removes it with the pool.",
      lens: sourceText("adapter/@managed", .boolean, .yesNo)
    ).only(with: "source.adapter.type", ["fc_host"]),
    source("adapter.wwnn", .text(.worldWideName), "The virtual adapter's world wide node name.", lens: adapter("wwnn"))
      .only(
        with: "source.adapter.type", ["fc_host"]
      ).required(with: "source.adapter.type", "fc_host"),
    source("adapter.wwpn", .text(.worldWideName), "The virtual adapter's world wide port name.", lens: adapter("wwpn"))
      .only(
        with: "source.adapter.type", ["fc_host"]
      ).required(with: "source.adapter.type", "fc_host"),
    source(
      "adapter.address", .text(.pciAddress), "The PCI address of a SCSI adapter whose number may change.",
      lens: adapterAddress
    ).only(with: "source.adapter.type", ["scsi_host"]),
    source(
      "adapter.unique-id", .integer(0...Int(UInt32.max)),
      "The number that tells adapters at one PCI address apart, from the host's `unique_id`.",
      lens: sourceText(
        "adapter/parentaddr/@unique_id", .integer(0...Int(UInt32.max)))
    ).only(with: "source.adapter.address"),
    source(
      "initiator", .text(.line), "The name that the host has towards an iSCSI target.",
      lens: sourceText("initiator/iqn/@name", .text(.line))
    ).only(with: "type", ["iscsi", "iscsi-direct"]),
    source(
      "name", .text(.line), "The name of the storage there: a volume group, an RBD pool, a gluster volume.",
      lens: sourceText("name", .text(.line))
    ).only(with: "type", ["logical", "rbd", "sheepdog", "gluster", "zfs", "vstorage"]),
    source(
      "format", .text(.word("the name of a format")),
      """
      The format: of a file system (`ext4`, `xfs`, `nfs`, `cifs`), of partitions (`gpt`, `dos`), `lvm2`; `auto` finds it \
      out where it can be.
      """, lens: sourceText("format/@type", .text(.word("the name of a format")))
    ).only(with: "type", ["fs", "netfs", "logical", "disk"])
      .values(
        [
          "auto", "ext2", "ext3", "ext4", "ufs", "iso9660", "udf", "gfs", "gfs2", "vfat", "hfs+", "xfs", "ocfs2",
          "vmfs",
        ], with: "type", "fs"
      ).values(["auto", "nfs", "cifs", "glusterfs"], with: "type", "netfs").values(
        ["unknown", "lvm2"], with: "type", "logical"
      ).values(["unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2"], with: "type", "disk"),
    source(
      "protocol-version", .text(.word("the version of a protocol")), "The version of NFS, such as `3` or `4.1`.",
      lens: sourceText("protocol/@ver", .text(.word("the version of a protocol")))
    ).only(with: "type", ["netfs"]).never(with: "source.format", "cifs", "glusterfs"),
    source(
      "auth.type", .enumeration(["chap", "ceph"]), "`chap` for iSCSI, `ceph` for RBD.",
      lens: sourceText("auth/@type", .enumeration(["chap", "ceph"]))
    ).only(with: "type", ["iscsi", "iscsi-direct", "rbd"]),
    source("auth.username", .text(.line), "The user's name.", lens: sourceText("auth/@username", .text(.line))).only(
      with: "source.auth.type"
    ).required(with: "source.auth.type"),
    source(
      "auth.secret", .text(.uuid), "The UUID of the secret of libvirt's that has the password.",
      lens: sourceText("auth/secret/@uuid", .text(.uuid))
    ).only(with: "source.auth.type").required(with: "source.auth.type", unless: ["source.auth.secret-usage"]),
    source(
      "auth.secret-usage", .text(.line), "The usage that the secret is known by, instead of its UUID.",
      lens: sourceText("auth/secret/@usage", .text(.line))
    ).only(with: "source.auth.type").never(with: "source.auth.secret"),
    source(
      "vendor", .text(.line), "The maker of the device, for people.", lens: sourceText("vendor/@name", .text(.line))
    ).only(with: "type", ["dir", "fs", "netfs", "logical", "disk", "iscsi", "scsi"]),
    source(
      "product", .text(.line), "The product's name, for people.", lens: sourceText("product/@name", .text(.line))
    ).only(with: "type", ["dir", "fs", "netfs", "logical", "disk", "iscsi", "scsi"]),
  ]

  private static func source(_ name: String, _ type: ValueType, _ summary: String, lens: Lens) -> Field {
    Field("source.\(name)", type, summary, lens: lens, reference: poolSourceReference)
  }

  private static func sourceText(_ path: String, _ type: ValueType, _ notation: Notation? = nil) -> Lens {
    inPool("source/\(path)", type, notation)
  }

  private static func adapter(_ attribute: String) -> Lens { sourceText("adapter/@\(attribute)", .text(.line)) }

  private static let host = Shape(.text(.storageHost)) { element in
    guard let name = element[attribute: "name"] else { return nil }
    let shown = name.contains(":") ? "[\(name)]" : name
    let text = element[attribute: "port"].map { "\(shown):\($0)" } ?? shown
    return (try? TextRule.storageHost.normalised(text)) == text ? .string(text) : nil
  } put: { value, element in
    guard let host = value.string.flatMap(StorageHost.init) else { return }
    element[attribute: "name"] = host.name
    element[attribute: "port"] = host.port.map(String.init)
  }

  /// Devices by their paths. What libvirt finds out about free space on one is not of the definition, and how its
  /// partitions are named is a field of its own.
  private static let devices = Lens.list(
    "source", "device", .at("@path", .text(.storageDevice)).besides("@part_separator", "freeExtent")
  ).inOrder(poolXML)

  /// How partitions are named, of the one device of a pool of type `disk`.
  private static let partSeparator = sourceText("device/@part_separator", .boolean, .yesNo)

  private static let adapterAddress: Lens = {
    let path: XMLPath = "source/adapter/parentaddr/address"
    let lens = Lens(places: [path.description]) { pool in
      guard let element = pool.element(at: path), element.attributes.count == 4, element.children.isEmpty else {
        return nil
      }
      return PCIAddress(element).map { .string($0.description) }
    } write: { pool, value in
      guard let address = value?.string.flatMap({ PCIAddress($0) }) else { return pool.remove(at: path) }
      pool.update(at: path) { address.put(into: &$0) }
    }
    return lens.inOrder(poolXML)
  }()

  // MARK: Where it is on the host

  private static let poolTarget: [Field] = [
    Field(
      "permissions.mode", .text(.fileMode), "The permissions of the folder, in octal digits: `0711`.",
      lens: inPool("target/permissions/mode", .text(.fileMode)), reference: "formatstorage.html#target-elements"
    ).only(with: "path"),
    Field(
      "permissions.owner", .integer(0...Int(UInt32.max - 1)), "The number of the user who owns it.",
      lens: inPool("target/permissions/owner", .integer(0...Int(UInt32.max - 1))),
      reference: "formatstorage.html#target-elements"
    ).only(with: "path"),
    Field(
      "permissions.group", .integer(0...Int(UInt32.max - 1)), "The number of the group that owns it.",
      lens: inPool("target/permissions/group", .integer(0...Int(UInt32.max - 1))),
      reference: "formatstorage.html#target-elements"
    ).only(with: "path"),
    Field(
      "permissions.label", .text(.line), "The label that a security module such as SELinux gives it.",
      lens: inPool("target/permissions/label", .text(.line)), reference: "formatstorage.html#target-elements"
    ).only(with: "path"),
    Field(
      "mount-options", .list(of: .text(.line)),
      "Options for mounting a pool of type `fs` or `netfs`, as they are: libvirt does not look into them.",
      lens: mountOptions, reference: "formatstorage.html#storage-pool-namespaces"
    ).only(with: "type", ["fs", "netfs"]),
    Field(
      "rbd-options", .table(key: .word("the name of an option"), of: .text(.line)),
      "Options for a pool of type `rbd`, in the words of Ceph's client.", lens: rbdOptions,
      reference: "formatstorage.html#storage-pool-namespaces"
    ).only(with: "type", ["rbd"]),
    Field(
      "volume-allocation", .enumeration(["default", "capacity"]),
      """
      What libvirt takes for the space that a volume of a pool of type `rbd` has used: `capacity` its whole size, which \
      spares it from asking for each.
      """, lens: inPool("refresh/volume/@allocation", .enumeration(["default", "capacity"])),
      reference: "formatstorage.html#refresh-overrides"
    ).only(with: "type", ["rbd"]),
  ]

  private static let mountOptions = Lens.foreign(
    "mount_opts", namespace: "http://libvirt.org/schemas/storagepool/fs/1.0", prefix: "fs",
    .list("option", .at("@name", .text(.line))))

  private static let rbdOptions = Lens.foreign(
    "config_opts", namespace: "http://libvirt.org/schemas/storagepool/rbd/1.0", prefix: "rbd",
    .table("option", key: "@name", .word("the name of an option"), .at("@value", .text(.line))))
}

extension TextRule {
  /// A host of network storage, with a port perhaps.
  static let storageHost = TextRule(
    "a host such as nas.example.org or 10.0.0.9:6789", pattern: #"^(\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/]+)(:[0-9]{1,5})?$"#,
    remedy: "write a name or an address, and a colon and the port behind it; an IPv6 address in brackets",
    normalise: { text in StorageHost(text).map { _ in text } })

  /// What a pool's storage is made of.
  static let storageDevice = TextRule(
    "a path, the name of a device, or an iSCSI target such as iqn.2024-01.org.example:disks",
    pattern: #"^(/.+|[A-Za-z0-9_+-]+|iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[A-Za-z0-9.-]+(:.+)?)$"#,
    normalise: { text in
      if text.hasPrefix("/") { return text.utf8.count > 1 ? try? line.normalised(text) : nil }
      return (try? genericName.normalised(text)) ?? (isTarget(text) ? text : nil)
    })

  /// Whether a text is an iSCSI qualified name (RFC 3720, section 3.2.6.3.1).
  private static func isTarget(_ text: String) -> Bool {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let words = parts[0].split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count == 3, words[0] == "iqn", !words[2].isEmpty, parts.count == 1 || !parts[1].isEmpty else {
      return false
    }
    let date = words[1].split(separator: "-", omittingEmptySubsequences: false)
    guard date.count == 2, date[0].utf8.count == 4, Int(date[0]) != nil, date[1].utf8.count == 2,
      let month = Int(date[1]), (1...12).contains(month)
    else { return false }
    return words[2].utf8.allSatisfy { isAlphanumeric($0) || ".-".utf8.contains($0) }
  }

  /// The name of a Fibre Channel adapter or fabric.
  static let worldWideName = TextRule(
    "a world wide name of 16 hexadecimal digits", pattern: "^(0x)?[0-9A-Fa-f]{16}$",
    remedy: "write it as `/sys/class/fc_host` has it, in quotes",
    normalise: { text in
      let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
      return digits.utf8.count == 16 && digits.allSatisfy { $0.isASCII && $0.isHexDigit } ? text : nil
    })

  /// A file's permissions as chmod has them.
  static let fileMode = TextRule(
    "a file mode such as 0711", pattern: "^[0-7]{3,4}$", remedy: "write four octal digits in quotes, such as \"0711\"",
    normalise: { text in
      guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
      return String(repeating: "0", count: 4 - text.utf8.count) + text
    })
}

/// A host of network storage.
struct StorageHost {
  var name: String
  var port: Int?

  init?(_ text: String) {
    var rest = text[...]
    if rest.first == "[" {
      guard let end = rest.firstIndex(of: "]"), let address = IPAddress(rest[rest.index(after: rest.startIndex)..<end]),
        address.isIPv6
      else { return nil }
      name = String(rest[rest.index(after: rest.startIndex)..<end])
      rest = rest[rest.index(after: end)...]
      guard rest.isEmpty || rest.first == ":" else { return nil }
    } else {
      name = String(rest.prefix { $0 != ":" })
      guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && !"[]/".utf8.contains($0) }) else {
        return nil
      }
      rest = rest.dropFirst(name.count)
    }
    guard !rest.isEmpty else { return }
    guard let number = Int(rest.dropFirst()), (1...65535).contains(number), rest.dropFirst() == String(number) else {
      return nil
    }
    port = number
  }
}

/// What a pool should be doing.
public enum PoolState: String, FieldWord {
  /// It runs.
  case active
  /// Whatever it does now.
  case any
}

/// The kind of storage of a pool.
public enum PoolType: String, FieldWord {
  /// A folder of the host.
  case dir
  /// A file system that libvirt mounts.
  case fs
  /// A network file system that libvirt mounts.
  case netfs
  /// A volume group.
  case logical
  /// The partitions of a disk.
  case disk
  /// An iSCSI target.
  case iscsi
  /// An iSCSI target that QEMU speaks to itself.
  case iscsiDirect = "iscsi-direct"
  /// A SCSI adapter.
  case scsi
  /// The host's multipath devices.
  case mpath
  /// A pool of Ceph's.
  case rbd
  /// A Sheepdog cluster.
  case sheepdog
  /// A Gluster volume.
  case gluster
  /// A ZFS pool.
  case zfs
  /// A Virtuozzo storage.
  case vstorage
}

extension FieldKey<PoolType> {
  /// The kind of storage of a pool.
  public static var poolType: Self { Self("type") }
}

extension FieldKey<PoolState> {
  /// The desired state of a pool.
  public static var poolState: Self { Self("state") }
}

extension FieldKey<[String]> {
  /// The hosts that have a pool's storage.
  public static var sourceHosts: Self { Self("source.hosts") }

  /// The devices that a pool's storage is made of.
  public static var sourceDevices: Self { Self("source.devices") }
}

extension FieldKey<String> {
  /// The folder on the host that has a pool's storage.
  public static var sourceDir: Self { Self("source.dir") }

  /// The name of a pool's storage on its host.
  public static var sourceName: Self { Self("source.name") }

  /// The name that the host has towards an iSCSI target.
  public static var initiator: Self { Self("source.initiator") }

  /// The kind of a pool's adapter.
  public static var adapterType: Self { Self("source.adapter.type") }
}
