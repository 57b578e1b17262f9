// The fields of what a disk is made of where that is not a file and no block device, which are the field `source`: volumes, network storage.

import XMLTree

extension Vocabulary {
  static let diskSources: [Field] = [
    deciding("dir", .path, "A folder of the host that the guest sees as a FAT disk.", type: "dir", at: "source/@dir")
      .never(with: "device", "lun"),
    Field(
      "volume.entry", .reference(collection: "volumes"),
      "One of the stack's `volumes`, which makes the file, and sets its format and size."),
    deciding("volume.pool", .text(.objectName), "The pool of a libvirt volume.", type: "volume", at: "source/@pool"),
    source("volume.name", .text(.objectName), "The name of the volume.", type: "volume", at: "source/@volume").required(
      with: "volume.pool"),
    source(
      "volume.mode", .enumeration(["host", "direct"]), "Whether an iSCSI volume is opened by the host or by QEMU.",
      type: "volume", at: "source/@mode"),
    deciding(
      "network.protocol",
      .enumeration([
        "nbd", "iscsi", "rbd", "sheepdog", "gluster", "http", "https", "ftp", "ftps", "tftp", "vxhs", "nfs", "ssh",
      ]),
      "How network storage is spoken to.", type: "network", at: "source/@protocol"
    ).values("ssh", since: 9, 8),
    source(
      "network.name", .text(.line), "The name of the disk on the server.", type: "network", at: "source/@name"
    ).required(
      with: "network.protocol", "iscsi", "sheepdog", "gluster", "http", "https", "ftp", "ftps", "tftp", "vxhs", "nfs",
      "ssh"),
    source("network.query", .text(.line), "The query part of a URL.", type: "network", at: "source/@query").only(
      with: "network.protocol", ["http", "https"]),
    source("network.tls", .boolean, "Whether the connection is encrypted.", type: "network", at: "source/@tls", .yesNo)
      .only(with: "network.protocol", ["nbd", "vxhs"]),
    source(
      "network.tls-hostname", .text(.line), "The name that the server's certificate must have.", type: "network",
      at: "source/@tlsHostname"
    ).only(with: "network.protocol", ["nbd"]),
    Field(
      "network.hosts", "The servers.", list: "source", "host",
      .record([
        Part("name", .text(.hostName), "The name or address of the server.", at: "@name").required(unless: "socket")
          .never(with: "socket"),
        Part("port", .integer(0...65535), "The port.", at: "@port").only(with: "name"),
        Part(
          "transport", .enumeration(["tcp", "rdma", "unix"]), "The transport; the default is `tcp`.", at: "@transport"
        ).required(with: "socket"),
        Part("socket", .path, "The path of a socket.", at: "@socket").only(with: "transport", "unix"),
      ]), reference: diskReference
    ).only(with: "network.protocol").required(
      with: "network.protocol", "nbd", "iscsi", "sheepdog", "gluster", "http", "https", "ftp", "ftps", "tftp", "vxhs",
      "nfs", "ssh"),
    source(
      "network.snapshot", .text(.line), "A snapshot of RBD to show.", type: "network", at: "source/snapshot/@name"
    ).only(with: "network.protocol", ["rbd"]),
    source("network.config", .path, "A configuration file of RBD.", type: "network", at: "source/config/@file").only(
      with: "network.protocol", ["rbd"]),
    source(
      "network.initiator", .text(.line), "The name by which the host presents itself to iSCSI.", type: "network",
      at: "source/initiator/iqn/@name"
    ).only(with: "network.protocol", ["iscsi"]),
    source(
      "network.ssl-verify", .boolean, "Whether the server's certificate is checked.", type: "network",
      at: "source/ssl/@verify", .yesNo
    ).only(with: "network.protocol", ["https", "ftps"]),
    source(
      "network.readahead", .integer(1...Int.max), "How many bytes are read ahead.", type: "network",
      at: "source/readahead/@size"
    ).only(with: "network.protocol", ["http", "https", "ftp", "ftps", "sheepdog", "tftp"]),
    source(
      "network.timeout", .integer(1...Int.max), "Seconds after which a request fails.", type: "network",
      at: "source/timeout/@seconds"
    ).only(with: "network.protocol", ["http", "https", "ftp", "ftps", "sheepdog", "tftp"]),
    source(
      "network.reconnect-delay", .integer(0...Int(UInt32.max)),
      "Seconds that NBD tries to connect again before requests fail.", type: "network", at: "source/reconnect/@delay"
    ).only(with: "network.protocol", ["nbd"]).since(9, 2),
    source(
      "network.known-hosts", .path, "The file with the keys of hosts that SSH is to accept.", type: "network",
      at: "source/knownHosts/@path"
    ).only(with: "network.protocol", ["ssh"]).since(9, 8),
    source(
      "auth.ssh-user", .text(.line), "The name to log in with by a key of SSH's.", type: "network",
      at: "source/identity/@username"
    ).since(9, 8).only(with: "network.protocol", ["ssh"]).required(with: "auth.ssh-key").required(
      with: "auth.ssh-agent"),
    source("auth.ssh-key", .path, "The file with the key.", type: "network", at: "source/identity/@keyfile").since(
      9, 8
    ).only(with: "network.protocol", ["ssh"]),
    source(
      "auth.ssh-agent", .path, "The socket of an agent that has the key.", type: "network",
      at: "source/identity/@agentsock"
    ).since(9, 8).only(with: "network.protocol", ["ssh"]),
    source(
      "network.user", .text(.genericName), "The user of the host as whom NFS is spoken.", type: "network",
      at: "source/identity/@user"
    ).only(with: "network.protocol", ["nfs"]).required(with: "network.protocol", "nfs"),
    source(
      "network.group", .text(.genericName), "The group of the host as which NFS is spoken.", type: "network",
      at: "source/identity/@group"
    ).only(with: "network.protocol", ["nfs"]),
    login("username", .text(.genericName), "The name to log in with.", "@username").required(with: "auth.type")
      .required(with: "auth.beside-source", "true"),
    login("type", .enumeration(["ceph", "iscsi"]), "The kind of the secret.", "secret/@type")
      .required(with: "auth.username"),
    login("usage", .text(.objectName), "The usage of libvirt's secret.", "secret/@usage").only(with: "auth.username")
      .required(with: "auth.username", unless: ["auth.uuid"]),
    login("uuid", .text(.uuid), "The UUID of libvirt's secret.", "secret/@uuid").only(with: "auth.username")
      .never(with: "auth.usage"),
    deciding(
      "nvme.namespace", .integer(1...Int(Int32.max)), "The namespace of an NVMe controller of the host.", type: "nvme",
      at: "source/@namespace", with: ("type", "pci")
    ).never(with: "device", "lun"),
    source(
      "nvme.managed", .boolean, "Whether libvirt takes the controller from the host and gives it back.", type: "nvme",
      at: "source/@managed", .yesNo),
    Field(
      "nvme.address", .text(DeviceAddress.sourceRule), "The controller's PCI address on the host.",
      lens: DeviceAddress.source.only(types: ["nvme"]), staysWhenDropped: true, reference: diskReference
    ).only(with: "nvme.namespace").required(with: "nvme.namespace"),
    deciding(
      "vhost-user.path", .path, "The socket of a vhost-user process.", type: "vhostuser", at: "source/@path",
      with: ("type", "unix")
    ).never(with: "device", "lun"),
    source(
      "vhost-user.reconnect", .boolean, "Whether a lost connection is made again.", type: "vhostuser",
      at: "source/reconnect/@enabled", .yesNo
    ).required(with: "vhost-user.reconnect-timeout"),
    source(
      "vhost-user.reconnect-timeout", .integer(0...Int(Int32.max)), "Seconds between attempts to connect again.",
      type: "vhostuser", at: "source/reconnect/@timeout"
    ).only(with: "vhost-user.reconnect", ["true"]).required(with: "vhost-user.reconnect", "true"),
    deciding(
      "vhost-vdpa", .path, "A vDPA device of the host that is a disk, such as `/dev/vhost-vdpa-0`.", type: "vhostvdpa",
      at: "source/@dev"
    ).since(9, 8).never(with: "device", "lun"),
    Field(
      "startup-policy", .enumeration(["mandatory", "requisite", "optional"]),
      "What happens at start where the source is missing.", at: "source/@startupPolicy",
      effect: .live(.device), reference: diskReference
    ).never(with: "network.protocol").never(with: "vhost-user.path"),
    encryption(
      "format", .enumeration(["luks", "luks2", "luks-any", "default", "qcow"]), "How the source is encrypted.",
      "@format"
    ).values("luks-any", since: 9, 3).required(with: "encryption.engine").required(with: "encryption.type").required(
      with: "encryption.beside-source", "true"
    ).never(with: "vhost-user.path").never(with: "network.protocol", "vxhs", "nfs").never(with: "vhost-vdpa"),
    encryption("engine", .enumeration(["qemu", "librbd"]), "What decrypts it.", "@engine"),
    encryption("type", .enumeration(["passphrase"]), "The kind of the secret.", "secret/@type").required(
      with: "encryption.uuid"
    ).required(with: "encryption.usage"),
    encryption("uuid", .text(.uuid), "The UUID of libvirt's secret with the passphrase.", "secret/@uuid").required(
      with: "encryption.type", unless: ["encryption.usage"]),
    encryption("usage", .text(.line), "The usage of libvirt's secret with the passphrase.", "secret/@usage").never(
      with: "encryption.uuid"),
  ]

