// Turns a qcow2 header into bytes: the only place that lays out the header cluster.

extension Qcow2Header {
  /// The fields up to header_length.
  func fixedFields() -> [UInt8] {
    var bytes = Self.magic
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

  /// Bytes 24...47: size, crypt_method, l1_size, l1_table_offset. One write of them switches an image to another size.
  var sizeFields: [UInt8] { Array(fixedFields()[Offset.size..<Offset.refcountTable]) }

  /// Bytes 48...59: where the refcount table is.
  var refcountTableFields: [UInt8] { Array(fixedFields()[Offset.refcountTable..<Offset.refcountTable + 12]) }

  /// The used part of the header cluster: fields, extensions in their order, end marker, backing file name, whose
  /// offset and size are set accordingly.
  ///
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` when it does not fit one cluster.
  mutating func layOut(path: String) throws(ImageError) -> [UInt8] {
    var tail: [UInt8] = []
    for item in extensions {
      tail.append(bigEndian: item.type)
      tail.append(bigEndian: UInt32(item.data.count))
      tail += item.data
      tail += item.padding
    }
    tail.append(bigEndian: UInt64(0))
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
