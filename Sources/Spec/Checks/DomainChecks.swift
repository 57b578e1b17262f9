// Rules between the fields of one domain and its devices.

import Diagnostics
import Vocabulary

/// Checks one domain.
enum DomainChecks {
  static func check(_ domain: ObjectSpec, in stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    checkAmounts(domain, into: &diagnostics)
    checkFirmware(domain, into: &diagnostics)
    checkClock(domain, into: &diagnostics)
    checkBoot(domain, into: &diagnostics)
    checkTargets(domain, into: &diagnostics)
    for disk in domain.members("disks") {
      StackChecks.checkReferences(disk, in: stack, into: &diagnostics)
      DiskChecks.check(disk, of: domain, in: stack, into: &diagnostics)
    }
    for interface in domain.members("interfaces") { checkInterface(interface, into: &diagnostics) }
    for key in ["serials", "consoles"] {
      for device in domain.members(key) where device["type"] == .string("file") && !device.says("path") {
        diagnostics.append(
          Diagnostic(
            "missing-key", "\(device.title) of type `file` has no `path`", at: device.range,
            suggestion: "add `path:`, the file that the output goes to"))
      }
    }
    checkGraphics(domain.members("graphics"), into: &diagnostics)
    checkWatchdogs(domain.members("watchdogs"), into: &diagnostics)
    if let address = domain.settings["ready.address"], !domain.says("ready.tcp") {
      diagnostics.append(
        Diagnostic(
          "missing-key", "there is an address to try a port at, and no port", at: address.range,
          suggestion: "add `tcp:`, the port"))
    }
    checkIdentities(domain, into: &diagnostics)
    AliasChecks.check(domain, into: &diagnostics)
  }

  // MARK: Memory and processors

  private static func checkAmounts(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let devices = domain.members("memory-devices").compactMap { $0["size"]?.bytes }
    if let initial = domain["memory"]?.bytes, let current = domain.settings["current-memory"],
      case let memory = devices.reduce(initial, &+), let bytes = current.value.bytes, bytes > memory
    {
      diagnostics.append(
        Diagnostic(
          "conflict", "current-memory is more than memory, \(ByteCount.text(memory))", at: current.range,
          suggestion: "make it at most that"))
    }
    // Memory devices on virtio take no slots.
    let models = domain.members("memory-devices").map { $0["model"]?.string }
    let takesSlots = models.isEmpty || models.contains { !($0?.hasPrefix("virtio-") ?? false) }
    if let size = domain.settings["max-memory.size"], let most = size.value.bytes, !domain.says("max-memory.slots"),
      takesSlots, !domain.says(Field.xmlName)
    {
      diagnostics.append(
        Diagnostic(
          "missing-key", "max-memory of \(ByteCount.text(most)) has no slots to plug memory into", at: size.range,
          suggestion: "add `slots:`, such as 16"))
    }
    let count = domain["vcpus.count"]?.integer ?? 1
    if let current = domain.settings["vcpus.current"], let number = current.value.integer, number > count {
      diagnostics.append(
        Diagnostic(
          "conflict", "vcpus.current is more than the \(count) vcpus that there are", at: current.range,
          suggestion: "make it at most \(count)"))
    }
    checkProcessor(domain, count: count, into: &diagnostics)
  }

