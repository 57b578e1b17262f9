// How a field of a running guest is changed: each way with libvirt's call, and all that plans, applies and pages follow.

public import XMLTree

/// The libvirt call that changes a field of a running guest.
public enum LiveWay: Sendable, Hashable, Codable {
  /// The device is handed over again, with the changed value.
  case device
  /// The medium in a drive is changed.
  case medium
  /// An interface is connected to another network or bridge.
  case connection
  /// A virtio memory device is asked for. The guest takes it and gives it back when it likes.
  case requestedMemory
  /// The balloon is asked for. The guest gives memory back when it likes.
  case memory
  /// Processors are plugged in or out. The guest lets go of one when it likes.
  case vcpus
  /// The title is set.
  case title
  /// The description is set.
  case description
  /// A parameter of the scheduler's, by libvirt's name.
  case scheduler(String)
  /// A limit of memory, by libvirt's name.
  case memoryLimit(String)
  /// The weight of all disks on the host.
  case blockWeight
  /// A limit of a disk's speed, by libvirt's name.
  case blockIO(String)
  /// I/O threads come and go.
  case ioThreads
  /// Vcpus get processors of the host.
  case vcpuPins
  /// The emulator gets processors of the host.
  case emulatorPin
  /// I/O threads get processors of the host.
  case ioThreadPins
  /// The memory comes from other nodes of the host. libvirt can only where the control group alone decides, which is the mode
  /// `restrictive`.
  case hostNodes
  /// Weights and limits of the host's block devices.
  case blockDevices
  /// What follows when the guest ends, by libvirt's name of the event.
  case lifecycle(String)
  /// Events that are counted.
  case perfEvents
  /// How often the guest reports its memory.
  case statisticsPeriod
  /// Limits of throttle groups (libvirt 11.2).
  case throttleGroups
}

extension LiveWay {
  /// All that there is to know about a way.
  private struct Row {
    /// libvirt's function, or several.
    var call: String
    /// Which of the values of one call go together, where not all do.
    var group = ""
    /// What must hold, in words that follow "where".
    var condition: String?
    /// Whether it takes hold only when the guest plays along.
    var needsGuest = false
    /// What of the value the guest must show.
    var shown = Shown.all
    var isPossible: (LiveQuestion) -> Bool = { _ in true }
  }

  /// What of a value a running guest shows that has it.
  private enum Shown {
    case all
    /// More than was set: a pin to all processors for a vcpu whose pin was taken away.
    case entries
    /// A limit or a period of 0 or an event that is off where there is none.
    case something
  }

