// Another backing file in an image that is there: what the header cluster must hold so that one write of its first sector switches names (QEMU's qcow2 specification, "Header extensions" and "Backing file").

/// The header cluster of an image whose backing file changes.
///
/// The list of extensions begins in the first sector, and all of it but the table of feature names is small. So the
/// sector is written with a list that ends inside of it, and a new name lies either in the sector too or where the present
/// one does not. The feature names, which nobody needs for reading, come back with a second write.
struct Qcow2HeaderNames {
  /// What has to be on disk before the first sector is written.
  private(set) var before: [(offset: UInt64, bytes: [UInt8])] = []
  /// The first sector that switches.
  let sector: [UInt8]
  /// What brings the feature names back afterwards: behind the first sector, then the first sector again.
  private(set) var after: (rest: [UInt8], sector: [UInt8])?

  /// Lays the header cluster out.
  ///
  /// - Parameters:
  ///   - present: the header as it is on disk.
  ///   - header: the header to be; its name's place is filled in here.
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` when it does not fit,
  ///   ``ImageError/unsupported(path:feature:remedy:)`` for extensions that reach beyond the first sector.
  init(replacing present: Qcow2Header, with header: inout Qcow2Header, path: String) throws(ImageError) {
    let clusterSize: UInt64 = 1 << UInt64(header.clusterBits)
    let sectorLength = UInt64(Qcow2Header.sectorLength)
    let features = header.extensions.filter { $0.type == Qcow2Extension.Kind.featureNames.rawValue }
    let others = header.extensions.filter { $0.type != Qcow2Extension.Kind.featureNames.rawValue }
    let fields = UInt64(header.headerLength)
    let short = Self.bytes(of: others)
    guard fields + UInt64(short.count) <= sectorLength else {
      throw .unsupported(
        path: path, feature: "another backing file beside header extensions of \(short.count) bytes",
        remedy: "convert the image, which leaves them out")
    }
    let name = header.backingFile?.bytes ?? []
    let full = features.isEmpty ? short : Self.bytes(of: others + features)
    let fullEnd = fields + UInt64(full.count)
    let shortEnd = fields + UInt64(short.count)
    let used = present.backingFileOffset..<present.backingFileOffset + UInt64(present.backingFileSize)
    // Behind all extensions; in the first sector when there are no feature names to bring back; where the present name is not.
    let places = [
      features.isEmpty ? shortEnd : fullEnd, max(fullEnd, sectorLength), max(used.upperBound, fullEnd, sectorLength),
    ]
    let place = places.first { place in
      let end = place + UInt64(name.count)
      guard end <= clusterSize, end > sectorLength else { return end <= clusterSize }
      return place >= sectorLength && (place >= used.upperBound || end <= used.lowerBound)
    }
    guard name.isEmpty || (place != nil && name.count <= Int(Qcow2Limit.backingNameBytes)) else {
      throw .invalidRequest(
        path: path, what: "the backing file's name",
        reason: "is \(name.count) bytes, too long for this image's header cluster (and 1023 at most)")
    }
    header.backingFileOffset = name.isEmpty ? 0 : place ?? 0
    header.backingFileSize = UInt32(name.count)

    func sector(_ list: [UInt8]) -> [UInt8] {
      var bytes = header.fixedFields() + list
      if !name.isEmpty, header.backingFileOffset + UInt64(name.count) <= sectorLength {
        bytes += [UInt8](repeating: 0, count: Int(header.backingFileOffset) - bytes.count) + name
      }
      bytes = Array(bytes.prefix(Int(sectorLength)))
      return bytes + [UInt8](repeating: 0, count: Int(sectorLength) - bytes.count)
    }
    self.sector = sector(short)
    if !name.isEmpty, header.backingFileOffset + UInt64(name.count) > sectorLength {
      before = [(header.backingFileOffset, name)]
    }
    let limit = name.isEmpty ? clusterSize : header.backingFileOffset
    guard !features.isEmpty, fullEnd <= limit else {
      header.extensions = others
      return
    }
    let all = header.fixedFields() + full
    after = (Array(all.dropFirst(Int(sectorLength))), sector(full))
  }

  /// The list of extensions with its end marker.
  private static func bytes(of extensions: [Qcow2Extension]) -> [UInt8] {
    extensions.flatMap(\.bytes) + [UInt8](repeating: 0, count: 8)
  }
}

extension Qcow2Header {
  /// Names another backing file, or none.
  mutating func setBacking(_ backing: (name: StoredName, format: ImageFormat)?) {
    extensions.removeAll { $0.type == Qcow2Extension.Kind.backingFormat.rawValue }
    backingFile = backing?.name
    if let backing {
      extensions.insert(Qcow2Extension(.backingFormat, Array(backing.format.rawValue.utf8)), at: 0)
    }
  }
}
