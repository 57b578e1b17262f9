// The words that people try for keys and values, from other tools and by habit, with what Vireo calls them. They are not
// part of the language: a message says what to write.

/// What somebody means by a word that the language does not have.
public struct Meaning: Sendable, Hashable {
  /// The key that has it, from the object in which the word was tried: `memory`, `disks.image`.
  public let key: String
  /// What to do, as an imperative: ``write `memory` ``.
  public let advice: String

  init(_ key: String, _ advice: String? = nil) {
    self.key = key
    self.advice = advice ?? "write `\(key)`"
  }
}

extension ObjectType {
  /// What is meant by a word that is not a key of the object.
  ///
  /// - Parameter group: the group that the word was tried in; nil for the object's top.
  public func meaning(of word: String, in group: String? = nil) -> Meaning? {
    let prefix = group.map { $0 + "." } ?? ""
    return Synonyms.keys[name == "profile" ? "domain" : name]?[prefix + Synonyms.simplified(word)]
  }

  /// The value of a field that is meant by a word that is not one.
  public func value(meantBy word: String, for field: String) -> String? {
    Synonyms.values[(name == "profile" ? "domain" : name) + "." + field]?[Synonyms.simplified(word)]
  }
}

/// The tables, by the kind of object. Words are in small letters without hyphens, underscores and spaces.
enum Synonyms {
  static func simplified(_ word: String) -> String {
    word.lowercased().filter { $0 != "-" && $0 != "_" && $0 != " " }
  }

  static let keys: [String: [String: Meaning]] = [
    "stack": stack, "network": network, "pool": pool, "image": image, "volume": volume, "domain": domain, "disk": disk,
    "interface": interface,
  ]

  private static let stack = table([
    ("name project", Meaning("stack")),
    ("uri url connection host hypervisor provider", Meaning("connect")),
    ("vms vm machines machine virtualmachines guests guest instances servers server nodes", Meaning("domains")),
    ("nets net vlans subnets", Meaning("networks")),
    ("baseimages templateimages isos", Meaning("images")),
    ("storage storagepools datastores datastore", Meaning("pools")),
    ("disks drives", Meaning("volumes")),
    ("flavors flavours classes templates sizes", Meaning("profiles")),
    ("vars locals inputs parameters params", Meaning("variables")),
  ])

  private static let network = table([
    ("cidr subnet ip ipaddress gateway", Meaning("address")),
    ("type forward forwardmode", Meaning("mode")),
    ("dhcprange range", Meaning("dhcp.ranges")),
    ("dnsdomain domainname", Meaning("domain")),
    ("dhcp.start dhcp.end dhcp.from dhcp.to", Meaning("dhcp.ranges", "write `ranges: FIRST-LAST`")),
  ])

  private static let pool = table([
    ("dir directory folder target location", Meaning("path")), ("kind driver", Meaning("type")),
  ])

  private static let image = table([
    ("url uri path file filename location src", Meaning("source")),
    ("checksum hash digest sha", Meaning("sha256")), ("type driver", Meaning("format")),
  ])

  private static let volume = table([
    ("capacity length virtualsize", Meaning("size")), ("file source location", Meaning("path")),
    ("base backing backingfile", Meaning("image")), ("type driver", Meaning("format")),
  ])

  private static let domain = table([
    ("ram mem memorysize memsize ramsize memorymb memorymib rammb", Meaning("memory")),
    ("cpus cpucount vcpucount cores cpucores ncpus numcpus smp processors vcpu", Meaning("vcpus")),
    (
      "nics nic interface networkinterfaces networkinterface iface ifaces netdev netdevs ethernet eth adapters",
      Meaning("interfaces")
    ),
    (
      "network networks net ip ipaddress",
      Meaning("interfaces.network", "write it at an interface: `interfaces: { lan: { network: NAME } }`")
    ),
    ("bridge", Meaning("interfaces.bridge", "write it at an interface: `interfaces: { lan: { bridge: NAME } }`")),
    ("mac macaddress", Meaning("interfaces.mac", "write it at an interface: `interfaces: { lan: { mac: … } }`")),
    ("hdd hdds disk drive drives storage harddisk harddisks blockdevices", Meaning("disks")),
    (
      "image baseimage template clone",
      Meaning("disks.image", "write it at a disk: `disks: { root: { image: NAME } }`")
    ),
    ("size disksize", Meaning("disks.size", "write it at a disk: `disks: { root: { size: 20 GiB } }`")),
    ("volume volumes", Meaning("disks.volume", "write it at a disk: `disks: { data: { volume: NAME } }`")),
    (
      "cdrom cd dvd iso",
      Meaning("disks.device", "write it as a disk: `disks: { cd: { device: cdrom, source: /PATH.iso } }`")
    ),
    (
      "cloudinit userdata",
      Meaning(
        "disks.device",
        "give the guest a medium with its data: `disks: { seed: { device: cdrom, source: /PATH/seed.iso } }`")
    ),
    ("running started up active poweron run", Meaning("state", "write `state: running`")),
    ("stopped shutoff poweroff", Meaning("state", "write `state: stopped`")),
    ("status powerstate power ensure", Meaning("state")),
    ("onboot autoboot startonboot enabled", Meaning("autostart")),
    ("display displays screen", Meaning("graphics")),
    ("vnc", Meaning("graphics", "write `graphics: { vnc: {} }`")),
    ("spice", Meaning("graphics", "write `graphics: { spice: {} }`")),
    ("gpu vga videocard", Meaning("videos")),
    ("uefi efi ovmf", Meaning("firmware", "write `firmware: uefi`")),
    ("hypervisor virttype accel kvm", Meaning("type", "write `type: kvm` or `type: qemu`")),
    ("osvariant ostype osinfo", Meaning("os")),
    ("machinetype chipset", Meaning("machine")),
    ("architecture", Meaning("arch")),
    ("bootorder bootdev bootdevices", Meaning("boot")),
    ("instances replicas scale", Meaning("count")),
    ("extends inherits flavor flavour", Meaning("profiles")),
    ("after requires needs", Meaning("depends-on")), ("conflicts excludes", Meaning("exclusive-with")),
    ("ignorechanges ignore unmanaged release", Meaning("unmanage")),
    ("passthrough pci pcidevices usbdevices", Meaning("hostdevs")),
    ("shares sharedfolders mounts virtiofs 9p", Meaning("filesystems")),
    ("comment notes", Meaning("description")),
    ("label", Meaning("title")),
    ("cpu.count cpu.vcpus cpu.cpus", Meaning("vcpus", "write `vcpus:` beside `cpu:`")),
    ("cpu.type", Meaning("cpu.mode", "write `mode`")),
    ("cpu.cores cpu.sockets cpu.threads", Meaning("cpu.topology", "write it below `topology:`")),
  ])

