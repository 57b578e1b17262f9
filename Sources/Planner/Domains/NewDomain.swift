// What a new domain starts from: good hardware where libvirt's own defaults are of another time.

import Inventory
import Spec
import Vocabulary
public import XMLTree

/// The parts of a new domain that the spec does not name.
public enum NewDomain {
  /// PCI Express root ports left free, so that devices can be plugged in later: each takes a port of its own, and ports
  /// themselves cannot be plugged in.
  private static let spareRootPorts = 8

  // MARK: Before the spec's fields

  /// The definition that the spec's fields are put into.
  static func skeleton(for spec: ObjectSpec, _ identity: DomainIdentity, on host: Inventory.Host) -> XMLElement {
    let arch = spec[.arch] ?? host.capabilities?.arch ?? "x86_64"
    let type = spec[.type] ?? defaultType(arch: arch, on: host)
    if spec[.defaults] == .libvirt { return bare(type: type, identity) }
    var domain = XMLElement("domain", ["type": type])
    domain.append(XMLElement("name", text: identity.name))
    domain.append(XMLElement("uuid", text: identity.uuid))
    var os = XMLElement("os", children: [XMLElement("type", ["arch": arch], text: "hvm")])
    os.update("type") { $0[attribute: "machine"] = defaultMachine(arch: arch) }
    domain.append(os)
    if isX86(arch) {
      domain.append(XMLElement("features", children: [XMLElement("acpi"), XMLElement("apic")]))
      if let cpu = defaultProcessor(type: type) { domain.append(cpu) }
      domain.append(clock)
    }
    domain.append(XMLElement("devices"))
    return domain
  }

  /// What the spec's fields are put into where libvirt completes what they leave out. A clock without an offset, and
  /// processors without a number, it completes too, but its schema refuses them.
  public static func bare(type: String, _ identity: DomainIdentity) -> XMLElement {
    XMLElement(
      "domain", ["type": type],
      children: [
        XMLElement("name", text: identity.name), XMLElement("uuid", text: identity.uuid), XMLElement("vcpu", text: "1"),
        XMLElement("os", children: [XMLElement("type", text: "hvm")]), XMLElement("clock", ["offset": "utc"]),
        XMLElement("devices"),
      ])
  }

  /// Why a new domain has its type, for the reader of a plan.
  static func explainType(for spec: ObjectSpec, on host: Inventory.Host) -> String {
    let arch = spec[.arch] ?? host.capabilities?.arch ?? "x86_64"
    return defaultType(arch: arch, on: host) == "kvm" ? "this host has KVM" : "this host has no KVM for \(arch)"
  }

  private static func defaultType(arch: String, on host: Inventory.Host) -> String {
    host.capabilities?.domainTypes[arch]?.contains("kvm") ?? false ? "kvm" : "qemu"
  }

  private static func defaultMachine(arch: String) -> String? {
    switch arch {
    case "x86_64", "i686": "q35"
    case "aarch64", "armv7l", "riscv64": "virt"
    default: nil
    }
  }

  private static func isX86(_ arch: String) -> Bool { arch == "x86_64" || arch == "i686" }

  /// libvirt's default, `qemu64`, lacks what today's distributions are built for (x86-64-v2 of the System V ABI, AMD64
  /// supplement). The same model with those instructions added runs and migrates on any host since 2009; `check` is
  /// off because a nested KVM may lack one and run all the same.
  private static func defaultProcessor(type: String) -> XMLElement? {
    guard type == "kvm" else { return XMLElement("cpu", ["mode": "maximum"]) }
    let instructions = ["cx16", "lahf_lm", "popcnt", "pni", "sse4.1", "sse4.2", "ssse3"]
    return XMLElement(
      "cpu", ["mode": "custom", "match": "exact", "check": "none"],
      children: [XMLElement("model", ["fallback": "forbid"], text: "qemu64")]
        + instructions.map { XMLElement("feature", ["policy": "require", "name": $0]) })
  }

  /// Timers that keep guests' clocks right, as libvirt's documentation recommends (formatdomain.html#time-keeping).
  private static let clock = XMLElement(
    "clock", ["offset": "utc"],
    children: [
      XMLElement("timer", ["name": "rtc", "tickpolicy": "catchup"]),
      XMLElement("timer", ["name": "pit", "tickpolicy": "delay"]),
      XMLElement("timer", ["name": "hpet", "present": "no"]),
    ])

  // MARK: After the spec's fields and devices

  /// The channel of QEMU's guest agent.
  static let agentChannel = "org.qemu.guest_agent.0"