  private static func checkProcessor(_ domain: ObjectSpec, count: Int, into diagnostics: inout [Diagnostic]) {
    if let model = domain.settings["cpu.model"], let mode = domain.settings["cpu.mode"], mode.value != .string("custom")
    {
      diagnostics.append(
        Diagnostic(
          "conflict", "a CPU of mode \(mode.value) has no model", at: model.range,
          suggestion: "leave out `model`, or write `mode: custom`"))
    }
    if let mode = domain.settings["cpu.mode"], mode.value == .string("custom"), !domain.says("cpu.model"),
      !domain.says(Field.xmlName)
    {
      diagnostics.append(
        Diagnostic(
          "missing-key", "a CPU of mode custom needs a model", at: mode.range,
          suggestion: "add `model:`; `virsh cpu-models x86_64` lists them"))
    }
    if let features = domain.settings["cpu.features"], !domain.says("cpu.mode"), !domain.says("cpu.model"),
      !domain.says(Field.xmlName)
    {
      diagnostics.append(
        Diagnostic(
          "missing-key", "the CPU's features do not say what they are added to", at: features.range,
          suggestion: "add `mode:` or `model:`"))
    }
    let names = ["sockets", "cores", "threads"].map { "cpu.topology.\($0)" }
    let given = names.filter(domain.says)
    let optional = ["dies", "clusters"].map { "cpu.topology.\($0)" }
    guard let first = given.first ?? optional.first(where: domain.says), let range = domain.settings[first]?.range
    else {
      return
    }
    guard given.count == names.count else {
      let missing = names.filter { !domain.says($0) }.map { $0.split(separator: ".")[2] }
      diagnostics.append(
        Diagnostic(
          "missing-key", "the topology lacks \(missing.joined(separator: " and "))", at: range,
          suggestion: "give sockets, cores and threads"))
      return
    }
    let parts = ["sockets", "dies", "clusters", "cores", "threads"].filter { domain.says("cpu.topology.\($0)") }
    let values = parts.compactMap { domain["cpu.topology.\($0)"]?.integer }
    guard values.count == parts.count else { return }
    // Each is at most 4096, so that the product fits.
    guard values.reduce(1, *) != count else { return }
    diagnostics.append(
      Diagnostic(
        "conflict", "\(values.map(String.init).joined(separator: " × ")) is not the number of vcpus, \(count)",
        at: range,
        suggestion: "\(parts.joined(separator: " × ")) must be \(count)"))
  }

  // MARK: Watchdogs

  /// What a guest that hangs gets is QEMU's to do, once for all of its watchdogs.
  private static func checkWatchdogs(_ watchdogs: [ObjectSpec], into diagnostics: inout [Diagnostic]) {
    let actions = watchdogs.compactMap { $0.settings["action"] }
    guard let first = actions.first, let other = actions.first(where: { $0.value != first.value }) else { return }
    diagnostics.append(
      Diagnostic(
        "conflict", "a guest has one action for all its watchdogs, and this one has another", at: other.range,
        suggestion: "write `action: \(first.value)` here, too, or leave it out",
        notes: [.init("the other action, \(first.value)", at: first.range)]))
  }

  // MARK: Firmware and clock

  private static func checkFirmware(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard let firmware = domain.settings["firmware"], firmware.value != .string("uefi") else { return }
    let isUEFI = firmware.value == .string("any-uefi")
    for key in isUEFI ? ["secure-boot"] : ["secure-boot", "enrolled-keys"] {
      guard let setting = domain.settings[key] else { continue }
      diagnostics.append(
        Diagnostic(
          "conflict", "firmware \(firmware.value) and `\(key)` exclude each other", at: setting.range,
          suggestion: "write `firmware: uefi`, or leave out `\(key)`",
          notes: [.init("the firmware", at: firmware.range)]))
    }
  }

  /// What an offset cannot do without, and what only that offset has.
  private static func checkClock(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard !domain.says(Field.xmlName) else { return }
    let offset = domain.settings["clock.offset"]
    for (name, key) in [("timezone", "timezone"), ("absolute", "start")] {
      let part = domain.settings["clock.\(key)"]
      if let offset, offset.value == .string(name), !domain.says("clock.\(key)") {
        diagnostics.append(
          Diagnostic(
            "missing-key", "a clock of offset \(name) has no `\(key)`", at: offset.range,
            suggestion: "add `\(key):`, \(domain.type.field("clock.\(key)")?.type.explanation ?? "")"))
      } else if let part, offset?.value != .string(name), offset != nil || !domain.says("clock.offset") {
        diagnostics.append(
          Diagnostic(
            "conflict", "`clock.\(key)` is for a clock of offset \(name)", at: part.range,
            suggestion: "write `offset: \(name)` with it, or leave it out"))
      }
    }
  }

  // MARK: Boot order and targets