  /// What makes a disk one of a type.
  private static func deciding(
    _ name: String, _ kind: ValueType, _ summary: String, type: String, at path: String,
    with extra: (String, String)? = nil
  ) -> Field {
    let place = Lens.at(path, kind)
    let lens = Lens(places: [path]) { disk in
      guard disk[attribute: "type"] == type else { return nil }
      if let extra, disk.first("source")?[attribute: extra.0] != extra.1 { return nil }
      return place.get(disk)
    } write: { disk, value in
      let isType = disk[attribute: "type"] == type
      guard value != nil || isType else { return }
      if value == nil || !isType { disk.removeAll("source") }
      disk[attribute: "type"] = value == nil ? "file" : type
      guard value != nil else { return }
      if let extra { disk.update("source") { $0[attribute: extra.0] = extra.1 } }
      place.put(value, into: &disk)
    }
    return Field(name, kind, summary, lens: lens, staysWhenDropped: true, reference: diskReference)
  }

  /// The fields that make a disk one of a type.
  private static let deciders = [
    "volume": "volume.pool", "network": "network.protocol", "nvme": "nvme.namespace", "vhostuser": "vhost-user.path",
  ]

  /// A part of the login, for storage that asks for one: over a network, also as a volume of a pool.
  private static func login(_ name: String, _ kind: ValueType, _ summary: String, _ path: String) -> Field {
    Field(
      "auth.\(name)", kind, summary, lens: .inSourceOrBeside("auth", path, kind).only(types: ["network", "volume"]),
      reference: diskReference
    ).only(
      with: "network.protocol", ["rbd", "iscsi", "http", "https", "ftp", "ftps"], or: ("volume.pool", []))
  }

