// Message digests of files and names. libgcrypt computes them: it has code for processors with and without
// instructions of their own for SHA.

internal import CGcrypt

/// A message digest: SHA-256 (FIPS 180-4) of contents and names, and SHA-1 (the same), which version 5 UUIDs are
/// defined with and nothing else may use.
public struct Checksum: ~Copyable {
  /// The algorithm of a digest.
  public enum Algorithm: Sendable, CaseIterable {
    /// 32 bytes.
    case sha256
    /// 20 bytes. Not for anything that must withstand an attack.
    case sha1

    fileprivate var code: gcry_md_algos {
      switch self {
      case .sha256: GCRY_MD_SHA256
      case .sha1: GCRY_MD_SHA1
      }
    }

    /// The number of bytes of a digest.
    public var byteCount: Int { Int(gcry_md_get_algo_dlen(Int32(code.rawValue))) }
  }

  private let handle: gcry_md_hd_t
  private let algorithm: Algorithm

  /// A digest of no bytes yet.
  public init(_ algorithm: Algorithm = .sha256) {
    Self.start()
    var handle: gcry_md_hd_t?
    let status = gcry_md_open(&handle, Int32(algorithm.code.rawValue), 0)
    // Both algorithms are part of each build of the library, in FIPS mode too; what is left is a lack of memory.
    guard status == 0, let handle else { fatalError("libgcrypt cannot compute \(algorithm): error \(status)") }
    self.handle = handle
    self.algorithm = algorithm
  }

  deinit { gcry_md_close(handle) }

  /// Adds bytes to what is digested.
  public func update(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    gcry_md_write(handle, start, bytes.count)
  }

  /// The digest of all bytes that were added. Nothing can be added afterwards.
  public func finish() -> [UInt8] {
    // libgcrypt's pointer is valid as long as the handle is.
    Array(UnsafeBufferPointer(start: gcry_md_read(handle, Int32(algorithm.code.rawValue)), count: algorithm.byteCount))
  }

  /// The digest of some bytes.
  public static func of(_ bytes: [UInt8], _ algorithm: Algorithm = .sha256) -> [UInt8] {
    let checksum = Checksum(algorithm)
    bytes.withUnsafeBytes { checksum.update($0) }
    return checksum.finish()
  }

  private static let isStarted = startGcrypt() != 0

  private static func start() {
    guard isStarted else { fatalError("libgcrypt is older than 1.8") }
  }
}
