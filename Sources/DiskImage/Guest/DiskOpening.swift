// Opens an image and everything it stands on for reading guest data, data files included, under QEMU's locks.

internal import SystemCalls

extension GuestDisk {
  /// Opens a disk for reading.
  ///
  /// - Parameters:
  ///   - path: the top image.
  ///   - format: its declared format; nil detects, for images that no guest could write.
  ///   - snapshot: reads this internal snapshot of the top image, with the snapshot's own size.
  ///   - references: where backing files may lie, and whether data files are allowed.
  ///   - sharing: whether QEMU's locks are left out, so that an image in use can be read; what is read then may be torn.
  /// - Throws: ``ImageError/locked(path:by:)`` when a process writes to one of the images, and what
  ///   ``BackingChain/read(path:format:references:limit:)`` throws.
  public static func open(
    path: String, format: ImageFormat? = nil, snapshot: SnapshotSelector? = nil,
    references: ReferencePolicy = .anywhere, sharing: Bool = false
  ) throws(ImageError) -> GuestDisk {
    try open(
      LocalFile(path: absolutePath(path)), format: format, snapshot: snapshot, references: references, sharing: sharing)
  }

  /// Opens what an image stands on, if it stands on something.
  static func open(below image: ImageInfo, references: ReferencePolicy) throws(ImageError) -> GuestDisk? {
    guard let backing = try BackingChain.openBacking(of: image, references: references) else { return nil }
    return try open(backing.file, format: backing.format, references: references, above: image.identity)
  }

  /// As ``open(path:format:snapshot:references:sharing:)``, of a file that is open already.
  ///
  /// - Parameters:
  ///   - holdingTop: whether the top image is locked already.
  ///   - overlay: an image above that is open and locked: one that stands on it is a loop, not in use by somebody.
  static func open(
    _ top: LocalFile, format: ImageFormat?, snapshot: SnapshotSelector? = nil, references: ReferencePolicy,
    sharing: Bool = false, holdingTop: Bool = false, above overlay: FileIdentity? = nil
  ) throws(ImageError) -> GuestDisk {
    var layers: [any ImageLayer] = []
    var seen = Set([overlay].compactMap { $0 })
    var next: (file: LocalFile, format: ImageFormat?)? = (top, format)
    while let (file, format) = next {
      guard layers.count < BackingChain.defaultLimit else {
        throw .chainTooLong(path: top.name, limit: BackingChain.defaultLimit)
      }
      guard seen.insert(file.status.identity).inserted else { throw .chainLoop(path: file.name) }
      let isTop = layers.isEmpty
      if !sharing, !(isTop && holdingTop) { try ImageLock.take(.read, on: file) }
      let info = try ImageInfo.read(file: file, format: format)
      if info.format == .raw {
        guard snapshot == nil || !isTop else {
          throw .invalidRequest(path: file.name, what: "a raw image", reason: "has no internal snapshots")
        }
        layers.append(RawLayer(file))
      } else {
        let header = try Qcow2Header(from: file)
        let dataFile = try references.openDataFile(of: info)
        if let dataFile {
          // A data file is a file of its own: one that is an image of the chain would be read as two things.
          guard seen.insert(dataFile.status.identity).inserted else { throw .chainLoop(path: dataFile.name) }
          if !sharing { try ImageLock.take(.read, on: dataFile) }
        }
        if isTop, let snapshot {
          guard dataFile == nil else {
            throw .unsupported(
              path: file.name, feature: "internal snapshots of an image with an external data file", remedy: nil)
          }
          let table = try Qcow2SnapshotTable(header, of: file)
          layers.append(try Qcow2Layer(header, of: file, showing: snapshot.one(of: table, path: file.name).snapshot))
        } else {
          layers.append(Qcow2Layer(header, of: file, dataFile: dataFile))
        }
        try (layers.last as? Qcow2Layer)?.checkL1Table()
      }
      next = try BackingChain.openBacking(of: info, references: references).map { ($0.file, $0.format) }
    }
    return GuestDisk(layers: layers)
  }
}