  private static func checkBoot(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let devices = domain.members("disks") + domain.members("interfaces")
    var seen: [Value: SourceRange] = [:]
    for device in devices {
      guard let order = device.settings["boot-order"] else { continue }
      if let other = seen.updateValue(order.range, forKey: order.value) {
        diagnostics.append(
          Diagnostic(
            "conflict", "two devices have the boot order \(order.value)", at: order.range,
            notes: [.init("the other one", at: other)]))
      }
    }
    if let boot = domain.settings["boot"], let other = seen.values.min(by: { $0.start < $1.start }) {
      diagnostics.append(
        Diagnostic(
          "conflict", "`boot` and `boot-order` of devices exclude each other", at: boot.range,
          suggestion: "use one of the two", notes: [.init("a device has its own order", at: other)]))
    }
  }

  private static func checkTargets(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    var seen: [Value: SourceRange] = [:]
    for disk in domain.members("disks") {
      guard let target = disk.settings["target"] else { continue }
      if let other = seen.updateValue(target.range, forKey: target.value) {
        diagnostics.append(
          Diagnostic(
            "conflict", "two disks have the target \(target.value)", at: target.range, subject: domain.title,
            suggestion: "leave it out: each gets the next free one", notes: [.init("the other one", at: other)]))
      }
    }
  }

  // MARK: Devices

  private static func checkInterface(_ interface: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let sources = ["network", "bridge", "direct"].filter(interface.says)
    if sources.count > 1, let range = interface.settings[sources[1]]?.range {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(interface.title) has both `\(sources[0])` and `\(sources[1])`", at: range,
          suggestion: "an interface is connected to one of them"))
      return
    }
    guard let type = interface.settings["type"] else {
      if sources.isEmpty, !interface.says("type"), !interface.says(Field.xmlName) {
        diagnostics.append(
          Diagnostic(
            "missing-key", "\(interface.title) does not say what it is connected to", at: interface.range,
            suggestion: "add `network:`, `bridge:`, `direct:` or `type: user`"))
      }
      return
    }
    let name = type.value.string ?? ""
    if let source = sources.first, source != name {
      diagnostics.append(
        Diagnostic(
          "conflict", "an interface of type \(name) has no `\(source)`", at: interface.settings[source]?.range,
          suggestion: "leave out `type`: it follows"))
    } else if sources.isEmpty, ["network", "bridge", "direct"].contains(name), !interface.says(Field.xmlName) {
      diagnostics.append(
        Diagnostic(
          "missing-key", "\(interface.title) of type \(name) has no `\(name)`", at: type.range,
          suggestion: "add `\(name):`, \(interface.type.field(name)?.type.explanation ?? "")"))
    }
    if let mtu = interface.settings["mtu"], name == "user" {
      diagnostics.append(
        Diagnostic("conflict", "an interface of type user has no `mtu`", at: mtu.range, suggestion: "leave it out"))
    }
    if let mode = interface.settings["mode"], name != "direct" {
      diagnostics.append(
        Diagnostic("conflict", "`mode` is for `direct` interfaces", at: mode.range, suggestion: "leave it out"))
    }
  }

  private static func checkGraphics(_ graphics: [ObjectSpec], into diagnostics: inout [Diagnostic]) {
    for display in graphics where !display.says("type") && !display.says(Field.xmlName) {
      diagnostics.append(
        Diagnostic(
          "missing-key", "\(display.title) has no `type`", at: display.range,
          suggestion: "add `type: vnc` or `type: spice`, or call it by one of these"))
    }
  }

  /// Devices to which libvirt gives no name are known by what they are: there is one of each.
  private static func checkIdentities(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    for collection in domain.type.collections {
      guard let rule = collection.type.device, rule.identity != .alias else { continue }
      var seen: [String: SourceRange] = [:]
      for device in domain.members(collection.key) {
        var what = device.type.name
        if case .attribute(let field) = rule.identity {
          // What is wrong or missing has been told.
          guard !device.malformed.contains(field) else { continue }
          what += " of \(field) \(device[field]?.description ?? device.name)"
        }
        guard let other = seen.updateValue(device.range, forKey: what) else { continue }
        diagnostics.append(
          Diagnostic(
            "conflict", "a domain has one \(what)", at: device.range, notes: [.init("the other one", at: other)]))
      }
    }
  }
}
