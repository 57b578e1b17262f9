// Reads L1 and L2 tables in slices and keeps the latest few, so that memory does not follow an image's size.

internal import Synchronization

/// Table words of one image by their place in the file. May be used from several threads.
final class Qcow2TableReader: Sendable {
  /// A part of the file, as big-endian words.
  final class Slice: Sendable {
    /// Offset in the file of the first word.
    let start: UInt64
    let words: [UInt64]

    init(start: UInt64, words: [UInt64]) {
      self.start = start
      self.words = words
    }

    /// Index of the word at an offset that the slice covers.
    func index(of offset: UInt64) -> Int { Int(offset - start) / 8 }
  }

  private struct Cache {
    var slices: [UInt64: (slice: Slice, used: UInt64)] = [:]
    var clock: UInt64 = 0
  }

  /// Bytes in a slice; tables of small clusters share slices.
  static let sliceLength: UInt64 = 16384
  private static let capacity = 16

  private let source: any ByteSource
  private let cache = Mutex(Cache())

  init(_ source: any ByteSource) { self.source = source }

  /// The slice that holds the word at `offset`, a multiple of 8.
  ///
  /// - Throws: ``ImageError/malformed(path:field:reason:offset:)`` when the file ends before it: what lies there is not a
  ///   table, and must not be taken for an empty one.
  func slice(at offset: UInt64, _ field: String) throws(ImageError) -> Slice {
    let start = offset & ~(Self.sliceLength - 1)
    let known = cache.withLock { cache -> Slice? in
      cache.clock += 1
      cache.slices[start]?.used = cache.clock
      return cache.slices[start]?.slice
    }
    let slice: Slice
    if let known {
      slice = known
    } else {
      slice = Slice(start: start, words: try source.read(at: start, count: Int(Self.sliceLength)).bigEndianTable)
      cache.withLock { cache in
        if cache.slices.count >= Self.capacity, let oldest = cache.slices.min(by: { $0.value.used < $1.value.used }) {
          cache.slices[oldest.key] = nil
        }
        cache.slices[start] = (slice, cache.clock)
      }
    }
    guard slice.index(of: offset) < slice.words.count else {
      throw .malformed(path: source.name, field: field, reason: "lies beyond the end of the file", offset: offset)
    }
    return slice
  }

  /// The word at `offset`, a multiple of 8.
  func word(at offset: UInt64, _ field: String) throws(ImageError) -> UInt64 {
    let slice = try slice(at: offset, field)
    return slice.words[slice.index(of: offset)]
  }
}
