// What a plan needs to know about a host: the question, as a value.

public import DiskImage
package import Libvirt

/// What to look at on a host.
///
/// There is one way to each: a plan's question is made from the spec (`InventoryRequest(for:deleting:)`), an import's from
/// the objects (`InventoryRequest(importing:)`), and the others are here. What objects bring along, the images of a
/// domain and the folder of a pool, is found while reading, and needs not be asked for.
public struct InventoryRequest: Sendable {
  /// Objects of one kind, by name.
  public enum Names: Sendable, Hashable {
    /// These; a name that the host does not have is simply not found.
    case some(Set<String>)
    /// Every one that the host has.
    case all

    /// Not a single one.
    public static let none = Names.some([])

    /// Whether an object with this name was asked for.
    public func contains(_ name: String) -> Bool {
      switch self {
      case .some(let names): names.contains(name)
      case .all: true
      }
    }
  }

  /// The domains whose disks' image headers are read; all domains' definitions are. Where one that is named does not exist
  /// the host's capabilities are read too, for it is to be made.
  package var domains = Names.none
  /// The domains whose snapshots are listed.
  package var snapshots = Names.none
  /// The storage pools whose folders are looked at; with none, pools are not listed at all.
  package var pools = Names.none
  /// Whether virtual networks matter.
  package var needsNetworks = false
  /// Whether the networks' definitions matter, and not only which there are.
  package var needsNetworkDefinitions = false
  /// Whether the CPU models that libvirt knows matter.
  package var needsProcessorModels = false
  /// Whether the host's network devices matter.
  package var needsNetworkDevices = false
  /// Drivers of libvirt's without which something could not be done.
  package var drivers: Set<LibvirtDriver> = []
  /// Files to look at, with the format that they are declared to have; nil for folders.
  package var files: [String: ImageFormat?] = [:]
  /// Those of ``files`` whose names are Vireo's: a link in such a place is not followed.
  package var ownFiles: Set<String> = []
  /// Base images to look at, each with the copy that a pool is to have of it.
  package var baseImages: [BaseImage] = []
  /// Images among ``files`` that are to have a size and snapshots of their own, by path.
  package var volumes: [String: Volume] = [:]
  /// Folders from which base images and backing files may come; nil for anywhere.
  package var allowedFolders: [String]?

  /// A request for every domain's definition and nothing else.
  package init() {}

  /// Every domain's definition, and the pools: what a census of files begins with.
  static let definitions: InventoryRequest = {
    var request = InventoryRequest()
    request.pools = .all
    return request
  }()

  /// Every domain with the images of its disks: who else stands on a file.
  package static let disks: InventoryRequest = {
    var request = InventoryRequest()
    request.domains = .all
    return request
  }()

  /// What an image that no domain owns is to have. Its snapshots are listed, and where it lacks something the images of
  /// all domains are read, too: one may stand on it.
  public struct Volume: Sendable, Hashable {
    /// The virtual size in bytes; nil for any.
    public var size: UInt64?
    /// The names of the internal snapshots that it is to have.
    public var snapshots: Set<String>

    /// What a volume is to have; a size of nil and no names ask only what is there.
    public init(size: UInt64?, snapshots: Set<String>) {
      self.size = size
      self.snapshots = snapshots
    }
  }

  /// A base image, and where its copy is to be.
  public struct BaseImage: Sendable, Hashable {
    /// The absolute path of the source file.
    public var source: String
    /// The declared format; nil when the file's first bytes decide.
    public var format: ImageFormat?
    /// The checksum that the spec gives.
    public var sha256: String?
    /// The folder and the beginning of the name of the copy in a pool; nil for an image that is used where it is.
    public var copy: Copy?

    /// A base image as the spec declares it; see the properties for what nil means.
    public init(source: String, format: ImageFormat?, sha256: String?, copy: Copy?) {
      self.source = source
      self.format = format
      self.sha256 = sha256
      self.copy = copy
    }
  }

  /// Where the copy of a base image is to be.
  public struct Copy: Sendable, Hashable {
    /// The absolute path of the pool's folder.
    public var folder: String
    /// The image's name in the spec.
    public var name: String

    /// A place for a copy; its whole path is known with the checksum, see ``path(sha256:format:)``.
    public init(folder: String, name: String) {
      self.folder = folder
      self.name = name
    }

    /// The copy's path: the name, a hyphen, the checksum, and the format as its ending.
    public func path(sha256: String, format: ImageFormat) -> String {
      "\(folder)/\(name)-\(sha256).\(format.rawValue)"
    }
  }
}
