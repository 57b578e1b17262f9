// Space for a new image before its first write: all clusters mapped, reserved or written, as QEMU's preallocation modes do.

internal import SystemCalls
internal import SystemPackage

extension NewImage {
  /// Bytes of zeros written at a time.
  private static let zeroPiece = 1 << 20

  /// Writes an image that has its space already.
  ///
  /// - Parameters:
  ///   - header: nil for a raw image.
  ///   - size: virtual size in bytes.
  ///   - progress: told how many bytes were written; throws to stop.
  func preallocate(
    _ file: TargetFile, header: Qcow2Header?, size: UInt64, progress: (UInt64) throws(ImageError) -> Void
  ) throws(ImageError) {
    guard let header else {
      try file.setLength(size)
      switch creation.preallocation {
      case .off, .metadata: break
      case .falloc: try reserve(file, length: size)
      case .full: try writeZeros(file, 0..<size, progress)
      }
      return
    }
    let image = try SequentialQcow2Image(header, in: file)
    let clusterSize = header.geometry.clusterSize
    // With subclusters nothing is allocated in a cluster that only has its place: it reads as the backing file does.
    let allocated: UInt32 = header.geometry.extendedL2 ? 0 : .max
    var run: Range<UInt64> = 0..<0
    for cluster in 0..<header.geometry.clusters(for: size) {
      let offset = try image.map(cluster, allocated: allocated)
      if offset == run.upperBound, offset - run.lowerBound < 1 << 30 {
        run = run.lowerBound..<offset + clusterSize
      } else {
        if creation.preallocation == .full { try writeZeros(file, run, progress) }
        run = offset..<offset + clusterSize
      }
    }
    if creation.preallocation == .full { try writeZeros(file, run, progress) }
    let length = try image.finish()
    if creation.preallocation == .falloc { try reserve(file, length: length) }
  }

  private func reserve(_ file: TargetFile, length: UInt64) throws(ImageError) {
    guard length > 0 else { return }
    do throws(ImageError) {
      try systemCall("reserve space for the image", file.path, file.descriptor.reserve(length))
    } catch .io(_, let path, let code) where code.saysUnsupported {
      throw .unsupported(
        path: path, feature: "preallocation 'falloc' on this file system", remedy: "use preallocation 'full' or 'off'")
    }
  }

  private func writeZeros(
    _ file: TargetFile, _ range: Range<UInt64>, _ progress: (UInt64) throws(ImageError) -> Void
  ) throws(ImageError) {
    guard !range.isEmpty else { return }
    let zeros = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.zeroPiece, alignment: TargetFile.directAlignment)
    defer { zeros.deallocate() }
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = Int(min(UInt64(zeros.count), range.upperBound - offset))
      try file.writeData(UnsafeRawBufferPointer(rebasing: zeros[..<count]), at: offset)
      offset += UInt64(count)
      try progress(offset)
    }
  }
}
