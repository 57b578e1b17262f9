// Reading the snapshot table of an image that may be damaged: what can be believed of it, and what cannot (QEMU's qcow2 specification, "Snapshots").

extension Qcow2SnapshotTable {
  /// A table as a check reads it.
  struct Checked {
    /// What a repair writes in its place; the same when there are no faults.
    var table = Qcow2SnapshotTable()
    /// What contradicts the format, in words. Each of them is mended by writing `table`.
    var faults: [String] = []

    /// Whether this can only be a snapshot table: nothing is wrong with it, and each entry has an id and an L1 table.
    func isConvincing(_ header: Qcow2Header, fileLength: UInt64) -> Bool {
      faults.isEmpty
        && table.snapshots.allSatisfy { snapshot in
          let bytes = UInt64(snapshot.l1Size) * 8
          return !snapshot.id.bytes.isEmpty && bytes > 0 && snapshot.l1TableOffset > 0
            && header.geometry.isAligned(snapshot.l1TableOffset) && snapshot.l1TableOffset <= fileLength
            && bytes <= fileLength - snapshot.l1TableOffset
        }
    }
  }

  /// Reads the table that a header points at, whatever it holds.
  ///
  /// An entry that the file ends before is lost, and so are all behind it. Of an entry whose names the file ends in, the
  /// rest is kept. Entries of version 3 without a disk size get the present one, as QEMU gives them.
  static func checked(_ header: Qcow2Header, of source: any ByteSource) throws(ImageError) -> Checked {
    var result = Checked()
    let fileLength = source.length ?? UInt64(Int64.max)
    let count = min(header.snapshotCount, Qcow2Limit.snapshots)
    if header.snapshotCount > count {
      result.faults.append("\(header.snapshotCount - count) snapshots beyond the \(count) that an image can have")
    }
    var offset = header.snapshotsOffset
    for number in 0..<count {
      let length = offset - header.snapshotsOffset
      guard offset <= fileLength, fileLength - offset >= UInt64(Qcow2Snapshot.fixedLength) else {
        result.faults.append(
          "\(count - number) of \(count) entries of the snapshot table lie beyond the end of the file")
        break
      }
      guard length < UInt64(Qcow2Snapshot.maximumTableBytes) else {
        result.faults.append("\(count - number) of \(count) entries of the snapshot table lie behind its first 64 MiB")
        break
      }
      let (snapshot, end, fault) = try entry(at: offset, header, of: source)
      let place = snapshot.l1TableOffset
      let leadsNowhere =
        snapshot.l1Size > Qcow2Limit.l1Entries || !header.geometry.isAligned(place) || place > fileLength
      let isEmpty =
        snapshot.id.bytes.isEmpty && snapshot.l1Size == 0 || leadsNowhere && end > fileLength
      if let fault { result.faults.append("entry \(number) of the snapshot table \(fault)") }
      // Nobody writes such an entry: it was never one, and there is no table to read by it.
      if fault == nil || !isEmpty { result.table.snapshots.append(snapshot) }
      offset = end
      result.table.storedLength = min(offset, fileLength) - header.snapshotsOffset
    }
    return result
  }

  private static func entry(
    at offset: UInt64, _ header: Qcow2Header, of source: any ByteSource
  ) throws(ImageError) -> (snapshot: Qcow2Snapshot, end: UInt64, fault: String?) {
    var fault: String?
    var fixed = try source.read("snapshot table", at: offset, exactly: Qcow2Snapshot.fixedLength)
    let extra = UInt64(fixed.bigEndian32(at: 36))
    let names = UInt64(fixed.bigEndian16(at: 12)) + UInt64(fixed.bigEndian16(at: 14))
    let start = offset + UInt64(Qcow2Snapshot.fixedLength)
    let keptExtra = min(extra, UInt64(Qcow2Snapshot.maximumExtraData))
    if extra > keptExtra { fault = "has \(extra) bytes of extra data, more than \(keptExtra)" }
    var rest = try source.read(at: start, count: Int(keptExtra))
    if rest.count < keptExtra {
      fault = "lies partly beyond the end of the file"
      rest += [UInt8](repeating: 0, count: Int(keptExtra) - rest.count)
    }
    let text = try source.read(at: start + extra, count: Int(names))
    if text.count < names {
      fault = "lies partly beyond the end of the file"
      let idLength = min(Int(fixed.bigEndian16(at: 12)), text.count)
      fixed.put(UInt16(idLength), at: 12)
      fixed.put(UInt16(text.count - idLength), at: 14)
    }
    fixed.put(UInt32(keptExtra), at: 36)
    var snapshot = Qcow2Snapshot(fixed: fixed, rest: rest + text)
    if header.version >= 3, keptExtra < 16 {
      fault = fault ?? "does not record its disk size"
      snapshot.diskSize = header.size
      snapshot.extraDataSize = 24
    }
    // Of 32 and 16 bits each, behind an offset inside of the file: nothing here overflows.
    return (snapshot, offset + (UInt64(Qcow2Snapshot.fixedLength) + extra + names + 7) / 8 * 8, fault)
  }
}
