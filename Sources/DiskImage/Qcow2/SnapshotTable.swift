// The table of internal snapshots (QEMU's qcow2 specification, "Snapshots"): read from bytes and written to bytes here, and only here.

/// One entry of the snapshot table.
struct Qcow2Snapshot: Sendable, Equatable {
  var l1TableOffset: UInt64
  /// Entries of the snapshot's L1 table.
  var l1Size: UInt32
  var id: StoredName
  var name: StoredName
  /// Seconds since 1970, and nanoseconds.
  var seconds: UInt32
  var nanoseconds: UInt32
  /// The guest's clock in nanoseconds.
  var vmClock: UInt64
  /// Bytes of VM state, from the 32-bit field or, when there, from the extra data.
  var vmStateSize: UInt64
  /// The disk's size in bytes, or nil when the entry does not say (version 2 images made by old programs).
  var diskSize: UInt64?
  /// Executed instructions; nil when not recorded.
  var instructionCount: UInt64?
  /// Extra data behind the fields known here, kept byte for byte.
  var unknownExtraData: [UInt8] = []
  /// Bytes of extra data that were stored; a new entry has 24.
  var extraDataSize: Int = 24

  static let fixedLength = 40
  /// QEMU's QCOW_MAX_SNAPSHOT_EXTRA_DATA.
  static let maximumExtraData = 1024
  /// QEMU's QCOW_MAX_SNAPSHOTS_SIZE.
  static let maximumTableBytes = 64 << 20

  /// The disk's size; without one of its own the image's present size.
  func size(in header: Qcow2Header) -> UInt64 { diskSize ?? header.size }
}

/// All internal snapshots of an image, in the order of the table.
struct Qcow2SnapshotTable: Sendable, Equatable {
  var snapshots: [Qcow2Snapshot]
  /// Bytes that the table took up in the file when it was read.
  var storedLength: UInt64 = 0

  init(_ snapshots: [Qcow2Snapshot] = []) { self.snapshots = snapshots }

  /// Reads the table that a header points at, in small reads bounded by the file.
  init(_ header: Qcow2Header, of source: some ByteSource) throws(ImageError) {
    snapshots = []
    snapshots.reserveCapacity(Int(min(header.snapshotCount, 1024)))
    var offset = header.snapshotsOffset
    for number in 0..<header.snapshotCount {
      let field = "snapshot table, entry \(number)"
      let fixed = try source.read(field, at: offset, exactly: Qcow2Snapshot.fixedLength)
      let extra = Int(fixed.bigEndian32(at: 36))
      guard extra <= Qcow2Snapshot.maximumExtraData else {
        throw .malformed(
          path: source.name, field: field, reason: "\(extra) bytes of extra data, more than 1024", offset: offset)
      }
      let idLength = Int(fixed.bigEndian16(at: 12))
      let nameLength = Int(fixed.bigEndian16(at: 14))
      let rest = try source.read(
        field, at: offset + UInt64(Qcow2Snapshot.fixedLength), exactly: extra + idLength + nameLength)
      snapshots.append(Qcow2Snapshot(fixed: fixed, rest: rest))
      offset += UInt64((Qcow2Snapshot.fixedLength + rest.count + 7) / 8 * 8)
      storedLength = offset - header.snapshotsOffset
      guard storedLength <= UInt64(Qcow2Snapshot.maximumTableBytes) else {
        throw .malformed(path: source.name, field: field, reason: "the table is more than 64 MiB", offset: offset)
      }
    }
  }

  /// The table as it is stored.
  var bytes: [UInt8] {
    var result: [UInt8] = []
    for snapshot in snapshots {
      result += snapshot.bytes
      result += [UInt8](repeating: 0, count: (8 - result.count % 8) % 8)
    }
    return result
  }
}

extension Qcow2Snapshot {
  init(fixed: [UInt8], rest: [UInt8]) {
    let extra = Int(fixed.bigEndian32(at: 36))
    let idLength = Int(fixed.bigEndian16(at: 12))
    l1TableOffset = fixed.bigEndian64(at: 0)
    l1Size = fixed.bigEndian32(at: 8)
    seconds = fixed.bigEndian32(at: 16)
    nanoseconds = fixed.bigEndian32(at: 20)
    vmClock = fixed.bigEndian64(at: 24)
    vmStateSize = extra >= 8 ? rest.bigEndian64(at: 0) : UInt64(fixed.bigEndian32(at: 32))
    diskSize = extra >= 16 ? rest.bigEndian64(at: 8) : nil
    instructionCount = extra >= 24 && rest.bigEndian64(at: 16) != .max ? rest.bigEndian64(at: 16) : nil
    unknownExtraData = extra > 24 ? Array(rest[24..<extra]) : []
    extraDataSize = extra
    id = StoredName(bytes: Array(rest[extra..<extra + idLength]))
    name = StoredName(bytes: Array(rest[(extra + idLength)...]))
  }

  /// The entry without the padding behind it. An entry with less extra data than QEMU writes today keeps what it had
  /// when that says all there is to say.
  fileprivate var bytes: [UInt8] {
    var extra: [UInt8] = []
    if extraDataSize >= 8 { extra.append(bigEndian: vmStateSize) }
    if extraDataSize >= 16 { extra.append(bigEndian: diskSize ?? 0) }
    if extraDataSize >= 24 { extra.append(bigEndian: instructionCount ?? .max) }
    if extraDataSize > 24 { extra += unknownExtraData }
    var result: [UInt8] = []
    result.append(bigEndian: l1TableOffset)
    result.append(bigEndian: l1Size)
    result.append(bigEndian: UInt16(id.bytes.count))
    result.append(bigEndian: UInt16(name.bytes.count))
    result.append(bigEndian: seconds)
    result.append(bigEndian: nanoseconds)
    result.append(bigEndian: vmClock)
    result.append(bigEndian: vmStateSize > UInt64(UInt32.max) ? 0 : UInt32(vmStateSize))
    result.append(bigEndian: UInt32(extra.count))
    return result + extra + id.bytes + name.bytes
  }
}