extension Qcow2Layer {
  /// Refuses an L1 table that names one L2 table twice: a few kilobytes could map any number of clusters that way, and
  /// no program writes one. With that, walking a disk takes no longer than its file is large.
  func checkL1Table() throws(ImageError) {
    var tables: [UInt64] = []
    var offset = l1Offset
    let end = l1Offset + l1Entries * 8
    while offset < end {
      let words = try source.read("L1 table", at: offset, exactly: Int(min(1 << 16, end - offset))).bigEndianTable
      for word in words where word & Qcow2Limit.hostOffsetMask != 0 { tables.append(word & Qcow2Limit.hostOffsetMask) }
      offset += UInt64(words.count) * 8
    }
    tables.sort()
    for (one, next) in zip(tables, tables.dropFirst()) where one == next {
      throw .malformed(
        path: source.name, field: "L1 table", reason: "names the L2 table at \(one) more than once", offset: l1Offset)
    }
  }

  /// Opens an internal snapshot as a disk of the snapshot's own size.
  init(_ header: Qcow2Header, of source: any ByteSource, showing snapshot: Qcow2Snapshot) throws(ImageError) {
    func malformed(_ reason: String) -> ImageError {
      .malformed(
        path: source.name, field: "L1 table of snapshot '\(snapshot.name)'", reason: reason,
        offset: snapshot.l1TableOffset)
    }
    let size = snapshot.size(in: header) / 512 * 512
    let entries = UInt64(snapshot.l1Size)
    guard entries <= Qcow2Limit.l1Entries, entries >= header.geometry.l1Needed(for: size) else {
      throw malformed("\(entries) entries do not fit its \(size) bytes")
    }
    let (end, overflow) = snapshot.l1TableOffset.addingReportingOverflow(entries * 8)
    guard header.geometry.isAligned(snapshot.l1TableOffset), !overflow, end <= source.length ?? .max else {
      throw malformed("does not begin at a cluster or lies beyond the end of the file")
    }
    self.init(
      header, of: source, l1Offset: snapshot.l1TableOffset, l1Entries: entries, virtualSize: size)
  }
}

/// Says which internal snapshot is meant. Ids and names are both chosen by whoever takes snapshots, so a plain word may
/// fit two of them: that is refused, never guessed.
public enum SnapshotSelector: Sendable, Equatable {
  /// The id, a decimal number as a rule.
  case id(String)
  /// The name (qemu-img: the tag).
  case name(String)
  /// An id or a name.
  case either(String)

  /// What the selector asks for, in words.
  var shown: String {
    switch self {
    case .id(let text): "with the id '\(escapedForDisplay(text))'"
    case .name(let text), .either(let text): "'\(escapedForDisplay(text))'"
    }
  }

  private func fits(_ snapshot: Qcow2Snapshot) -> Bool {
    switch self {
    case .id(let text): snapshot.id == StoredName(text)
    case .name(let text): snapshot.name == StoredName(text)
    case .either(let text): snapshot.id == StoredName(text) || snapshot.name == StoredName(text)
    }
  }

  /// The one snapshot that is meant, and its place in the table.
  func one(
    of table: Qcow2SnapshotTable, path: String
  ) throws(ImageError) -> (index: Int, snapshot: Qcow2Snapshot) {
    let found = table.snapshots.enumerated().filter { fits($0.element) }
    guard let only = found.first else {
      let names = table.snapshots.prefix(20).map { "'\($0.name)'" }.joined(separator: ", ")
      throw .invalidRequest(
        path: path, what: "the snapshot \(shown)", reason: "does not exist; there is \(names.isEmpty ? "none" : names)")
    }
    guard found.count == 1 else {
      let ids = found.map { "'\($0.element.name)' with the id \($0.element.id)" }.joined(separator: " and ")
      throw .ambiguousSnapshot(path: path, snapshot: shown, candidates: ids)
    }
    return (only.offset, only.element)
  }
}
