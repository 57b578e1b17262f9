// Which files there are in some folders, and who refers to them, on all of a host: what a garbage collection is decided on.

public import DiskImage
import Libvirt
public import SystemCalls

/// The files of some folders, and everything on the host that refers to a file.
///
/// A value: a garbage collection is worked out from it alone. A file has one path here, however many lead to it.
public struct FileCensus: Sendable {
  /// Something that needs files: a domain, a snapshot, a removed domain that is kept, a spec.
  public struct Root: Sendable, Hashable {
    /// What sort of thing needs the files.
    public enum Kind: String, Sendable, Hashable, Codable {
      /// A domain's definition, stored or running; a domain's snapshot; a removed domain that the archive keeps; a
      /// spec.
      case domain, snapshot, removal, spec
    }

    /// Whether it is a domain, a snapshot, a removed domain or a spec.
    public var kind: Kind
    /// `snapshot one of domain web`.
    public var subject: String
    /// The files that it names; what they stand on is among the ``FileCensus/links``.
    public var files: [String]

    /// A root with the files that it names, by their one paths.
    public init(_ kind: Kind, _ subject: String, files: [String]) {
      self.kind = kind
      self.subject = subject
      self.files = files
    }
  }

  /// What a file refers to.
  public struct Links: Sendable, Hashable {
    /// Why it is not known what a file refers to.
    public enum Problem: Sendable, Hashable {
      /// The file does not exist, and nobody knows what it stood on.
      case missing
      /// It exists and cannot be read; the reason, for people.
      case unreadable(String)
    }

    /// The files that it names itself, by their one paths; not what those stand on in turn.
    public var files: Set<String>
    /// Why ``files`` may not be all of them; nil where they are.
    public var problem: Problem?

    /// References that were read wholly, or as far as a problem let them be read; with nothing given, of a file that
    /// refers to none.
    public init(_ files: Set<String> = [], problem: Problem? = nil) {
      self.files = files
      self.problem = problem
    }
  }

  /// A regular file of a folder that was searched, or one that was named.
  public struct File: Sendable, Hashable {
    /// The one path by which the census knows the file.
    public var path: String
    /// Device and inode; a deletion checks that the name still leads to this very file.
    public var identity: FileIdentity
    /// Bytes that it takes up on its file system.
    public var bytes: UInt64
    /// When its content was last changed: seconds since 1970.
    public var modified: Int
    /// When anything of it was last changed, its name among that: seconds since 1970.
    public var changed: Int
    /// Who made it, where it is marked.
    public var origin: FileOrigin?

    /// A file as stat(2) describes it. Without times it is older than any age that is asked for.
    public init(
      path: String, identity: FileIdentity, bytes: UInt64, modified: Int = 0, changed: Int = 0,
      origin: FileOrigin? = nil
    ) {
      self.path = path
      self.identity = identity
      self.bytes = bytes
      self.modified = modified
      self.changed = changed
      self.origin = origin
    }
  }

  /// How a root is called that is a snapshot.
  public static func subject(ofSnapshot name: String, of domain: String) -> String {
    "snapshot \(name) of domain \(domain)"
  }

  /// The connection whose domains are the roots.
  public var uri: String
  /// What the marks of files that were made on that host have: see ``HostIdentity/keys``.
  public var hostKeys: Set<String>
  /// When the host was looked at: seconds since 1970.
  public var moment: Int
  /// Every domain, as far as it could be read.
  public var domains: [ObservedDomain]
  /// Everything that needs files, whether those exist or not.
  public var roots: [Root]
  /// What files refer to; one that is not here refers to nothing.
  public var links: [String: Links]
  /// The regular files of the folders, by path.
  public var files: [String: File]
  /// The folders that were searched, in order.
  public var folders: [String]
  /// The one path of a file, by any other that was met.
  public var names: [String: String]
  /// How many backing chains were followed from roots.
  public var chains: Int
  /// What could not be read.
  public var failures: [Inventory.Failure]

  /// A census from its parts. Without `hostKeys`, those of the connection's URI are used.
  public init(
    uri: String, hostKeys: Set<String>? = nil, moment: Int, domains: [ObservedDomain] = [], roots: [Root] = [],
    links: [String: Links] = [:],
    files: [String: File] = [:], folders: [String] = [], names: [String: String] = [:], chains: Int = 0,
    failures: [Inventory.Failure] = []
  ) {
    self.uri = uri
    self.hostKeys = hostKeys ?? HostIdentity(uri: uri, embeddedRoot: LibvirtConnection.embeddedRoot(of: uri)).keys
    self.moment = moment
    self.domains = domains
    self.roots = roots
    self.links = links
    self.files = files
    self.folders = folders
    self.names = names
    self.chains = chains
    self.failures = failures
  }
}

/// What to look at for a census.
public struct CensusRequest: Sendable {
  /// Folders to search beside those of storage pools.
  public var folders: Set<String> = []
  /// Files to look at wherever they are.
  public var files: Set<String> = []
  /// Domains, by UUID, that are not roots: they are being removed with their files.
  public var leaving: Set<String> = []
  /// Removed domains that are kept, whose files are needed.
  public var removals: [RemovedDomain] = []
  /// What else needs files, by its name: a spec.
  public var declared: [String: [FileReference]] = [:]
  /// Beginnings of paths: the files of the folders that begin so are declared, too.
  public var declaredBeginnings: [String: [String]] = [:]

  /// A request for the folders of storage pools alone, with every domain a root.
  public init() {}
}
