// What a plan needs to know about a host: the question, as a value.

public import DiskImage

/// What to look at on a host.
public struct InventoryRequest: Sendable {
  /// The domains whose disks' image headers are read; all domains' definitions are. Where one of them does not exist the
  /// host's capabilities are read too, for it is to be made.
  public var domains: Set<String>
  /// Whether every domain of the host is one of ``domains``.
  public var readsEveryDomain = false
  /// Whether the snapshots of every domain are listed.
  public var readsEverySnapshot = false
  /// The domains whose snapshots are listed.
  public var snapshotsOf: Set<String> = []
  /// Images among ``files`` that are to have a size and snapshots of their own, by path.
  public var volumes: [String: Volume] = [:]
  /// Files to look at, with the format that they are declared to have; nil for folders.
  public var files: [String: ImageFormat?]
  public var baseImages: [BaseImage]
  /// Folders from which base images and backing files may come; nil for anywhere.
  public var allowedFolders: [String]?
  /// Whether libvirt's storage pools matter.
  public var needsPools: Bool
  /// Whether virtual networks matter.
  public var needsNetworks: Bool
  /// Whether the networks' definitions matter, and not only which there are.
  public var needsNetworkDefinitions: Bool

  public init(
    domains: Set<String> = [], files: [String: ImageFormat?] = [:], baseImages: [BaseImage] = [],
    allowedFolders: [String]? = nil, needsPools: Bool = false,
    needsNetworks: Bool = false, needsNetworkDefinitions: Bool = false
  ) {
    self.domains = domains
    self.files = files
    self.baseImages = baseImages
    self.allowedFolders = allowedFolders
    self.needsPools = needsPools
    self.needsNetworks = needsNetworks
    self.needsNetworkDefinitions = needsNetworkDefinitions
  }

  /// What an image that no domain owns is to have. Its snapshots are listed, and where it lacks something the images of
  /// all domains are read, too: one may stand on it.
  public struct Volume: Sendable, Hashable {
    /// The virtual size in bytes; nil for any.
    public var size: UInt64?
    public var snapshots: Set<String>

    public init(size: UInt64?, snapshots: Set<String>) {
      self.size = size
      self.snapshots = snapshots
    }
  }

  /// A base image, and where its copy is to be.
  public struct BaseImage: Sendable, Hashable {
    public var source: String
    /// The declared format; nil when the file's first bytes decide.
    public var format: ImageFormat?
    /// The checksum that the spec gives.
    public var sha256: String?
    /// The folder and the beginning of the name of the copy in a pool; nil for an image that is used where it is.
    public var copy: Copy?

    public init(source: String, format: ImageFormat?, sha256: String?, copy: Copy?) {
      self.source = source
      self.format = format
      self.sha256 = sha256
      self.copy = copy
    }
  }

  /// Where the copy of a base image is to be.
  public struct Copy: Sendable, Hashable {
    public var folder: String
    /// The image's name in the spec.
    public var name: String

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
