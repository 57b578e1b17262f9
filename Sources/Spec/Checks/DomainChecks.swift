// Rules between the fields of one domain and its devices.

import Diagnostics
import Vocabulary

/// Checks one domain.
enum DomainChecks {
  static func check(_ domain: ObjectSpec, in stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    checkAmounts(domain, into: &diagnostics)
    checkFirmware(domain, into: &diagnostics)
    checkBoot(domain, into: &diagnostics)
    checkTargets(domain, into: &diagnostics)
    for disk in domain.members("disks") {
      StackChecks.checkReferences(disk, in: stack, into: &diagnostics)
      DiskChecks.check(disk, of: domain, in: stack, into: &diagnostics)
    }
    for interface in domain.members("interfaces") { checkInterface(interface, into: &diagnostics) }
    checkWatchdogs(domain.members("watchdogs"), into: &diagnostics)
    if let address = domain.setting(.readyAddress), !domain.says(.readyTCP) {
      diagnostics.append(
        Diagnostic(
          "missing-key", "`ready` has an address but no port", at: address.range,
          suggestion: "add `tcp:` with the port"))
    }
    checkIdentities(domain, into: &diagnostics)
    AliasChecks.check(domain, into: &diagnostics)
  }

  // MARK: Memory and processors

  private static func checkAmounts(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let devices = domain.members("memory-devices").compactMap { $0[.size] }
    if let initial = domain[.memory], let current = domain.setting(.currentMemory),
      case let memory = devices.reduce(initial, &+), let bytes = domain[.currentMemory], bytes > memory
    {
      diagnostics.append(
        Diagnostic(
          "conflict", "current-memory is more than memory, \(ByteCount.text(memory))", at: current.range,
          suggestion: "make it at most as large"))
    }
    // Memory devices on virtio take no slots.
    let models = domain.members("memory-devices").map { $0[.model] }
    let takesSlots = models.isEmpty || models.contains { !($0?.hasPrefix("virtio-") ?? false) }
    if let size = domain.setting(.maxMemorySize), let most = domain[.maxMemorySize], !domain.says(.maxMemorySlots),
      takesSlots, !domain.says(.xml)
    {
      diagnostics.append(
        Diagnostic(
          "missing-key", "max-memory of \(ByteCount.text(most)) has no slots for memory modules", at: size.range,
          suggestion: "add `slots:`, such as 16"))
    }
    let count = domain[.vcpuCount] ?? 1
    if let current = domain.setting(.currentVCPUs), let number = domain[.currentVCPUs], number > count {
      diagnostics.append(
        Diagnostic(
          "conflict", "vcpus.current is more than the \(count) vcpus of the domain", at: current.range,
          suggestion: "make it at most \(count)"))
    }
    checkProcessor(domain, count: count, into: &diagnostics)
    NUMAChecks.check(domain, into: &diagnostics)
    BusChecks.check(domain, into: &diagnostics)
  }

  private static func checkProcessor(_ domain: ObjectSpec, count: Int, into diagnostics: inout [Diagnostic]) {
    if let model = domain.setting(.cpuModel), let mode = domain[.cpuMode], mode != .custom {
      diagnostics.append(
        Diagnostic(
          "conflict", "a CPU of mode \(mode) has no model", at: model.range,
          suggestion: "leave out `model`, or write `mode: custom`"))
    }
    if let mode = domain.setting(.cpuMode), domain[.cpuMode] == .custom, !domain.says(.cpuModel),
      !domain.says(.xml)
    {
      diagnostics.append(
        Diagnostic(
          "missing-key", "a CPU of mode custom needs a model", at: mode.range,
          suggestion: "add `model:`; `virsh cpu-models x86_64` lists them"))
    }
    if let features = domain.setting(.cpuFeatures), !domain.says(.cpuMode), !domain.says(.cpuModel),
      !domain.says(.xml)
    {
      diagnostics.append(
        Diagnostic(
          "missing-key", "the CPU has features but neither a mode nor a model", at: features.range,
          suggestion: "add `mode:` or `model:`"))
    }
    let keys: [FieldKey<Int>] = [.topologySockets, .topologyCores, .topologyThreads]
    let given = keys.filter { domain.says($0) }
    let optional: [FieldKey<Int>] = [.topologyDies, .topologyClusters]
    guard let first = given.first ?? optional.first(where: { domain.says($0) }),
      let range = domain.setting(first)?.range
    else { return }
    guard given.count == keys.count else {
      let missing = keys.filter { !domain.says($0) }.map(\.lastWord)
      diagnostics.append(
        Diagnostic(
          "missing-key", "the topology lacks \(missing.joined(separator: " and "))", at: range,
          suggestion: "give sockets, cores and threads"))
      return
    }
    let all: [FieldKey<Int>] = [
      .topologySockets, .topologyDies, .topologyClusters, .topologyCores, .topologyThreads,
    ]
    let parts = all.filter { domain.says($0) }
    let values = parts.compactMap { domain[$0] }
    guard values.count == parts.count else { return }
    // Each is at most 4096, so that the product fits.
    guard values.reduce(1, *) != count else { return }
    diagnostics.append(
      Diagnostic(
        "conflict", "\(values.map(String.init).joined(separator: " × ")) is not the number of vcpus, \(count)",
        at: range,
        suggestion: "\(parts.map(\.lastWord).joined(separator: " × ")) must be \(count)"))
  }

  // MARK: Watchdogs

