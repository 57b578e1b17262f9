// The steps that an apply knows, as data. Carrying them out is the applier's.

public import DiskImage
public import Vocabulary
public import XMLTree

/// What a step does. Sizes are bytes, paths absolute.
///
/// `device` is what the step is about as the spec writes it, `disks.root`, where that is a part of the object; nil where
/// it is the object itself, such as a volume.
public enum Operation: Sendable {
  /// Make a folder, with the folders above it.
  case createDirectory(path: String)
  /// Define a network: a new one, or a changed definition of one that exists.
  case defineNetwork(ObjectDefinition)
  /// Change in a running network what can be changed there, as the stored definition has it by then.
  case updateNetwork(name: String, fields: [String])
  case setNetworkAutostart(name: String, Bool)
  case startNetwork(name: String)
  case stopNetwork(name: String)
  /// Define a storage pool and start it: a new one, or a changed definition of one that exists.
  case definePool(PoolDefinition)
  case setPoolAutostart(name: String, Bool)
  /// Start a pool that is defined.
  case startPool(name: String)
  /// Copy a base image into a pool, read-only, under a name that carries its SHA-256.
  case importImage(ImageImport)
  /// Make a new image file.
  case createImage(path: String, ImageCreation, device: String? = nil)
  /// Grow an image that no guest has open.
  case growImage(
    path: String, format: ImageFormat, from: UInt64, to: UInt64, device: String? = nil,
    file: PlannedImage = PlannedImage())
  /// Define a domain: a new one, or a changed definition of one that exists.
  case defineDomain(DomainDefinition)
  /// Grow the disk of a running guest.
  case resizeBlockDevice(domain: DomainIdentity, target: String, path: String, to: UInt64, device: String)
  /// Plug a device into a running guest, as the stored definition has it by then: at the same address.
  /// `name` is the device as the spec writes it: `disks.data`.
  case attachDevice(domain: DomainIdentity, device: DeviceIdentity, name: String)
  /// Ask a running guest to let go of a device that has left the stored definition by then. What it keeps goes with its
  /// next start.
  case detachDevice(domain: DomainIdentity, device: DeviceIdentity, name: String)
  /// Give a running guest values that the stored definition has by then. What the guest or libvirt refuses waits for
  /// its next start.
  case changeRunning(domain: DomainIdentity, [LiveChange])
  /// Take a snapshot of a domain as it is by then.
  case takeSnapshot(domain: DomainIdentity, SnapshotCreation)
  case setAutostart(domain: DomainIdentity, Bool)
  case startDomain(DomainIdentity)
  case resumeDomain(DomainIdentity)
  /// Hold a guest where it is; one that does not run is started and held at once.
  case pauseDomain(DomainIdentity)
  /// Ask the guest to shut down, wait, and only where the spec consents force it off.
  case stopDomain(DomainIdentity, Shutdown)
  /// Give a stopped domain another name; it keeps UUID, snapshots, disks and UEFI variables.
  case renameDomain(DomainIdentity, to: String)
  /// Remove a stopped domain's definition.
  case undefineDomain(DomainIdentity, Undefinition)
  case undefineNetwork(name: String)
  /// Delete an image that nobody uses any more.
  ///
  /// - `owner`: the domain that is removed after its files; nothing else may lead to the file when it goes.
  case deleteFile(path: String, device: String? = nil, owner: FileOwner? = nil)
  /// Stop a guest as `stopDomain` does, and start it again.
  case restartDomain(DomainIdentity, Shutdown)
  /// Wait until a guest that was started is ready. One that is not in time gets its old definition back, where this run
  /// has changed it, and is stopped for that as `Shutdown` says.
  case awaitReady(DomainIdentity, Readiness, Shutdown)
  /// Drop the saved memory of a stopped guest, which its next start would resume.
  case discardSavedState(DomainIdentity)
  /// Delete a snapshot; the domain stays as it is.
  case deleteSnapshot(domain: DomainIdentity, name: String)
  /// Take permissions from a file that more people may read than what it derives from. `device` is the part of the object
  /// that it is about.
  case narrowMode(path: String, to: UInt32, device: String? = nil, file: PlannedImage)
  /// Take a snapshot inside a qcow2 image that no guest has open.
  case takeImageSnapshot(path: String, name: String, file: PlannedImage = PlannedImage())
}

/// Which file a step may change.
public struct PlannedImage: Sendable, Hashable {
  /// Whether the path is one that the user has written: it may contain symbolic links.
  public var isStated: Bool
  /// The file that the plan has seen; nil for one that was not there.
  public var identity: FileIdentity?

  public init(isStated: Bool = true, identity: FileIdentity? = nil) {
    self.isStated = isStated
    self.identity = identity
  }
}

/// The domain that a file belongs to.
public struct FileOwner: Sendable, Hashable {
  public var identity: DomainIdentity
  /// The definition that the plan saw. When the host has another one now, the file is left alone.
  public var seen: XMLElement

  public init(_ identity: DomainIdentity, _ seen: XMLElement) {
    self.identity = identity
    self.seen = seen
  }
}

/// A domain by name and UUID: both must still agree when a step is carried out.
public struct DomainIdentity: Sendable, Hashable {
  public var name: String
  /// In libvirt's notation: lower case with hyphens.
  public var uuid: String

  public init(name: String, uuid: String) {
    self.name = name
    self.uuid = uuid
  }
}

/// A base image on its way into a pool.
public struct ImageImport: Sendable, Hashable {
  public var source: String
  public var destination: String
  public var format: ImageFormat
  /// Lower-case hexadecimal; the copy is checked against it before it is published.
  public var sha256: String
  /// Length of the source file in bytes, for progress.
  public var length: UInt64

  public init(source: String, destination: String, format: ImageFormat, sha256: String, length: UInt64) {
    self.source = source
    self.destination = destination
    self.format = format
    self.sha256 = sha256
    self.length = length
  }
}

/// A definition to be stored, and what must hold before and after.
public struct DomainDefinition: Sendable {
  public var identity: DomainIdentity
  public var xml: XMLElement
  /// The inactive definition that the plan saw; nil for a new domain. When the host has another one now, the
  /// step leaves it alone: libvirt has no compare-and-swap.
  public var replacing: XMLElement?
  /// Whether it was read off another host, whose libvirt held it: see `defaults: libvirt`.
  public var isOfAnotherHost = false
  /// What must be found when the definition is read back.
  public var expectations: [Expectation]

  public init(
    identity: DomainIdentity, xml: XMLElement, replacing: XMLElement?, expectations: [Expectation]
  ) {
    self.identity = identity
    self.xml = xml
    self.replacing = replacing
    self.expectations = expectations
  }
}