  private static let disk = table([
    ("path file filename location src", Meaning("source")),
    ("capacity length virtualsize disksize gb", Meaning("size")),
    ("base baseimage backing backingfile backingimage template from clone", Meaning("image")),
    ("type drivertype", Meaning("format")),
    ("dev devname targetdev", Meaning("target")),
    ("controller interface", Meaning("bus")),
    ("ro", Meaning("read-only")),
    ("bootindex boot", Meaning("boot-order")),
    ("cachemode", Meaning("cache")),
  ])

  private static let interface = table([
    ("net networkname", Meaning("network")),
    ("br bridgename", Meaning("bridge")),
    ("hwaddr hwaddress macaddress macaddr ethernetaddress", Meaning("mac")),
    ("card nicmodel", Meaning("model")),
    ("macvtap", Meaning("direct")),
    ("cable connected", Meaning("link")),
    ("bootindex boot", Meaning("boot-order")),
  ])

  private static let states = [
    "on": "running", "started": "running", "start": "running", "up": "running", "active": "running", "run": "running",
    "poweredon": "running", "true": "running", "present": "any", "off": "stopped", "shutoff": "stopped",
    "down": "stopped", "stop": "stopped", "halted": "stopped", "shutdown": "stopped", "poweredoff": "stopped",
    "inactive": "stopped", "false": "stopped", "suspended": "paused", "suspend": "paused", "pause": "paused",
    "deleted": "absent", "removed": "absent", "gone": "absent", "undefined": "absent",
  ]

  private static let activity = ["on": "active", "running": "active", "started": "active", "up": "active"]

  /// Values, by the kind of object and the field.
  static let values: [String: [String: String]] = [
    "domain.state": states,
    "network.state": activity.merging(["off": "inactive", "stopped": "inactive", "down": "inactive"]) { first, _ in
      first
    },
    "pool.state": activity,
    "domain.type": ["tcg": "qemu", "emulated": "qemu", "emulation": "qemu"],
    "domain.firmware": ["efi": "uefi", "ovmf": "uefi", "seabios": "bios", "legacy": "bios"],
    "domain.cpu.mode": [
      "host": "host-passthrough", "passthrough": "host-passthrough", "native": "host-passthrough", "max": "maximum",
    ],
    "network.mode": ["bridged": "bridge", "routed": "route", "hostonly": "isolated", "masquerade": "nat"],
    "image.format": ["img": "raw", "qcow": "qcow2"], "volume.format": ["img": "raw", "qcow": "qcow2"],
    "disk.format": ["img": "raw", "qcow": "qcow2", "iso": "raw"],
    "disk.device": ["cd": "cdrom", "dvd": "cdrom", "iso": "cdrom", "hdd": "disk", "ssd": "disk"],
    "disk.bus": ["virtioblk": "virtio", "virtioscsi": "scsi"],
    "interface.link": ["on": "up", "connected": "up", "off": "down", "disconnected": "down"],
  ]

  /// A table from rows of words that mean the same.
  private static func table(_ rows: [(words: String, meaning: Meaning)]) -> [String: Meaning] {
    var table: [String: Meaning] = [:]
    for (words, meaning) in rows {
      for word in words.split(separator: " ") { table[String(word)] = meaning }
    }
    return table
  }
}
