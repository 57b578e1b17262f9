// Mending what a check found: refcounts, flags and marks, by a transaction like every other change.

enum Qcow2Repair {
  /// Mends an image.
  ///
  /// Leaks: counts go down to what refers to their clusters. All: refcounts are rebuilt from the references, what shares
  /// a cluster with something of another kind gets a copy of its own, the flags of the active tables follow, and the dirty
  /// mark goes; the corrupt mark goes when nothing is left to complain of.
  ///
  /// Where tables cannot be followed, what they lead to looks unused: no count goes down then, because the space would be
  /// used again, and whoever knows how to mend the tables could not have it back.
  ///
  /// - Returns: whether something was written.
  static func mend(
    _ found: Qcow2References, of storage: any ImageStorage, _ repair: ImageCheck.Repair
  ) throws(ImageError) -> Bool {
    let findings = found.findings
    guard findings.checkErrors == 0 else { return false }
    let marks: Qcow2Header.IncompatibleFeatures = [.dirty, .corrupt]
    let isMarked = !found.header.incompatible.isDisjoint(with: marks)
    switch repair {
    case .none: return false
    case .leaks:
      // What a snapshot that cannot be read leads to is not a leak.
      guard findings.leaks > 0, !findings.refcountsAreBroken, !findings.hidesReferences, !found.snapshotsNeedWriting,
        found.cutL1Tables.isEmpty
      else { return false }
      return try write(found, storage) { (change) throws(ImageError) in
        change.ceiling = found.beyond.first
        try lowerLeaks(change)
      }
    case .all:
      let isRaising = findings.hidesReferences
      guard findings.mendable + (isRaising ? 0 : findings.leaks) > 0 || isMarked else { return false }
      // Refcounts made from half of the references would free the other half.
      if isRaising, !found.stored.isSound || findings.exceedsRefcounts || !found.cutL1Tables.isEmpty { return false }
      let isRebuilding = !isRaising && findings.mendable + findings.leaks > 0
      let isWritten = try write(found, storage, rebuilding: isRebuilding) { (change) throws(ImageError) in
        if isRaising {
          change.ceiling = found.beyond.first
          try raise(change)
        } else {
          if isRebuilding { try Qcow2Rebuilding.run(change) }
          change.header.incompatible.remove(.dirty)
        }
        try change.sealCopied()
      }
      guard isWritten else { return false }
      try removeCorruptMark(storage)
    }
    return true
  }

  /// Builds and commits the next state.
  ///
  /// - Returns: false when it cannot be built: the findings say what is wrong, and the image is as it was.
  private static func write(
    _ found: Qcow2References, _ storage: any ImageStorage, rebuilding: Bool = false,
    _ build: (Qcow2Transaction) throws(ImageError) -> Void
  ) throws(ImageError) -> Bool {
    let change = try Qcow2Transaction(mending: found, of: storage, rebuilding: rebuilding)
    do throws(ImageError) {
      do throws(ImageError) {
        try build(change)
      } catch {
        change.takeBack()
        throw error
      }
      try change.commit()
    } catch .unsupported, .invalidRequest, .needsRepair {
      return false
    }
    return true
  }

  private static func lowerLeaks(_ change: Qcow2Transaction) throws(ImageError) {
    let found = change.references
    let perBlock = change.geometry.refcountsPerBlock
    for index in found.stored.table.indices {
      guard try !found.stored.isHole(index), let block = try found.stored.block(index) else { continue }
      let first = UInt64(index) * perBlock
      guard first < found.fileClusters else { break }
      for entry in 0..<Int(min(perBlock, found.fileClusters - first)) where block[entry] != 0 {
        let references = found.tally.count(of: first + UInt64(entry))
        if block[entry] > references { try change.setCount(of: first + UInt64(entry), to: references) }
      }
    }
    // A leaked count may have hidden that a cluster is not shared any more.
    try change.sealCopied()
  }

  private static func raise(_ change: Qcow2Transaction) throws(ImageError) {
    try change.references.tally.forEach { (cluster, references, _) throws(ImageError) in
      if try change.count(of: cluster) < references { try change.setCount(of: cluster, to: references) }
    }
  }

  private static func removeCorruptMark(_ storage: any ImageStorage) throws(ImageError) {
    // Something may be left that only a check lets through.
    let header = try Qcow2Header(from: storage, checking: true)
    guard header.incompatible.contains(.corrupt) else { return }
    let left = try Qcow2References(header, of: storage)
    guard left.findings.corruptions == 0, left.findings.checkErrors == 0 else { return }
    let change = try Qcow2Transaction(mending: left, of: storage)
    change.header.incompatible.remove(.corrupt)
    try change.commit()
  }
}
