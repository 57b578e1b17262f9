// The steps that an apply knows, as data. Carrying them out is the applier's.

public import DiskImage
public import struct SystemCalls.FileIdentity
public import Vocabulary
public import XMLTree

/// What a step does. Sizes are bytes, paths absolute.
///
/// `device` is what the step is about as the spec writes it, `disks.root`, where that is a part of the object; nil where
/// it is the object itself, such as a volume.
public enum Operation: Sendable, Equatable, Codable {
  /// Make a folder, with the folders above it.
  case createDirectory(path: String)
  /// Define a network: a new one, or a changed definition of one that exists.
  case defineNetwork(ObjectDefinition)
  /// Change in a running network what can be changed there, as the stored definition has it by then.
  case updateNetwork(name: String, fields: [FieldReference])
  /// Set whether a network starts with the host.
  case setNetworkAutostart(name: String, Bool)
  /// Start a network that is defined; one that runs is left as it is.
  case startNetwork(name: String)
  /// Stop a running network; interfaces of running guests lose their connection.
  case stopNetwork(name: String)
  /// Define a storage pool and start it: a new one, or a changed definition of one that exists.
  case definePool(PoolDefinition)
  /// Set whether a storage pool starts with the host.
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
  /// Set whether a domain starts with the host.
  case setAutostart(domain: DomainIdentity, Bool)
  /// Start a domain that is stopped: boot it, or resume its saved memory. One that runs is left as it is.
  case startDomain(DomainIdentity)
  /// Let a paused guest run on.
  case resumeDomain(DomainIdentity)
  /// Hold a guest where it is; one that does not run is started and held at once.
  case pauseDomain(DomainIdentity)
  /// Ask the guest to shut down, wait, and only where the spec consents force it off.
  case stopDomain(DomainIdentity, Shutdown)
  /// Give a stopped domain another name; it keeps UUID, snapshots, disks and UEFI variables.
  case renameDomain(DomainIdentity, to: String)
  /// Remove a stopped domain's definition.
  case undefineDomain(DomainIdentity, Undefinition)
  /// Remove a network's stored definition; a network that does not exist counts as done.
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
public struct PlannedImage: Sendable, Hashable, Codable {
  /// Whether the path is one that the user has written: it may contain symbolic links.
  public var isStated: Bool
  /// The file that the plan has seen; nil for one that was not there.
  public var identity: FileIdentity?

  /// A file by the way that the plan has come to it; by default one that a user has stated, whose identity is not
  /// checked.
  public init(isStated: Bool = true, identity: FileIdentity? = nil) {
    self.isStated = isStated
    self.identity = identity
  }
}

/// The domain that a file belongs to.
public struct FileOwner: Sendable, Hashable, Codable {
  /// The domain by name and UUID.
  public var identity: DomainIdentity
  /// The definition that the plan saw. When the host has another one now, the file is left alone.
  public var seen: XMLElement

  /// An owner with the definition that named the file.
  public init(_ identity: DomainIdentity, _ seen: XMLElement) {
    self.identity = identity
    self.seen = seen
  }
}

/// A domain by name and UUID: both must still agree when a step is carried out.
public struct DomainIdentity: Sendable, Hashable, Codable {
  /// The name, as the plan found or chose it.
  public var name: String
  /// In libvirt's notation: lower case with hyphens.
  public var uuid: String

  /// An identity from both parts.
  public init(name: String, uuid: String) {
    self.name = name
    self.uuid = uuid
  }
}

/// A base image on its way into a pool.
public struct ImageImport: Sendable, Hashable, Codable {
  /// The absolute path of the file that is copied.
  public var source: String
  /// The absolute path of the copy, a name in the pool's folder that carries the checksum.
  public var destination: String
  /// The format of both files, which the copy's ending names.
  public var format: ImageFormat
  /// Lower-case hexadecimal; the copy is checked against it before it is published.
  public var sha256: String
  /// Length of the source file in bytes, for progress.
  public var length: UInt64

  /// A copy that is to be made of a source whose checksum and length are known.
  public init(source: String, destination: String, format: ImageFormat, sha256: String, length: UInt64) {
    self.source = source
    self.destination = destination
    self.format = format
    self.sha256 = sha256
    self.length = length
  }
}

/// A definition to be stored, and what must hold before and after.
public struct DomainDefinition: Sendable, Equatable, Codable {
  /// The domain by name and UUID, which its XML has too.
  public var identity: DomainIdentity
  /// The definition as it is handed to libvirt, with the ownership record in its metadata and with passwords.
  public var xml: XMLElement
  /// The inactive definition that the plan saw; nil for a new domain. When the host has another one now, the
  /// step leaves it alone: libvirt has no compare-and-swap.
  public var replacing: XMLElement?
  /// Whether it was read off another host, whose libvirt held it: see `defaults: libvirt`.
  public var isOfAnotherHost = false
  /// What must be found when the definition is read back.
  public var expectations: [Expectation]

  /// A definition that was made for this host; one without `replacing` is a new domain's.
  public init(
    identity: DomainIdentity, xml: XMLElement, replacing: XMLElement?, expectations: [Expectation]
  ) {
    self.identity = identity
    self.xml = xml
    self.replacing = replacing
    self.expectations = expectations
  }
}
