// Compresses clusters so that QEMU can read them (QEMU's qcow2 specification, "Compressed Clusters Descriptor"; the parameters are those of block/qcow2-threads.c).

internal import CZlib
internal import CZstd
internal import SystemPackage

/// One compression context, used over and over by one thread.
final class ClusterCompressor {
  private enum Method {
    case deflate(UnsafeMutablePointer<z_stream>)
    case zstd
  }

  private let method: Method
  /// For zstd streams; beside deflate, a quick look at what seems incompressible.
  private let zstd: OpaquePointer
  private let clusterSize: Int
  private let trial: UnsafeMutableRawBufferPointer

  /// Raw deflate in a window of 4 KiB: readers inflate with no larger one.
  private static let windowBits: Int32 = -12
  private static let memoryLevel: Int32 = 9

  init(_ type: Qcow2Info.Compression, clusterSize: Int, path: String) throws(ImageError) {
    func outOfMemory() -> ImageError {
      .io(operation: "start compressing clusters", path: path, errno: .noMemory)
    }
    self.clusterSize = clusterSize
    guard let zstd = ZSTD_createCCtx() else { throw outOfMemory() }
    self.zstd = zstd
    switch type {
    case .zstd:
      method = .zstd
      trial = .init(start: nil, count: 0)
    case .zlib:
      let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
      stream.initialize(to: z_stream())
      let result = deflateInit2_(
        stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, Self.windowBits, Self.memoryLevel, Z_DEFAULT_STRATEGY, zlibVersion(),
        Int32(MemoryLayout<z_stream>.size))
      guard result == Z_OK else {
        stream.deallocate()
        ZSTD_freeCCtx(zstd)
        throw outOfMemory()
      }
      method = .deflate(stream)
      trial = .allocate(byteCount: clusterSize, alignment: 64)
    }
  }

  deinit {
    if case .deflate(let stream) = method {
      deflateEnd(stream)
      stream.deallocate()
    }
    ZSTD_freeCCtx(zstd)
    trial.deallocate()
  }

  /// Compresses one cluster.
  ///
  /// - Parameter output: room for a cluster.
  /// - Returns: the stream's length, below the cluster size; nil when the cluster is better stored as it is.
  func compress(_ cluster: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int? {
    switch method {
    case .zstd:
      let count = ZSTD_compressCCtx(
        zstd, output.baseAddress, clusterSize - 1, cluster.baseAddress, cluster.count, ZSTD_CLEVEL_DEFAULT)
      return ZSTD_isError(count) != 0 ? nil : count
    case .deflate(let stream):
      if looksRandom(cluster) { return nil }
      guard deflateReset(stream) == Z_OK else { return nil }
      stream.pointee.next_in = UnsafeMutablePointer(mutating: cluster.bindMemory(to: UInt8.self).baseAddress)
      stream.pointee.avail_in = uInt(cluster.count)
      stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
      stream.pointee.avail_out = uInt(clusterSize - 1)
      guard deflate(stream, Z_FINISH) == Z_STREAM_END else { return nil }
      return clusterSize - 1 - Int(stream.pointee.avail_out)
    }
  }

  /// Whether deflate would find nothing: it takes as long to find that out as to compress text. Bytes that are spread
  /// as evenly as chance does raise the question; zstd, ten times as fast, answers it.
  private func looksRandom(_ cluster: UnsafeRawBufferPointer) -> Bool {
    guard cluster.count >= 4096 else { return false }
    var counts = InlineArray<256, UInt32>(repeating: 0)
    let sample = cluster.count / 2 & ~7
    for index in sample - 2048..<sample + 2048 { counts[Int(cluster[index])] += 1 }
    var squares: UInt32 = 0
    for index in 0..<256 { squares &+= counts[index] &* counts[index] }
    // 4096 random bytes give 69,616 on average; text and programs far more than this.
    guard squares < 80_000 else { return false }
    let count = ZSTD_compressCCtx(zstd, trial.baseAddress, trial.count, cluster.baseAddress, cluster.count, 1)
    return ZSTD_isError(count) != 0 || count > cluster.count - cluster.count / 64
  }
}
