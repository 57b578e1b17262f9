// The observed state of a host as a value: what libvirt holds, and what the image files on disk are.

public import DiskImage
public import Libvirt
public import SystemCalls
public import Versions
import Vocabulary
public import XMLTree

/// What was found on a host.
///
/// A value without handles: a plan is made from it alone, and tests make it from documents.
public struct Inventory: Sendable {
  /// The connection, and what it can do.
  public var host: Host
  /// Every domain on the connection, by name.
  public var domains: [String: ObservedDomain]
  /// Every storage pool, by name; nil where the driver has none, or nobody asked.
  public var pools: [String: ObservedPool]?
  /// The virtual networks by name; nil where the driver has none, or nobody asked.
  public var networks: [String: ObservedNetwork]?
  /// The files that were asked for and the disks of the domains that were asked for, by absolute path.
  public var files: [String: ObservedFile]
  /// The snapshots inside of images, by path, for those that were asked for and have some.
  public var imageSnapshots: [String: Result<[ObservedImageSnapshot], ImageError>] = [:]
  /// The base images that were asked for: one file may be used where it is and be copied into several pools too.
  public var baseImages: [InventoryRequest.BaseImage: ObservedBaseImage]
  /// Removed domains with those of their files that were to go with them and are still there.
  public var forgotten: [RemovedDomain] = []
  /// Objects that could not be read; a plan is made without them and reports it.
  public var failures: [Failure]
  /// When the host was looked at, in seconds since 1970; nil for a host that is only supposed.
  public var time: Int?
  /// A salt for the digests of secrets in records that have none yet: drawn with each look at a host, as no plan draws
  /// anything.
  public var salt = "0000000000000000"

  /// An inventory from its parts. What is left out was not asked for, or the host does not have it.
  public init(
    host: Host, domains: [String: ObservedDomain] = [:], pools: [String: ObservedPool]? = nil,
    networks: [String: ObservedNetwork]? = nil, files: [String: ObservedFile] = [:],
    baseImages: [InventoryRequest.BaseImage: ObservedBaseImage] = [:], failures: [Failure] = []
  ) {
    self.host = host
    self.domains = domains
    self.pools = pools
    self.networks = networks
    self.files = files
    self.baseImages = baseImages
    self.failures = failures
  }

  /// The user who looks, and who would change something; nil for a host that is only supposed.
  public var user: UInt32?
  /// Folders among ``files`` in which the user who looks cannot make files; of one that is missing, that it cannot be made.
  public var closedFolders: Set<String> = []
  /// Which folders those among ``files`` are.
  public var folders: [String: FileIdentity] = [:]

  /// A salt that nobody has seen.
  public static func drawSalt() -> String {
    let number = UInt64.random(in: .min ... .max)
    return (0..<16).map { String(number >> (60 - 4 * UInt64($0)) & 0xF, radix: 16) }.joined()
  }

  /// What the connection is and can do.
  public struct Host: Sendable, Hashable {
    /// The URI as libvirt resolved it; `no host` where the host is only supposed.
    public var uri: String
    /// The version of libvirt on the host, which is the daemon's where there is one; nil for a host that is only supposed.
    public var libvirtVersion: LibvirtVersion?
    /// The guests that the host can run; nil when no question needed the answer.
    public var capabilities: Capabilities?
    /// The CPU models that libvirt knows, by architecture; an architecture that is missing takes any, or was not asked about.
    public var processorModels: [String: Set<String>] = [:]
    /// The network devices of the host, bridges among them; nil for a host that is not this machine.
    public var networkDevices: Set<String>?
    /// Drivers that the connection does not have, and why, of those that were asked about.
    public var missingDrivers: [LibvirtDriver: MissingDriver]
    /// Whether there is no host, and everything is supposed that a spec may need.
    public var isSupposed = false

    /// A host that was read. Capabilities and missing drivers are left out where no question needed them.
    public init(
      uri: String, libvirtVersion: LibvirtVersion? = nil, capabilities: Capabilities? = nil,
      missingDrivers: [LibvirtDriver: MissingDriver] = [:]
    ) {
      self.uri = uri
      self.libvirtVersion = libvirtVersion
      self.capabilities = capabilities
      self.missingDrivers = missingDrivers
    }
  }

  /// Something that could not be read.
  public struct Failure: Sendable, Hashable {
    /// `domain web`.
    public var subject: String
    /// Why not, as a sentence for people.
    public var message: String

    /// What could not be read, and why.
    public init(subject: String, message: String) {
      self.subject = subject
      self.message = message
    }
  }
}

/// A domain as libvirt holds it.
public struct ObservedDomain: Sendable, Hashable {
  /// What the guest is doing; libvirt's `virDomainState` in fewer words.
  public enum State: String, Sendable, Hashable, Codable {
    /// Its processors run.
    case running
    /// It is held, with its memory in place.
    case paused
    /// There is no guest; the next start boots it or resumes its saved memory.
    case stopped
    /// Stopped, shutting down, crashed, suspended by power management: neither running nor simply stopped.
    case other
  }

