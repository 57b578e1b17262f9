// How a field of a running guest is changed.

/// The call of libvirt's that changes a field of a running guest.
public enum LiveWay: Sendable, Hashable {
  /// The device is handed over anew, with the changed value (virDomainUpdateDeviceFlags).
  case device
  /// The medium in a drive is changed (virDomainUpdateDeviceFlags).
  case medium
  /// The balloon is asked for (virDomainSetMemoryFlags). The guest gives memory back when it likes.
  case memory
  /// Processors are plugged in or out (virDomainSetVcpusFlags). The guest lets go of one when it likes.
  case vcpus
  case title
  case description
  /// A parameter of the scheduler's, by libvirt's name (virDomainSetSchedulerParametersFlags).
  case scheduler(String)
  /// A limit of memory, by libvirt's name (virDomainSetMemoryParameters).
  case memoryLimit(String)
  /// The weight of all disks on the host (virDomainSetBlkioParameters).
  case blockWeight
  /// A limit of a disk's speed, by libvirt's name (virDomainSetBlockIoTune).
  case blockIO(String)
}

extension LiveWay {
  /// Whether it takes hold only when the guest plays along.
  public var needsGuest: Bool { self == .memory || self == .vcpus }
}
