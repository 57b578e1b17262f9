// Changing running guests: each value through the call that libvirt has for it, and read back from the running XML.

import Inventory
import Libvirt
import Planner
import Vocabulary
import XMLTree

/// Changes values of running guests.
struct LiveActions: Sendable {
  let connection: LibvirtConnection
  /// Shared with the plugging of devices: the notes of a guest are one text.
  let refusals: RefusalNotes

  /// Gives a running guest values that its stored definition has.
  ///
  /// - Returns: why the guest has not all of them; nil when it has. What could not be done waits for a restart.
  func change(_ identity: DomainIdentity, _ changes: [LiveChange]) async throws -> String? {
    let domain = try await connection.domain(identity)
    guard try await domain.isActive() else { return nil }
    var reasons: [String] = []
    var answers: [(change: LiveChange, isRefused: Bool)] = []
    for group in Self.groups(changes) {
      let reason = try await change(group, of: domain)
      if let reason { reasons.append(reason) }
      for change in group { answers.append((change, reason != nil)) }
    }
    try await refusals.note(answers, on: domain)
    return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
  }

  /// Changes that one call makes together.
  private static func groups(_ changes: [LiveChange]) -> [[LiveChange]] {
    var order: [String] = []
    var groups: [String: [LiveChange]] = [:]
    for change in changes {
      let key = "\(change.way.group) \(change.device?.value ?? "")"
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(change)
    }
    return order.compactMap { groups[$0] }
  }

  private func change(_ changes: [LiveChange], of domain: LibvirtDomain) async throws -> String? {
    let names = changes.map { "`\($0.field)`" }.joined(separator: ", ")
    do {
      try await ask(domain, for: changes)
    } catch let error as LibvirtError where error.code == .operationTimeout && changes.contains(where: \.way.needsGuest)
    {
      // libvirt waits five seconds for a guest that has been asked, and a busy one takes longer.
    } catch let error as LibvirtError where !error.isConnectionLost {
      return "\(names) cannot be changed while the guest runs (\(plainMessage(error)))"
    }
    var missing = try await changesMissing(changes, in: domain)
    // The guest has its say in how much memory and how many processors it lets go.
    for _ in 0..<40 where !missing.isEmpty && changes.contains(where: \.way.needsGuest) {
      try await Task.sleep(for: .milliseconds(250))
      missing = try await changesMissing(changes, in: domain)
    }
    guard !missing.isEmpty else { return nil }
    return "the guest has not accepted " + missing.map { "`\($0.field)`" }.joined(separator: ", ")
  }

  /// The changes that the running guest does not show.
  private func changesMissing(_ changes: [LiveChange], in domain: LibvirtDomain) async throws -> [LiveChange] {
    let running = try await connection.runningDefinition(of: domain)
    return changes.filter { change in
      guard let found = change.device.map({ $0.find(in: running) }) ?? running else { return true }
      let element = Vocabulary.storedForm(ofRunning: found)
      if change.way == .medium { return DiskSource.path(of: element) != change.value?.string }
      guard let lens = change.entry.field.lens else { return true }
      return !change.way.isMet(change.value, by: lens.get(element), of: change.entry.field)
    }
  }

  private func ask(_ domain: LibvirtDomain, for changes: [LiveChange]) async throws {
    guard let first = changes.first else { return }
    let tuning = LiveTuning(domain: domain, connection: connection)
    switch first.way {
    case .title: try await domain.setMetadata(.title, first.value?.string, scope: .live)
    case .description: try await domain.setMetadata(.description, first.value?.string, scope: .live)
    case .memory: try await domain.setMemory(kibibytes: UInt((first.value?.bytes ?? 0) >> 10), scope: .live)
    case .vcpus: try await domain.setVcpus(UInt32(clamping: first.value?.integer ?? 1), scope: .live)
    case .scheduler: try await domain.setSchedulerParameters(changes.parameters, scope: .live)
    case .memoryLimit: try await domain.setMemoryParameters(changes.parameters, scope: .live)
    case .blockWeight: try await domain.setBlockParameters(changes.parameters, scope: .live)
    case .blockIO:
      let running = try await connection.runningDefinition(of: domain)
      guard let target = first.device?.find(in: running)?.value(at: .diskTarget) else { return }
      try await domain.setBlockIOTune(target, changes.parameters, scope: .live)
    case .device, .requestedMemory:
      let running = try await connection.runningDefinition(of: domain)
      guard var element = first.device?.find(in: running) else { return }
      for change in changes { change.entry.field.lens?.put(change.value, into: &element) }
      try await domain.updateDevice(element.serialised(), scope: .live)
    case .medium:
      let running = try await connection.runningDefinition(of: domain)
      guard var element = first.device?.find(in: running) else { return }
      DiskSource.put(first.value?.string, into: &element)
      element.removeAll("backingStore")
      try await domain.updateDevice(element.serialised(), scope: .live)
    case .connection:
      let running = try await connection.runningDefinition(of: domain)
      let stored = try await connection.storedDefinition(of: domain)
      guard var element = first.device?.find(in: running), let wanted = first.device?.find(in: stored) else { return }
      element.connect(as: wanted)
      try await domain.updateDevice(element.serialised(), scope: .live)
    case .ioThreads: try await tuning.changeIOThreads()
    case .throttleGroups: try await tuning.throttle(first)
    case .vcpuPins, .emulatorPin, .ioThreadPins: try await tuning.pin(changes)
    case .hostNodes:
      guard let nodes = first.value?.string else { return }
      try await domain.setNUMAParameters(["numa_nodeset": .text(nodes)], scope: .live)
    case .blockDevices: try await tuning.limitBlockDevices(first)
    case .perfEvents: try await tuning.countEvents(first)
    case .lifecycle(let event): try await tuning.setLifecycle(first, event)
    case .statisticsPeriod:
      try await domain.setMemoryStatisticsPeriod(Int32(clamping: first.value?.integer ?? 0), scope: .live)
    }
  }
}

extension XMLElement {
  /// Connects an interface as another one is.
  fileprivate mutating func connect(as other: XMLElement) {
    self[attribute: "type"] = other[attribute: "type"]
    // What a network gives its ports goes with it.
    for name in ["source", "virtualport", "vlan", "port"] {
      removeAll(name)
      for part in other.all(name) { append(part) }
    }
  }
}

extension [LiveChange] {
  /// The values as libvirt's parameters.
  var parameters: [String: DomainParameter] {
    var result: [String: DomainParameter] = [:]
    for change in self {
      let number = change.value?.integer ?? 0
      switch change.way {
      case .scheduler(let name):
        result[name] = name.hasSuffix("quota") ? .signed(Int64(number)) : .unsigned(UInt64(clamping: number))
      case .memoryLimit(let name): result[name] = .unsigned((change.value?.bytes ?? 0) >> 10)
      case .blockWeight: result["weight"] = .unsigned32(UInt32(clamping: number))
      case .blockIO("group_name"): result["group_name"] = .text(change.value?.string ?? "")
      case .blockIO(let name): result[name] = .unsigned(UInt64(clamping: number))
      default: break
      }
    }
    return result
  }
}
