// What a running guest uses of the host, one call a subject: processors, NUMA nodes, I/O threads, counted events.

import CLibvirt
import SystemCalls

/// Who runs on the processors that a pin names.
public enum PinnedThread: Hashable, Sendable {
  /// The vcpu with this number, counted from 0.
  case vcpu(UInt32)
  /// The I/O thread with this number (`iothreadids`), which is never 0.
  case ioThread(UInt32)
  /// The emulator, without vcpus and I/O threads.
  case emulator
}

/// What happens to a guest that can be followed by an action (virDomainLifecycle).
public enum LifecycleEvent: UInt32, Sendable {
  /// The guest powers itself off (`on_poweroff`).
  case powerOff = 0
  /// The guest reboots (`on_reboot`).
  case reboot = 1
  /// The guest crashes (`on_crash`).
  case crash = 2
}

/// What follows when a guest ends (virDomainLifecycleAction).
public enum LifecycleAction: UInt32, Sendable {
  /// The guest ends, and the host gets its memory back.
  case destroy = 0
  /// The guest is started again with the same name.
  case restart = 1
  /// The guest is started again under a new name. Only the driver for Xen has this (formatdomain.html).
  case renameRestart = 2
  /// The ended guest is kept for inspection until somebody destroys it.
  case preserve = 3
  /// The memory of a crashed guest is dumped to a file on the host; then as ``destroy``.
  case coredumpDestroy = 4
  /// The memory of a crashed guest is dumped to a file on the host; then as ``restart``.
  case coredumpRestart = 5
  /// Known since libvirt 12.6.
  case preserveRunning = 6
}

extension LibvirtDomain {
  /// Lets a thread of the guest run on these processors of the host and on no others.
  public func pin(_ thread: PinnedThread, to processors: Set<Int>, scope: DomainChangeScope = []) async throws {
    try await change("pin a thread of") { domain in
      var map = Self.bitmap(processors)
      let length = Int32(map.count)
      return switch thread {
      case .vcpu(let number): virDomainPinVcpuFlags(domain, number, &map, length, scope.rawValue)
      case .ioThread(let number): virDomainPinIOThread(domain, number, &map, length, scope.rawValue)
      case .emulator: virDomainPinEmulator(domain, &map, length, scope.rawValue)
      }
    }
  }

  /// A bit a processor, the first in the lowest place of the first byte.
  private static func bitmap(_ numbers: Set<Int>) -> [UInt8] {
    var map = [UInt8](repeating: 0, count: (numbers.max() ?? 0) / 8 + 1)
    for number in numbers { map[number / 8] |= 1 << (number % 8) }
    return map
  }

  /// Changes which of the host's NUMA nodes the memory comes from: `numa_nodeset` (libvirt-domain.h, VIR_DOMAIN_NUMA_*).
  public func setNUMAParameters(_ parameters: [String: DomainParameter], scope: DomainChangeScope = []) async throws {
    try await change("set the NUMA parameters of") { domain in
      parameters.withParameters { virDomainSetNumaParameters(domain, $0, $1, scope.rawValue) }
    }
  }

  /// Adds an I/O thread with this number, which no other thread of the domain may have.
  public func addIOThread(_ number: UInt32, scope: DomainChangeScope = []) async throws {
    try await change("add an I/O thread to") { virDomainAddIOThread($0, number, scope.rawValue) }
  }

  /// Fails while a device uses the thread.
  public func removeIOThread(_ number: UInt32, scope: DomainChangeScope = []) async throws {
    try await change("remove an I/O thread of") { virDomainDelIOThread($0, number, scope.rawValue) }
  }

  /// Changes an I/O thread: `thread_pool_max` and so on (libvirt-domain.h, VIR_DOMAIN_IOTHREAD_*).
  public func setIOThread(
    _ number: UInt32, _ parameters: [String: DomainParameter], scope: DomainChangeScope = []
  ) async throws {
    try await change("change an I/O thread of") { domain in
      parameters.withParameters { virDomainSetIOThreadParams(domain, number, $0, $1, scope.rawValue) }
    }
  }

  /// Starts and stops counting events of the host's processors (libvirt-domain.h, VIR_PERF_PARAM_*).
  public func setPerfEvents(_ events: [String: Bool], scope: DomainChangeScope = []) async throws {
    try await change("count events of") { domain in
      events.mapValues(DomainParameter.boolean).withParameters {
        virDomainSetPerfEvents(domain, $0, $1, scope.rawValue)
      }
    }
  }

  /// Sets what follows an event of the guest's. Fails where the driver does not have the action for this event.
  public func setLifecycleAction(
    _ event: LifecycleEvent, _ action: LifecycleAction, scope: DomainChangeScope = []
  ) async throws {
    try await change("set what follows the end of") {
      virDomainSetLifecycleAction($0, event.rawValue, action.rawValue, scope.rawValue)
    }
  }

  /// Sets how often the guest's balloon driver reports on its memory.
  ///
  /// - Parameter seconds: 0 for never.
  public func setMemoryStatisticsPeriod(_ seconds: Int32, scope: DomainChangeScope = []) async throws {
    try await change("set the period of memory statistics of") {
      virDomainSetMemoryStatsPeriod($0, seconds, scope.rawValue)
    }
  }
}

extension LibvirtConnection {
  /// The numbers of the host's processors that are online.
  public func onlineProcessors() async throws -> Set<Int> {
    try await core.perform("list the host's processors") { connection throws(LibvirtError) in
      var map: UnsafeMutablePointer<UInt8>?
      let count = try check(virNodeGetCPUMap(connection, &map, nil, 0), "list the host's processors")
      guard let map else { return [] }
      defer { CMemory.free(map) }
      return Set((0..<Int(count)).filter { map[$0 / 8] & 1 << ($0 % 8) != 0 })
    }
  }
}
