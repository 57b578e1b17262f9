// Temporary: declarations that the command line is compiled against until their real ones arrive. To be deleted at the merge.

public struct ImageSnapshot: Sendable, Equatable {
  public let id: StoredName
  public let name: StoredName
  public let taken: Int64
  public let guestClock: UInt64
  public let vmStateSize: UInt64
  public let diskSize: UInt64?
  public let instructionCount: UInt64?
}

public enum ImageSnapshots {
  public static func list(path: String, sharing: Bool = false) throws(ImageError) -> [ImageSnapshot] {
    let file = try LocalFile(path: path)
    return try Qcow2SnapshotTable(Qcow2Header(from: file), of: file).snapshots.map {
      ImageSnapshot(
        id: $0.id, name: $0.name, taken: Int64($0.seconds) * 1_000_000_000 + Int64($0.nanoseconds),
        guestClock: $0.vmClock, vmStateSize: $0.vmStateSize, diskSize: $0.diskSize,
        instructionCount: $0.instructionCount)
    }
  }
  @discardableResult
  public static func create(named name: String, path: String) throws(ImageError) -> ImageSnapshot { fatalError() }
  public static func apply(_ snapshot: SnapshotSelector, path: String) throws(ImageError) { fatalError() }
  public static func rename(_ snapshot: SnapshotSelector, to name: String, path: String) throws(ImageError) {
    fatalError()
  }
  public static func delete(_ snapshot: SnapshotSelector, path: String) throws(ImageError) { fatalError() }
}

public enum ImageResize {
  public enum Shrinking: Sendable { case refused, unusedOnly, discarding }
  @discardableResult
  public static func resize(
    path: String, format: ImageFormat, to size: UInt64, shrinking: Shrinking = .refused,
    references: ReferencePolicy = .anywhere
  ) throws(ImageError) -> UInt64 { fatalError() }
}

public enum ImageCheck {
  public enum Repair: String, Sendable, CaseIterable { case none, leaks, all }
  public struct Finding: Sendable, Equatable {
    public enum Kind: String, Sendable { case corruption, leak, error }
    public let kind: Kind
    public let text: String
    public let isFixed: Bool
    package init(kind: Kind, text: String, isFixed: Bool) {
      self.kind = kind
      self.text = text
      self.isFixed = isFixed
    }
  }
  public struct Result: Sendable, Equatable {
    public var corruptions: UInt64 = 0
    public var leaks: UInt64 = 0
    public var checkErrors: UInt64 = 0
    public var corruptionsFixed: UInt64 = 0
    public var leaksFixed: UInt64 = 0
    public var imageEndOffset: UInt64 = 0
    public var totalClusters: UInt64 = 0
    public var allocatedClusters: UInt64 = 0
    public var fragmentedClusters: UInt64 = 0
    public var compressedClusters: UInt64 = 0
    public var findings: [Finding] = []
    package init() {}
  }
  public static func check(
    path: String, repair: Repair = .none, decodingData: Bool = false, sharing: Bool = false
  ) throws(ImageError) -> Result { fatalError() }
}

public enum ImageRebase {
  public struct Progress: Sendable, Equatable {
    public let done: UInt64
    public let total: UInt64
  }
  public static func rebase(
    path: String, onto backing: ImageCreation.Backing?, metadataOnly: Bool = false,
    references: ReferencePolicy = .anywhere,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) { fatalError() }
}

public enum ImageCommit {
  public typealias Progress = ImageRebase.Progress
  public static func commit(
    path: String, emptying: Bool = true, references: ReferencePolicy = .anywhere,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) { fatalError() }
}