  /// Adds what a new domain is to have besides: boot order, console, agent channel, random numbers, controllers.
  static func complete(_ domain: inout XMLElement, for spec: ObjectSpec) {
    let devices = spec.members("disks") + spec.members("interfaces")
    if spec[.boot] == nil, !devices.contains(where: { $0[ifKnown: .bootOrder] != nil }) {
      let hasMedium = spec.members("disks").contains { $0[.device] == .cdrom }
      domain.update("os") { os in
        for device in hasMedium ? ["hd", "cdrom"] : ["hd"] { os.append(XMLElement("boot", ["dev": device])) }
      }
    }
    domain.update("devices") { devices in
      if spec.members["serials"] == nil {
        devices.append(XMLElement("serial", ["type": "pty"], children: [XMLElement("target", ["port": "0"])]))
      }
      if !devices.all("channel").contains(where: { $0.value(at: .channelName) == Self.agentChannel }) {
        devices.append(
          XMLElement(
            "channel", ["type": "unix"],
            children: [XMLElement("target", ["type": "virtio", "name": Self.agentChannel])]))
      }
      if spec.members["rngs"] == nil {
        devices.append(
          XMLElement(
            "rng", ["model": "virtio"], children: [XMLElement("backend", ["model": "random"], text: "/dev/urandom")]))
      }
      if devices.first("memballoon") == nil { devices.append(XMLElement("memballoon", ["model": "virtio"])) }
      if devices.first("graphics") != nil, spec.members["inputs"] == nil {
        devices.append(XMLElement("input", ["type": "tablet", "bus": "usb"]))
      }
      if !devices.all("controller").contains(where: { $0[attribute: "type"] == "usb" }) {
        devices.append(XMLElement("controller", ["type": "usb", "index": "0", "model": "qemu-xhci"]))
      }
    }
    completeControllers(&domain)
    addRootPorts(&domain)
  }

  /// Adds what devices need and libvirt would choose badly: a virtio controller for SCSI disks, where it takes an
  /// emulated one of 2001, and a virtio video card for a display, where it takes one of 1993.
  ///
  /// - Parameter observed: the domain as the host has it, which keeps what it lacks; nil for a new one.
  static func completeControllers(_ domain: inout XMLElement, replacing observed: XMLElement? = nil) {
    let before = observed?.first("devices")
    func isNewlyMissing(_ isMissing: (XMLElement) -> Bool, in devices: XMLElement) -> Bool {
      isMissing(devices) && !(before.map(isMissing) ?? false)
    }
    domain.update("devices", create: false) { devices in
      if isNewlyMissing(Self.lacksSCSI, in: devices) {
        devices.insertBesideSiblings(XMLElement("controller", ["type": "scsi", "index": "0", "model": "virtio-scsi"]))
      }
      if isNewlyMissing(Self.lacksVideo, in: devices) {
        devices.append(XMLElement("video", children: [XMLElement("model", ["type": "virtio"])]))
      }
    }
  }

  private static func lacksSCSI(_ devices: XMLElement) -> Bool {
    devices.all("disk").contains { $0.value(at: .diskBus) == "scsi" }
      && !devices.all("controller").contains { $0[attribute: "type"] == "scsi" }
  }

  private static func lacksVideo(_ devices: XMLElement) -> Bool {
    devices.first("graphics") != nil && devices.first("video") == nil
  }

  /// Adds the root complex and a root port for every device that takes one, and spare ones.
  private static func addRootPorts(_ domain: inout XMLElement) {
    guard let machine = domain.value(at: .machine), machine.contains("q35") || machine.hasPrefix("virt")
    else {
      return
    }
    domain.update("devices") { devices in
      // A spec that lays out the buses itself has the last word.
      guard !devices.all("controller").contains(where: { $0[attribute: "type"] == "pci" }) else { return }
      let count = devices.elements.count(where: takesRootPort) + spareRootPorts
      // The root complex comes first: a port without an index would take its place.
      var controllers = [XMLElement("controller", ["type": "pci", "index": "0", "model": "pcie-root"])]
      for index in 1...count {
        controllers.append(
          XMLElement("controller", ["type": "pci", "index": String(index), "model": "pcie-root-port"]))
      }
      devices.children.insert(contentsOf: controllers.map(XMLNode.element), at: 0)
    }
  }

  /// Whether a device takes a root port of its own; those on other buses share a controller's.
  private static func takesRootPort(_ device: XMLElement) -> Bool {
    // One port for the virtio-serial controller that channels and consoles share.
    Vocabulary.channel.holds(device) || Hotplug.takes(.rootPort, device)
  }
}
