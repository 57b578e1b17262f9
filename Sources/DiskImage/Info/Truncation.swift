// Whether the end of an image is missing, from its reference counts: two small reads, whatever the size of the image.

extension ImageInfo {
  /// Refuses a qcow2 image whose file ends before the last cluster that it uses, as a download that was cut short does.
  ///
  /// The guest would read zeros in place of what is missing. Anything that is not qcow2 passes.
  public static func requireWhole(path: String) throws(ImageError) {
    let file = try LocalFile(path: path)
    guard let length = file.length else { return }
    let header = try Qcow2Header(from: file)
    guard let used = try StoredRefcounts(header, of: file).lastUsedOffset(), used >= length else { return }
    throw .malformed(
      path: path, field: "refcounts",
      reason: "the file is truncated: it ends before the last cluster in use, at \(used)",
      offset: length)
  }
}

extension StoredRefcounts {
  /// Where the last cluster with a count begins; nil where there is none. What the tables say of places outside the file
  /// counts as well.
  func lastUsedOffset() throws(ImageError) -> UInt64? {
    guard tableFault == nil, let index = table.lastIndex(where: { $0 != 0 }) else { return nil }
    // A block beyond the end of the file is itself a cluster in use.
    guard let block = try block(index) else { return table[index] & ~0x1FF }
    let count = Int(geometry.refcountsPerBlock)
    guard let last = (0..<count).last(where: { block[$0] != 0 }) else { return nil }
    let (offset, overflow) = (UInt64(index) * UInt64(count) + UInt64(last))
      .multipliedReportingOverflow(by: geometry.clusterSize)
    return overflow ? nil : offset
  }
}
