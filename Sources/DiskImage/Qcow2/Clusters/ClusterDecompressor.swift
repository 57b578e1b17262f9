// Turns a compressed cluster's stream back into the cluster (QEMU's qcow2 specification, "Compressed Clusters Descriptor").

internal import CDeflate
internal import CZlib
internal import CZstd
internal import Synchronization

/// Decompresses clusters of one image. May be used from several threads; each borrows a context.
///
/// Output is bounded by the cluster, input by what the descriptor and the file give: no stream can make either grow.
final class ClusterDecompressor: Sendable {
  private enum Method { case deflate, zstd }

  /// A library's context and room for a cluster; used by one thread at a time.
  private final class Context {
    let deflate: OpaquePointer?
    let zstd: OpaquePointer?
    let cluster: UnsafeMutableRawBufferPointer

    init(_ method: Method, clusterSize: Int) {
      deflate = method == .deflate ? libdeflate_alloc_decompressor() : nil
      zstd = method == .zstd ? ZSTD_createDCtx() : nil
      cluster = .allocate(byteCount: clusterSize, alignment: 64)
    }

    deinit {
      if let deflate { libdeflate_free_decompressor(deflate) }
      if let zstd { ZSTD_freeDCtx(zstd) }
      cluster.deallocate()
    }
  }

  private struct Idle: @unchecked Sendable { var contexts: [Context] = [] }

  private let method: Method
  private let clusterSize: Int
  private let idle = Mutex(Idle())

  /// - Parameter type: the header's compression type: 0 deflate, 1 zstd.
  init(type: UInt8, clusterSize: Int) {
    method = type == 1 ? .zstd : .deflate
    self.clusterSize = clusterSize
  }

  /// Decompresses one cluster and gives the part of it that begins `offset` bytes in.
  ///
  /// - Parameter stream: the stream and whatever follows it.
  /// - Returns: false when the stream does not give a whole cluster.
  func decompress(_ stream: [UInt8], from offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    let context = idle.withLock { $0.contexts.popLast() } ?? Context(method, clusterSize: clusterSize)
    defer { idle.withLock { $0.contexts.append(context) } }
    let isWhole = offset == 0 && buffer.count == clusterSize
    let target = isWhole ? buffer : context.cluster
    let succeeded = stream.withUnsafeBytes { input in
      switch method {
      case .deflate:
        Self.inflateQuickly(input, into: target, context.deflate) || Self.inflate(input, into: target)
      case .zstd: Self.decompressZstd(input, into: target, context.zstd)
      }
    }
    if succeeded, !isWhole {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: target[offset..<offset + buffer.count]))
    }
    return succeeded
  }

  /// libdeflate, twice as fast as zlib. It wants the stream's end, which QEMU's streams need not have: its no is not a verdict.
  private static func inflateQuickly(
    _ input: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ context: OpaquePointer?
  ) -> Bool {
    guard let context else { return false }
    var consumed = 0
    var produced = 0
    let result = libdeflate_deflate_decompress_ex(
      context, input.baseAddress, input.count, target.baseAddress, target.count, &consumed, &produced)
    return result == LIBDEFLATE_SUCCESS && produced == target.count
  }

  /// zlib with the largest window, whatever the writer used. Success is that the output is full.
  private static func inflate(_ input: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
    var state = z_stream()
    guard
      inflateInit2_(&state, -MAX_WBITS, zlibVersion(), Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return false }
    defer { inflateEnd(&state) }
    state.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
    state.avail_in = uInt(clamping: input.count)
    state.next_out = target.bindMemory(to: UInt8.self).baseAddress
    state.avail_out = uInt(clamping: target.count)
    let result = CZlib.inflate(&state, Z_FINISH)
    return (result == Z_STREAM_END || result == Z_BUF_ERROR || result == Z_OK) && state.avail_out == 0
  }

  /// Frame after frame until the output is full; a frame that would give more than a cluster is an error. Frames are
  /// decompressed in one go, straight into the output: no window that a frame asks for is ever allocated.
  private static func decompressZstd(
    _ input: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ context: OpaquePointer?
  ) -> Bool {
    guard let context, let source = input.baseAddress, let output = target.baseAddress else { return false }
    var read = 0
    var written = 0
    while written < target.count {
      let frame = ZSTD_findFrameCompressedSize(source + read, input.count - read)
      guard ZSTD_isError(frame) == 0, frame > 0, frame <= input.count - read else { return false }
      let count = ZSTD_decompressDCtx(context, output + written, target.count - written, source + read, frame)
      guard ZSTD_isError(count) == 0 else { return false }
      read += frame
      written += count
    }
    return true
  }
}