  /// What a guest that hangs gets is QEMU's to do, once for all of its watchdogs.
  private static func checkWatchdogs(_ watchdogs: [ObjectSpec], into diagnostics: inout [Diagnostic]) {
    let actions = watchdogs.compactMap { $0.setting(.action) }
    guard let first = actions.first, let other = actions.first(where: { $0.value != first.value }) else { return }
    diagnostics.append(
      Diagnostic(
        "conflict", "a guest has one action for all its watchdogs, but this one has another", at: other.range,
        suggestion: "write `action: \(first.value)` here too, or leave it out",
        notes: [.init("the other action, \(first.value)", at: first.range)]))
  }

  // MARK: Firmware

  private static func checkFirmware(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard let firmware = domain.setting(.firmware), domain[.firmware] != .uefi else { return }
    let isUEFI = domain[.firmware] == .anyUEFI
    for key in isUEFI ? [FieldKey.secureBoot] : [.secureBoot, .enrolledKeys] {
      guard let setting = domain.setting(key) else { continue }
      diagnostics.append(
        Diagnostic(
          "conflict", "firmware \(firmware.value) and `\(key.name)` exclude each other", at: setting.range,
          suggestion: "write `firmware: uefi`, or leave out `\(key.name)`",
          notes: [.init("the firmware", at: firmware.range)]))
    }
  }

  // MARK: Boot order and targets

  private static func checkBoot(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let devices = domain.members("disks") + domain.members("interfaces")
    var seen: [Value: SourceRange] = [:]
    for device in devices {
      guard let order = device.setting(.bootOrder) else { continue }
      if let other = seen.updateValue(order.range, forKey: order.value) {
        diagnostics.append(
          Diagnostic(
            "conflict", "two devices have the boot order \(order.value)", at: order.range,
            notes: [.init("the other one", at: other)]))
      }
    }
    if let boot = domain.setting(.boot), let other = seen.values.min(by: { $0.start < $1.start }) {
      diagnostics.append(
        Diagnostic(
          "conflict", "`boot` and `boot-order` of devices exclude each other", at: boot.range,
          suggestion: "leave out one of them", notes: [.init("this device has its own order", at: other)]))
    }
  }

  private static func checkTargets(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    var seen: [Value: SourceRange] = [:]
    for disk in domain.members("disks") {
      guard let target = disk.setting(.target) else { continue }
      if let other = seen.updateValue(target.range, forKey: target.value) {
        diagnostics.append(
          Diagnostic(
            "conflict", "two disks have the target \(target.value)", at: target.range, subject: domain.title,
            suggestion: "leave it out: each disk gets the next free target", notes: [.init("the other one", at: other)])
        )
      }
    }
  }

  // MARK: Devices

  private static func checkInterface(_ interface: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let keys: [FieldKey<String>] = [.network, .bridge, .direct]
    let sources = keys.filter { interface.says($0) }
    if sources.count > 1, let range = interface.setting(sources[1])?.range {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(interface.title) has both `\(sources[0].name)` and `\(sources[1].name)`", at: range,
          suggestion: "leave out one of them: an interface has one connection"))
      return
    }
    guard let type = interface.setting(.type) else {
      if sources.isEmpty, !interface.says(.type), !interface.says(.xml) {
        diagnostics.append(
          Diagnostic(
            "missing-key", "\(interface.title) is not connected to anything", at: interface.range,
            suggestion: "add `network:`, `bridge:`, `direct:` or `type: user`"))
      }
      return
    }
    let name = interface[.type] ?? ""
    if let source = sources.first, source.name != name {
      diagnostics.append(
        Diagnostic(
          "conflict", "an interface of type \(name) has no `\(source.name)`", at: interface.setting(source)?.range,
          suggestion: "leave out `type`: it follows"))
    } else if sources.isEmpty, let key = keys.first(where: { $0.name == name }), !interface.says(.xml) {
      diagnostics.append(
        Diagnostic(
          "missing-key", "\(interface.title) of type \(name) has no `\(name)`", at: type.range,
          suggestion: "add `\(name):`, \(interface.type[key].type.explanation)"))
    }
    if let mtu = interface.setting(.mtu), name == "user" {
      diagnostics.append(
        Diagnostic("conflict", "an interface of type user has no `mtu`", at: mtu.range, suggestion: "leave it out"))
    }
    if let mode = interface.setting(.macvtapMode), name != "direct" {
      diagnostics.append(
        Diagnostic("conflict", "`mode` is for `direct` interfaces", at: mode.range, suggestion: "leave it out"))
    }
  }

  /// Devices to which libvirt gives no name are known by what they are: there is one of each.
  private static func checkIdentities(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    for collection in domain.type.collections {
      guard let rule = collection.type.device, rule.identity != .alias else { continue }
      var seen: [String: SourceRange] = [:]
      for device in domain.members(collection.key) {
        var what = device.type.name
        if case .attribute(let name) = rule.identity, let field = device.type.field(name) {
          // What is wrong or missing has been told.
          guard !device.malformed.contains(field) else { continue }
          what += " of \(name) \(device.settings[field]?.value.description ?? device.name)"
        }
        guard let other = seen.updateValue(device.range, forKey: what) else { continue }
        diagnostics.append(
          Diagnostic(
            "conflict", "a domain has one \(what)", at: device.range, notes: [.init("the other one", at: other)]))
      }
    }
  }
}

extension FieldKey {
  /// The name within its group: `cores`.
  fileprivate var lastWord: Substring { name.split(separator: ".").last ?? "" }
}
