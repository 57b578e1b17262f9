// Internal snapshots of qcow2 images: listed, and changed while nothing else uses the image.

internal import SystemCalls

/// An internal snapshot of a qcow2 image.
public struct ImageSnapshot: Sendable, Equatable {
  /// Its id: a decimal number, unless another program chose something else.
  public let id: StoredName
  /// Its name (qemu-img: the tag).
  public let name: StoredName
  /// When it was taken, in nanoseconds since 1970.
  public let taken: Int64
  /// The guest's clock then, in nanoseconds since the guest started.
  public let guestClock: UInt64
  /// Bytes of memory and device state; 0 for a snapshot of the disk alone.
  public let vmStateSize: UInt64
  /// The disk's size in bytes; nil when it is not recorded (the present one counts then).
  public let diskSize: UInt64?
  /// Instructions that the guest had executed, when they were counted.
  public let instructionCount: UInt64?

  init(_ stored: Qcow2Snapshot) {
    id = stored.id
    name = stored.name
    taken = Int64(stored.seconds) * 1_000_000_000 + Int64(stored.nanoseconds)
    guestClock = stored.vmClock
    vmStateSize = stored.vmStateSize
    diskSize = stored.diskSize
    instructionCount = stored.instructionCount
  }
}

/// Works on the internal snapshots of a qcow2 image.
///
/// Every change is one transaction under QEMU's locks: cut off anywhere, it has happened or it has not. Work follows the
/// image's tables, not its data.
public enum ImageSnapshots {
  /// The snapshots in the order of their table.
  ///
  /// - Parameter sharing: leaves QEMU's locks out, so that an image in use can be looked at.
  public static func list(path: String, sharing: Bool = false) throws(ImageError) -> [ImageSnapshot] {
    try list(LocalFile(path: path), sharing: sharing)
  }

  /// As ``list(path:sharing:)``, of a file that is open.
  static func list(_ file: LocalFile, sharing: Bool) throws(ImageError) -> [ImageSnapshot] {
    if !sharing { try ImageLock.take(.read, on: file) }
    return try Qcow2SnapshotTable(Qcow2Header(from: file), of: file).snapshots.map(ImageSnapshot.init)
  }

