// What a running guest gets of the host and what follows its end: from values of the spec to libvirt's calls, several
// where a value is a table.

import Libvirt
import Planner
import Vocabulary
import XMLTree

/// Changes of one running guest for which libvirt has no single call.
struct LiveTuning {
  let domain: LibvirtDomain
  let connection: LibvirtConnection

  /// Makes the I/O threads of a running guest those of its stored definition.
  func changeIOThreads() async throws {
    let running = IOThreads(in: try await connection.runningDefinition(of: domain))
    let stored = IOThreads(in: try await connection.storedDefinition(of: domain))
    var refusals = Refusals()
    for number in stored.numbers.subtracting(running.numbers).sorted() {
      try await refusals.note { try await domain.addIOThread(number, scope: .live) }
    }
    for number in running.numbers.subtracting(stored.numbers).sorted() {
      try await refusals.note { try await domain.removeIOThread(number, scope: .live) }
    }
    for (number, settings) in stored.settings.sorted(by: { $0.key < $1.key }) where running.settings[number] != settings
    {
      try await refusals.note { try await domain.setIOThread(number, settings, scope: .live) }
    }
    try refusals.throwFirst()
  }

  /// Gives the throttle groups of a running guest their limits, makes those that are new, and deletes those that left.
  func throttle(_ change: LiveChange) async throws {
    let running = try await connection.runningDefinition(of: domain)
    let old = change.entry.field.lens?.get(running)?.table ?? [:]
    let new = change.value?.table ?? [:]
    var refusals = Refusals()
    for (name, limits) in Value.table(new).sortedEntries where old[name] != limits {
      let parameters = DomainParameter.throttling(limits, insteadOf: old[name])
      try await refusals.note { try await domain.setThrottleGroup(name, parameters, scope: .live) }
    }
    for name in old.keys.sorted() where new[name] == nil {
      try await refusals.note { try await domain.deleteThrottleGroup(name, scope: .live) }
    }
    try refusals.throwFirst()
  }

  /// Gives threads of a running guest the host's processors that its pins name, and those that have lost their pin all that
  /// the domain may have.
  func pin(_ changes: [LiveChange]) async throws {
    let running = try await connection.runningDefinition(of: domain)
    let usual = running.value(at: .vcpuSet).flatMap(NumberSet.members)
    let online = try await connection.onlineProcessors()
    let all = usual ?? online
    var refusals = Refusals()
    for change in changes {
      if change.way == .emulatorPin {
        let processors = change.value?.string.flatMap(NumberSet.members) ?? all
        try await refusals.note { try await domain.pin(.emulator, to: processors, scope: .live) }
        continue
      }
      let old = change.entry.field.lens?.get(running)?.table ?? [:]
      let new = change.value?.table ?? [:]
      for (key, number) in Set(old.keys).union(new.keys).compactMap({ key in UInt32(key).map { (key, $0) } })
        .sorted(by: { $0.1 < $1.1 }) where old[key] != new[key]
      {
        let processors = new[key]?.string.flatMap(NumberSet.members) ?? all
        let thread: PinnedThread = change.way == .vcpuPins ? .vcpu(number) : .ioThread(number)
        try await refusals.note { try await domain.pin(thread, to: processors, scope: .live) }
      }
    }
    try refusals.throwFirst()
  }

  /// Gives a running guest weights and limits of the host's block devices; a device that is not named any more has none.
  func limitBlockDevices(_ change: LiveChange) async throws {
    let running = try await connection.runningDefinition(of: domain)
    let old = change.entry.field.lens?.get(running)?.table ?? [:]
    let new = change.value?.table ?? [:]
    var refusals = Refusals()
    for (member, parameter) in blockParameters {
      let paths = Set(old.keys).union(new.keys).sorted().filter { path in
        old[path]?.table?[member] != new[path]?.table?[member]
      }
      guard !paths.isEmpty else { continue }
      let list = paths.map { "\($0),\(new[$0]?.table?[member]?.integer ?? 0)" }.joined(separator: ",")
      // One by one: a host that cannot weigh can limit all the same.
      try await refusals.note { try await domain.setBlockParameters([parameter: .text(list)], scope: .live) }
    }
    try refusals.throwFirst()
  }