  /// The name, unique on the connection.
  public var name: String
  /// In libvirt's notation, lower case with hyphens.
  public var uuid: String
  /// What the guest did when the host was read.
  public var state: State
  /// Whether there is a QEMU process.
  public var isActive: Bool
  /// Whether there is a stored definition; a transient domain has none.
  public var isPersistent: Bool
  /// Whether it starts with the host.
  public var autostart: Bool
  /// Whether the next start resumes a saved memory image, with the definition at that time.
  public var hasManagedSave: Bool
  /// The stored definition.
  public var inactive: XMLElement
  /// What runs now, where something does.
  public var running: XMLElement?
  /// What the next start resumes, where that was read: the definition of the time when the guest was saved.
  public var saved: XMLElement?
  /// The file with the UEFI variables, where there is one.
  public var variables: String?
  /// The names of other domains under which libvirt would look for the very file of ``variables``.
  public var formerNames: Set<String> = []
  /// The snapshots, parents before their children; nil where nobody asked.
  public var snapshots: [ObservedSnapshot]?
  /// The names of the checkpoints; nil where nobody asked.
  public var checkpoints: [String]?

  /// A domain from its documents, by default stored, without autostart and without saved memory.
  public init(
    name: String, uuid: String, state: State, isActive: Bool, isPersistent: Bool = true, autostart: Bool = false,
    hasManagedSave: Bool = false, inactive: XMLElement, running: XMLElement? = nil
  ) {
    self.name = name
    self.uuid = uuid
    self.state = state
    self.isActive = isActive
    self.isPersistent = isPersistent
    self.autostart = autostart
    self.hasManagedSave = hasManagedSave
    self.inactive = inactive
    self.running = running
  }
}

/// A storage pool as libvirt holds it.
public struct ObservedPool: Sendable, Hashable {
  /// The name, unique on the connection.
  public var name: String
  /// libvirt's word for the kind of storage: `dir`.
  public var type: String
  /// The folder, for pools that have one.
  public var path: String?
  /// Whether libvirt has it started and its volumes can be used.
  public var isActive: Bool
  /// Whether it starts with the host.
  public var autostart: Bool
  /// The stored definition.
  public var inactive: XMLElement

  /// A pool by its stored definition, from which its type and folder are read.
  public init(name: String, isActive: Bool, autostart: Bool = true, inactive: XMLElement) {
    self.name = name
    type = inactive[attribute: "type"] ?? ""
    path = inactive.value(at: .poolPath)
    self.isActive = isActive
    self.autostart = autostart
    self.inactive = inactive
  }

  /// The folder of a pool of files; nil for storage of another kind.
  public var folder: String? { ["dir", "fs", "netfs"].contains(type) ? path : nil }
}

/// A virtual network as libvirt holds it.
public struct ObservedNetwork: Sendable, Hashable {
  /// The name, unique on the connection.
  public var name: String
  /// In libvirt's notation, lower case with hyphens; empty in an inventory that was made without one.
  public var uuid: String
  /// Whether libvirt has it started, so that guests can be connected to it.
  public var isActive: Bool
  /// Whether there is a stored definition; a transient network has none.
  public var isPersistent: Bool
  /// Whether it starts with the host.
  public var autostart: Bool
  /// The stored definition; nil where nobody asked for it.
  public var inactive: XMLElement?
  /// What is in use, where the network is active and somebody asked.
  public var running: XMLElement?

  /// A network by its name and state; its documents where they were read.
  public init(
    name: String, uuid: String = "", isActive: Bool, isPersistent: Bool = true, autostart: Bool = false,
    inactive: XMLElement? = nil, running: XMLElement? = nil
  ) {
    self.name = name
    self.uuid = uuid
    self.isActive = isActive
    self.isPersistent = isPersistent
    self.autostart = autostart
    self.inactive = inactive
    self.running = running
  }
}

/// What is at a path.
public enum ObservedFile: Sendable, Equatable {
  /// The file does not exist, or its folder does not.
  case missing
  /// A folder, whatever is in it.
  case folder
  /// An image with what it is backed by, the top first.
  case image(BackingChain)
  /// Something that cannot be used, and why.
  case unusable(ImageError)
}

extension ObservedFile {
  /// Whether the file does not exist, or one that it stands on.
  package var lacksFile: Bool {
    switch self {
    case .missing, .unusable(.notFound): true
    default: false
    }
  }
}

/// A snapshot inside a qcow2 image, by what it is known by, fit to be shown.
public struct ObservedImageSnapshot: Sendable, Hashable {
  /// The number that QEMU gives the snapshot, as the image has it; unique in an image that is sound.
  public var id: String
  /// The name that people gave it; QEMU allows one name twice.
  public var name: String

  /// A snapshot by the texts of its entry in the snapshot table, made fit to be shown.
  public init(id: String, name: String) {
    self.id = id
    self.name = name
  }
}

/// A base image: its source, and its copy in a pool.
public struct ObservedBaseImage: Sendable, Equatable {
  /// What is at the source's path.
  public var source: ObservedFile
  /// Lower-case hexadecimal; nil when there was no need to know.
  public var sha256: String?
  /// Why the copy is not what its name says; nil for one that was proved, or none.
  public var copyProblem: ImageError?
  /// The copy in the pool that carries the checksum in its name, where there is one.
  public var copy: String?

  /// An image as it was found: without checksum and copy where nobody needed them, and with no fault in the copy.
  public init(source: ObservedFile, sha256: String? = nil, copy: String? = nil) {
    self.source = source
    self.sha256 = sha256
    self.copy = copy
  }
}
