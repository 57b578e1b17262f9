// Turns a qcow2 header into bytes: the only place that lays out the header cluster.

extension Qcow2Header {
  /// The fields up to header_length.
  func fixedFields() -> [UInt8] {
    var bytes = RecognisedFormat.qcow2Magic
    bytes.append(bigEndian: version)
    bytes.append(bigEndian: backingFileOffset)
    bytes.append(bigEndian: backingFileSize)
    bytes.append(bigEndian: clusterBits)
    bytes.append(bigEndian: size)
    bytes.append(bigEndian: cryptMethod)
    bytes.append(bigEndian: l1Size)
    bytes.append(bigEndian: l1TableOffset)
    bytes.append(bigEndian: refcountTableOffset)
    bytes.append(bigEndian: refcountTableClusters)
    bytes.append(bigEndian: snapshotCount)
    bytes.append(bigEndian: snapshotsOffset)
    guard version >= 3 else { return bytes }
    bytes.append(bigEndian: incompatible.rawValue)
    bytes.append(bigEndian: compatible.rawValue)
    bytes.append(bigEndian: autoclear.rawValue)
    bytes.append(bigEndian: refcountOrder)
    bytes.append(bigEndian: headerLength)
    if headerLength > 104 { bytes.append(compressionType) }
    bytes += unknownFields
    return bytes
  }

  /// The used part of the header cluster: fields, extensions in their order, end marker, backing file name, whose
  /// offset and size are set accordingly.
  ///
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` when it does not fit one cluster.
  mutating func layOut(path: String) throws(ImageError) -> [UInt8] {
    let tail = extensions.flatMap(\.bytes) + [UInt8](repeating: 0, count: 8)
    let name = backingFile?.bytes ?? []
    let clusterSize = 1 << Int(clusterBits)
    guard name.count <= Int(Qcow2Limit.backingNameBytes), Int(headerLength) + tail.count + name.count <= clusterSize
    else {
      throw .invalidRequest(
        path: path, what: "the backing file's name",
        reason: "is \(name.count) bytes, too long for a header cluster of \(clusterSize) bytes (and 1023 at most)")
    }
    backingFileOffset = backingFile == nil ? 0 : UInt64(Int(headerLength) + tail.count)
    backingFileSize = UInt32(name.count)
    return fixedFields() + tail + name
  }
}

extension Qcow2Extension {
  /// The extension as it is stored, padding included.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: type)
    bytes.append(bigEndian: UInt32(data.count))
    return bytes + data + padding
  }
}