  /// Takes a snapshot of the disk as it is.
  ///
  /// - Parameter name: 1 to 255 bytes without control characters, unlike every id and name that is there.
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` for the name, or when refcounts are too narrow;
  ///   ``ImageError/locked(path:by:)``, ``ImageError/needsRepair(path:reason:)``.
  @discardableResult
  public static func create(named name: String, path: String) throws(ImageError) -> ImageSnapshot {
    try create(named: name, file: LocalFile(path: path, access: .readWrite))
  }

  /// As ``create(named:path:)``, of a file that is open for writing.
  static func create(named name: String, file: LocalFile) throws(ImageError) -> ImageSnapshot {
    let path = file.name
    try ImageLock.take(.write, on: file)
    return try Qcow2Change.run(file) { (change) throws(ImageError) in
      let table = change.references.snapshots
      try check(name, in: table, path: path)
      let (seconds, nanoseconds) = SystemClock.realtime.quotientAndRemainder(dividingBy: 1_000_000_000)
      let largest = table.snapshots.compactMap { $0.id.string.flatMap(UInt64.init) }.max() ?? 0
      let (id, overflow) = largest.addingReportingOverflow(1)
      guard !overflow else {
        throw .invalidRequest(path: path, what: "another snapshot", reason: "cannot be numbered; delete the latest one")
      }
      return ImageSnapshot(
        try change.takeSnapshot(
          Qcow2Snapshot(
            l1TableOffset: 0, l1Size: 0, id: StoredName("\(id)"), name: StoredName(name),
            seconds: UInt32(clamping: seconds), nanoseconds: UInt32(clamping: nanoseconds), vmClock: 0,
            vmStateSize: 0)))
    }
  }

  /// Makes the disk what it was when the snapshot was taken, with the size that it had. What the disk holds now is lost,
  /// unless another snapshot has it; VM state stays in the snapshot.
  ///
  /// - Throws: as ``create(named:path:)``; ``ImageError/unsupported(path:feature:remedy:)`` for images with bitmaps.
  public static func apply(_ snapshot: SnapshotSelector, path: String) throws(ImageError) {
    try Qcow2Change.run(path: path) { (change) throws(ImageError) in
      try change.header.checkHasNoBitmaps(path: path, changing: "reverting")
      try change.revert(to: snapshot.one(of: change.references.snapshots, path: path).snapshot)
    }
  }

  /// Gives a snapshot another name; see ``create(named:path:)`` for names.
  public static func rename(_ snapshot: SnapshotSelector, to name: String, path: String) throws(ImageError) {
    try Qcow2Change.run(path: path) { (change) throws(ImageError) in
      let found = try snapshot.one(of: change.references.snapshots, path: path)
      if found.snapshot.name == StoredName(name) { return }
      try check(name, in: change.references.snapshots, path: path)
      try change.renameSnapshot(at: found.index, to: StoredName(name))
    }
  }

  /// Deletes a snapshot. The disk and the other snapshots stay as they are.
  ///
  /// On a file system that is full there is no room to build the next state beside the present one. The data that only this
  /// snapshot has is given back first then; cut off at that moment, the snapshot is still there, and reads as zeros where
  /// its data was.
  public static func delete(_ snapshot: SnapshotSelector, path: String) throws(ImageError) {
    let file = try LocalFile(path: path, access: .readWrite)
    try ImageLock.take(.write, on: file)
    try delete(snapshot, of: file)
  }

  /// Deletes the snapshots of a name that hold the disk as it is now and no VM state: nothing is lost with them, because a
  /// snapshot taken now holds the same. What a disk shares with a snapshot is never written in place, so the two are equal
  /// where they have the same tables.
  ///
  /// - Returns: how many there were.
  @discardableResult
  static func deleteRepeated(named name: String, file: LocalFile) throws(ImageError) -> Int {
    try ImageLock.take(.write, on: file)
    var count = 0
    // One a transaction, so that each begins with the counts of what is there.
    while try deleteOneRepeated(StoredName(name), file) { count += 1 }
    return count
  }

  private static func deleteOneRepeated(_ name: StoredName, _ file: LocalFile) throws(ImageError) -> Bool {
    try Qcow2Change.run(file) { (change) throws(ImageError) in
      for (index, snapshot) in change.references.snapshots.snapshots.enumerated() {
        guard snapshot.name == name, snapshot.vmStateSize == 0, try change.isPresent(snapshot) else { continue }
        try change.deleteSnapshot(at: index)
        return true
      }
      return false
    }
  }

  /// As ``delete(_:path:)``, of an image that is open and locked.
  static func delete(_ snapshot: SnapshotSelector, of storage: any ImageStorage) throws(ImageError) {
    func delete() throws(ImageError) {
      try Qcow2Change.run(storage) { (change) throws(ImageError) in
        try change.deleteSnapshot(at: snapshot.one(of: change.references.snapshots, path: storage.name).index)
      }
    }
    do throws(ImageError) {
      try delete()
    } catch .noSpace(let path, let operation) {
      let header = try Qcow2Header(from: storage)
      let change = try Qcow2Transaction(Qcow2References(header, of: storage), of: storage)
      let found = try snapshot.one(of: change.references.snapshots, path: storage.name).snapshot
      guard try change.discardData(of: found) else { throw .noSpace(path: path, operation: operation) }
      try delete()
    }
  }

  /// QEMU keeps 255 bytes of a name. One that equals an id would make the two hard to tell apart.
  private static func check(_ name: String, in table: Qcow2SnapshotTable, path: String) throws(ImageError) {
    let stored = StoredName(name)
    func refused(_ reason: String) -> ImageError {
      .invalidRequest(path: path, what: "the name '\(stored)' for a snapshot", reason: reason)
    }
    guard (1...255).contains(stored.bytes.count) else { throw refused("is not 1 to 255 bytes long") }
    guard stored.description == name else { throw refused("has characters that cannot be shown") }
    guard !table.snapshots.contains(where: { $0.name == stored || $0.id == stored }) else {
      throw refused("is already the name or id of a snapshot")
    }
  }
}
