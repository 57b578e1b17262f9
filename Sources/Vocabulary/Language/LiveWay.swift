// How a field of a running guest is changed.

/// The libvirt call that changes a field of a running guest.
public enum LiveWay: Sendable, Hashable, Codable {
  /// The device is handed over again, with the changed value (virDomainUpdateDeviceFlags).
  case device
  /// The medium in a drive is changed (virDomainUpdateDeviceFlags).
  case medium
  /// The balloon is asked for (virDomainSetMemoryFlags). The guest gives memory back when it likes.
  case memory
  /// Processors are plugged in or out (virDomainSetVcpusFlags). The guest lets go of one when it likes.
  case vcpus
  /// The title is set (virDomainSetMetadata with VIR_DOMAIN_METADATA_TITLE).
  case title
  /// The description is set (virDomainSetMetadata with VIR_DOMAIN_METADATA_DESCRIPTION).
  case description
  /// A parameter of the scheduler's, by libvirt's name (virDomainSetSchedulerParametersFlags).
  case scheduler(String)
  /// A limit of memory, by libvirt's name (virDomainSetMemoryParameters).
  case memoryLimit(String)
  /// The weight of all disks on the host (virDomainSetBlkioParameters).
  case blockWeight
  /// A limit of a disk's speed, by libvirt's name (virDomainSetBlockIoTune).
  case blockIO(String)
  /// I/O threads come and go (virDomainAddIOThread, virDomainDelIOThread, virDomainSetIOThreadParams).
  case ioThreads
  /// Vcpus get processors of the host (virDomainPinVcpuFlags).
  case vcpuPins
  /// The emulator gets processors of the host (virDomainPinEmulator).
  case emulatorPin
  /// I/O threads get processors of the host (virDomainPinIOThread).
  case ioThreadPins
  /// The memory comes from other nodes of the host (virDomainSetNumaParameters). libvirt can only where the control group
  /// alone decides, which is the mode `restrictive`.
  case hostNodes
  /// Weights and limits of the host's block devices (virDomainSetBlkioParameters).
  case blockDevices
  /// What follows when the guest ends, by libvirt's name of the event (virDomainSetLifecycleAction).
  case lifecycle(String)
  /// Events that are counted (virDomainSetPerfEvents).
  case perfEvents
  /// How often the guest reports its memory (virDomainSetMemoryStatsPeriod).
  case statisticsPeriod
  /// Limits of throttle groups (virDomainSetThrottleGroup, virDomainDelThrottleGroup; libvirt 11.2).
  case throttleGroups
  /// An interface is connected to another network or bridge (virDomainUpdateDeviceFlags).
  case connection
}

extension LiveWay {
  /// Whether it takes hold only when the guest plays along.
  public var needsGuest: Bool { self == .memory || self == .vcpus }

  /// What must hold for it, in words that follow "where"; nil where it is always possible. Otherwise the change waits.
  public var condition: String? {
    switch self {
    case .memory: "it is no more than the guest started with, and the guest gives it back"
    case .vcpus: "there are no more than `vcpus.count`, and the guest lets go of those that leave"
    case .hostNodes: "the guest was started with the mode `restrictive`"
    case .connection: "the interface is on a bridge before and after"
    case .scheduler, .memoryLimit, .blockWeight, .blockDevices, .vcpuPins, .emulatorPin, .ioThreadPins:
      "the host's control groups allow it"
    case .ioThreads: "no device uses a thread that leaves"
    case .throttleGroups: "no disk uses a group that leaves"
    case .device, .medium, .title, .description, .blockIO, .lifecycle, .perfEvents, .statisticsPeriod: nil
    }
  }

  /// Whether a running guest has a value.
  ///
  /// libvirt shows more of a running guest than was set: a pin to all processors for a vcpu whose pin was taken
  /// away, and a limit or a period of 0 or an event that is off where there is none.
  ///
  /// - Parameters:
  ///   - wanted: the value; nil for libvirt's default, which is not looked for.
  ///   - shown: what the running guest shows.
  public func isMet(_ wanted: Value?, by shown: Value?, of field: Field) -> Bool {
    guard let wanted else { return true }
    switch self {
    case .vcpuPins, .ioThreadPins:
      return wanted.table?.allSatisfy { shown?.table?[$0.key] == $0.value } ?? false
    case .blockDevices, .perfEvents, .statisticsPeriod, .throttleGroups:
      return wanted.withoutNothing == shown?.withoutNothing
    default: return field.matches(desired: wanted, stored: shown)
    }
  }
}

extension LiveWay {
  /// Whether a value that a running guest shows is what it shows of a guest without any.
  public func isNothing(_ shown: Value) -> Bool {
    switch self {
    case .blockDevices, .perfEvents, .statisticsPeriod, .throttleGroups: shown.withoutNothing == nil
    default: false
    }
  }
}

extension Value {
  /// The value without what is 0 or off; nil where nothing is left.
  fileprivate var withoutNothing: Value? {
    switch self {
    case .integer(0), .boolean(false): return nil
    case .table(let entries):
      let rest = entries.compactMapValues(\.withoutNothing)
      return rest.isEmpty ? nil : .table(rest)
    default: return self
    }
  }
}