  /// Counts the events of a running guest that are on, and no others.
  func countEvents(_ change: LiveChange) async throws {
    let running = try await connection.runningDefinition(of: domain)
    let old = change.entry.field.lens?.get(running)?.table ?? [:]
    let new = change.value?.table ?? [:]
    var refusals = Refusals()
    for name in Set(old.keys).union(new.keys).sorted() {
      let isOn = new[name] == .boolean(true)
      guard isOn != (old[name] == .boolean(true)) else { continue }
      try await refusals.note { try await domain.setPerfEvents([name: isOn], scope: .live) }
    }
    try refusals.throwFirst()
  }

  /// Sets what follows an event of a running guest, such as its end.
  func setLifecycle(_ change: LiveChange, _ event: String) async throws {
    let word = (change.value ?? change.entry.field.libvirtDefault)?.string
    guard let event = lifecycleEvents[event], let action = word.flatMap({ lifecycleActions[$0] }) else { return }
    try await domain.setLifecycleAction(event, action, scope: .live)
  }
}

extension DomainParameter {
  /// The limits of a throttle group, by libvirt's names, whatever numbers they are.
  static func throttling(_ limits: Value, insteadOf old: Value?) -> [String: DomainParameter] {
    var parameters: [String: DomainParameter] = [:]
    // What is not named would stay as it is.
    for member in Set((old?.table ?? [:]).keys).union((limits.table ?? [:]).keys) {
      guard let parameter = Vocabulary.throttleParameters[member] else { continue }
      parameters[parameter] = .unsigned(UInt64(clamping: limits.table?[member]?.integer ?? 0))
    }
    return parameters
  }
}

/// libvirt's lists of block devices, by the member that the vocabulary has for each.
private let blockParameters = [
  ("weight", "device_weight"), ("read-iops-sec", "device_read_iops_sec"), ("write-iops-sec", "device_write_iops_sec"),
  ("read-bytes-sec", "device_read_bytes_sec"), ("write-bytes-sec", "device_write_bytes_sec"),
]

private let lifecycleEvents: [String: LifecycleEvent] = [
  "on_poweroff": .powerOff, "on_reboot": .reboot, "on_crash": .crash,
]

private let lifecycleActions: [String: LifecycleAction] = [
  "destroy": .destroy, "restart": .restart, "rename-restart": .renameRestart, "preserve": .preserve,
  "coredump-destroy": .coredumpDestroy, "coredump-restart": .coredumpRestart, "preserve-running": .preserveRunning,
]

/// What libvirt refused of several things that it was asked for; the others are done all the same.
private struct Refusals {
  private var first: LibvirtError?

  mutating func note(_ ask: () async throws -> Void) async throws {
    do {
      try await ask()
    } catch let error as LibvirtError where !error.isConnectionLost {
      if first == nil { first = error }
    }
  }

  func throwFirst() throws {
    if let first { throw first }
  }
}

/// The I/O threads of a domain: those that are listed, and others from 1 on up to their number.
struct IOThreads {
  var numbers: Set<UInt32> = []
  /// What is said of single threads, by libvirt's names (libvirt-domain.h, VIR_DOMAIN_IOTHREAD_*).
  var settings: [UInt32: [String: DomainParameter]] = [:]

  /// Up to so many are counted without being listed.
  private static let limit = 1 << 16

  init(in domain: XMLElement) {
    for thread in domain.first("iothreadids")?.all("iothread") ?? [] {
      guard let number = thread[attribute: "id"].flatMap({ UInt32($0) }) else { continue }
      numbers.insert(number)
      for end in ["thread_pool_min", "thread_pool_max"] {
        guard let size = thread[attribute: end].flatMap({ Int32($0) }) else { continue }
        settings[number, default: [:]][end] = .signed32(size)
      }
      for (attribute, name) in [("grow", "poll_grow"), ("shrink", "poll_shrink"), ("weight", "poll_weight")] {
        guard let step = thread.first("poll")?[attribute: attribute].flatMap({ UInt32($0) }) else { continue }
        settings[number, default: [:]][name] = .unsigned32(step)
      }
      if let most = thread.first("poll")?[attribute: "max"].flatMap({ UInt64($0) }) {
        settings[number, default: [:]]["poll_max_ns"] = .unsigned(most)
      }
    }
    // libvirt lists them all, and no guest has thousands.
    let count = min(domain.value(at: .ioThreadCount).flatMap { Int($0) } ?? 0, Self.limit)
    var next: UInt32 = 1
    while numbers.count < count {
      numbers.insert(next)
      next += 1
    }
  }
}