  private static func encryption(_ name: String, _ kind: ValueType, _ summary: String, _ path: String) -> Field {
    Field(
      "encryption.\(name)", kind, summary, lens: .inSourceOrBeside("encryption", path, kind),
      reference: "formatstorageencryption.html")
  }

  private static func source(
    _ name: String, _ kind: ValueType, _ summary: String, type: String, at path: String, _ notation: Notation? = nil
  ) -> Field {
    Field(name, kind, summary, lens: .at(path, kind, notation).only(types: [type]), reference: diskReference)
      .only(with: deciders[type] ?? name)
  }
}

extension FieldKey<String> {
  /// The volume of the stack that a disk is.
  public static var volumeEntry: Self { Self("volume.entry") }

  /// The pool of the libvirt volume that a disk is.
  public static var volumePool: Self { Self("volume.pool") }

  /// The folder that the guest sees as a disk.
  public static var dir: Self { Self("dir") }

  /// How the network storage of a disk is spoken to.
  public static var networkProtocol: Self { Self("network.protocol") }

  /// The socket of the vhost-user process that a disk is.
  public static var vhostUserPath: Self { Self("vhost-user.path") }

  /// The vDPA device that a disk is.
  public static var vhostVDPA: Self { Self("vhost-vdpa") }
}

extension FieldKey<Int> {
  /// The namespace of the NVMe controller that a disk is.
  public static var nvmeNamespace: Self { Self("nvme.namespace") }
}

extension FieldKey<String> {
  /// What happens at the start of a guest whose disk has no source.
  public static var startupPolicy: Self { Self("startup-policy") }

  /// The name of the libvirt volume that a disk is.
  public static var volumeName: Self { Self("volume.name") }
}