  private var row: Row {
    let cgroups = "the host's control groups allow it"
    switch self {
    case .device: return Row(call: "virDomainUpdateDeviceFlags", group: "value")
    case .medium:
      return Row(
        call: "virDomainUpdateDeviceFlags", group: "medium",
        condition: "the disk is a CD-ROM or floppy drive, which the guest can lock",
        isPossible: { ["cdrom", "floppy"].contains($0.device?[attribute: "device"]) })
    case .connection:
      // From bridge to bridge. What a network leads to is seen when it is tried.
      return Row(
        call: "virDomainUpdateDeviceFlags", group: "connection",
        condition: "the interface is on a bridge before and after",
        isPossible: { question in
          let isBridge = ["network", "bridge"].contains
          guard let type = question.device?[attribute: "type"], isBridge(type) else { return false }
          return question.field.name != "type" || question.value?.string.map(isBridge) ?? false
        })
    case .requestedMemory:
      return Row(
        call: "virDomainUpdateDeviceFlags", group: "memory",
        condition: "the device is of the model `virtio-mem`; the guest decides when",
        isPossible: { $0.value != nil && $0.device?[attribute: "model"] == "virtio-mem" })
    case .memory:
      return Row(
        call: "virDomainSetMemoryFlags",
        condition: "it is no more than the guest started with, and the guest gives it back", needsGuest: true,
        isPossible: { question in
          guard let bytes = question.value?.bytes, let most = Vocabulary.wholeMemory(of: question.running) else {
            return false
          }
          return bytes <= most
            && question.running.first("devices")?.first("memballoon")?[attribute: "model"] != "none"
        })
    case .vcpus:
      return Row(
        call: "virDomainSetVcpusFlags",
        condition: "there are no more than `vcpus.count`, and the guest lets go of those that leave",
        needsGuest: true,
        isPossible: { question in
          guard let count = question.value?.integer, let most = question.vcpuCount else { return false }
          return count <= most
        })
    case .title, .description: return Row(call: "virDomainSetMetadata", group: self == .title ? "title" : "description")
    // Without a value there is nothing to ask for: libvirt has no word for "as you would".
    case .scheduler:
      return Row(call: "virDomainSetSchedulerParametersFlags", condition: cgroups, isPossible: \.hasValue)
    case .memoryLimit: return Row(call: "virDomainSetMemoryParameters", condition: cgroups, isPossible: \.hasValue)
    case .blockWeight:
      return Row(call: "virDomainSetBlkioParameters", group: "weight", condition: cgroups, isPossible: \.hasValue)
    case .blockDevices:
      return Row(call: "virDomainSetBlkioParameters", group: "devices", condition: cgroups, shown: .something)
    case .blockIO: return Row(call: "virDomainSetBlockIoTune")
    case .ioThreads:
      return Row(
        call: "virDomainAddIOThread, virDomainDelIOThread, virDomainSetIOThreadParams",
        condition: "no device uses a thread that leaves")
    case .throttleGroups:
      return Row(
        call: "virDomainSetThrottleGroup, virDomainDelThrottleGroup", condition: "no disk uses a group that leaves",
        shown: .something)
    case .vcpuPins:
      return Row(
        call: Self.pinCalls, condition: cgroups, shown: .entries,
        isPossible: { question in
          guard let count = question.vcpuCount else { return false }
          return question.value?.table?.keys.allSatisfy { Int($0).map { $0 < count } ?? false } ?? true
        })
    case .emulatorPin: return Row(call: Self.pinCalls, condition: cgroups)
    case .ioThreadPins: return Row(call: Self.pinCalls, condition: cgroups, shown: .entries)
    case .hostNodes:
      return Row(
        call: "virDomainSetNumaParameters", condition: "the guest was started with the mode `restrictive`",
        isPossible: { $0.value != nil && $0.running.value(at: "numatune/memory/@mode") == "restrictive" })
    case .lifecycle(let event): return Row(call: "virDomainSetLifecycleAction", group: event)
    case .perfEvents: return Row(call: "virDomainSetPerfEvents", shown: .something)
    case .statisticsPeriod: return Row(call: "virDomainSetMemoryStatsPeriod", shown: .something)
    }
  }

  private static let pinCalls = "virDomainPinVcpuFlags, virDomainPinEmulator, virDomainPinIOThread"
}

extension LiveWay {
  /// libvirt's function, or several with commas between them.
  public var call: String { row.call }

  /// The same for all values that are handed over together.
  public var group: String { "\(row.call) \(row.group)" }

  /// Whether it takes hold only when the guest plays along.
  public var needsGuest: Bool { row.needsGuest }

  /// What must hold for it, in words that follow "where"; nil where it is always possible. Otherwise the change waits.
  public var condition: String? { row.condition }

  /// Whether libvirt may be asked for a change; what libvirt and the guest say to it is seen then.
  public func isPossible(_ question: LiveQuestion) -> Bool { row.isPossible(question) }

  /// Whether a running guest has a value.
  ///
  /// - Parameters:
  ///   - wanted: the value; nil for libvirt's default, which is not looked for.
  ///   - shown: what the running guest shows.
  public func isMet(_ wanted: Value?, by shown: Value?, of field: Field) -> Bool {
    guard let wanted else { return true }
    switch row.shown {
    case .all: return field.matches(desired: wanted, stored: shown)
    case .entries: return wanted.table?.allSatisfy { shown?.table?[$0.key] == $0.value } ?? false
    case .something: return wanted.withoutNothing == shown?.withoutNothing
    }
  }

  /// Whether a value that a running guest shows is what it shows of a guest without any.
  public func isNothing(_ shown: Value) -> Bool { row.shown == .something && shown.withoutNothing == nil }
}

/// A change of a field that a running guest is to get.
public struct LiveQuestion: Sendable {
  let field: Field
  let value: Value?
  let device: XMLElement?
  let running: XMLElement

  /// - Parameters:
  ///   - value: what the field becomes; nil for libvirt's default.
  ///   - device: the device that it belongs to, as it runs; nil for the domain itself.
  ///   - running: the domain as it runs.
  public init(_ field: Field, to value: Value?, of device: XMLElement?, in running: XMLElement) {
    self.field = field
    self.value = value
    self.device = device
    self.running = running
  }

  fileprivate var hasValue: Bool { value != nil }

  fileprivate var vcpuCount: Int? { running.value(at: "vcpu").flatMap { Int($0) } }
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
