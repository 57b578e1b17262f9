// What a LUKS header says about itself, of a raw file and of one that a qcow2 image holds. Nothing is decrypted here.

/// A disk encrypted with LUKS, as its header describes it (the LUKS1 and LUKS2 on-disk format specifications, cryptsetup).
///
/// All names come from the file: they are kept as they are and shown escaped.
public struct LUKSInfo: Sendable, Equatable {
  /// 1 or 2.
  public var version: Int
  /// The UUID as stored.
  public var uuid: StoredName
  /// LUKS1: the cipher, such as "aes". LUKS2 says it in its JSON area, which is not read.
  public var cipherName: StoredName?
  /// LUKS1: the cipher's mode and initial vector, such as "xts-plain64".
  public var cipherMode: StoredName?
  /// LUKS1: the hash that keys are derived with.
  public var hash: StoredName?
  /// LUKS1: bytes of the volume key.
  public var keyBytes: Int?
  /// LUKS1: rounds that the digest of the volume key takes.
  public var keyIterations: Int?
  /// LUKS1: where the encrypted data begins, in bytes from the header on.
  public var payloadOffset: UInt64?
  /// LUKS1: the eight key slots.
  public var keySlots: [KeySlot] = []
  /// LUKS2: the label, unless it is empty.
  public var label: StoredName?
  /// LUKS2: the second label, unless it is empty.
  public var subsystem: StoredName?

  /// A place for a passphrase, of LUKS1.
  public struct KeySlot: Sendable, Equatable {
    /// Whether a passphrase opens it.
    public var isActive: Bool
    /// Rounds that deriving a key from the passphrase takes.
    public var iterations: Int
    /// Where its key material is, in bytes from the header on.
    public var offset: UInt64
    /// Stripes that the key material is split into.
    public var stripes: Int
  }

  /// The numbers of the slots that a passphrase opens.
  public var activeSlots: [Int] { keySlots.indices.filter { keySlots[$0].isActive } }

  /// Describes an image's encryption: of a raw file that begins with a LUKS header, or of the header in a qcow2 image.
  ///
  /// - Returns: nil when the image has no LUKS header.
  /// - Throws: ``ImageError/malformed(path:field:reason:offset:)`` when it has a damaged one. A guest can write one to a
  ///   raw disk, so that is not a reason to think less of a raw image.
  public static func read(of info: ImageInfo) throws(ImageError) -> LUKSInfo? {
    switch info.format {
    case .raw:
      guard info.looksLike == .luks else { return nil }
      return try LUKSInfo(from: LocalFile(path: info.path), at: 0, limit: .max)
    case .qcow2:
      guard info.qcow2?.encryption == .luks else { return nil }
      let file = try LocalFile(path: info.path)
      // The extension is there, 16 bytes long, and points inside the file: the header was refused otherwise.
      guard let place = try Qcow2Header(from: file).extensionData(.crypto) else { return nil }
      return try LUKSInfo(from: file, at: place.bigEndian64(at: 0), limit: place.bigEndian64(at: 8))
    }
  }

  static let magic: [UInt8] = [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]
  private static let version1Length = 592
  private static let version2Length = 4096
  private static let slotActive: UInt32 = 0x00AC_71F3
  private static let slotDisabled: UInt32 = 0x0000_DEAD

  /// Reads the header at `start`, which has `limit` bytes there.
  init(from source: some ByteSource, at start: UInt64, limit: UInt64) throws(ImageError) {
    func malformed(_ reason: String, at offset: Int) -> ImageError {
      .malformed(path: source.name, field: "LUKS header", reason: reason, offset: start + UInt64(offset))
    }
    let bytes = try source.read(at: start, count: Int(min(limit, UInt64(Self.version2Length))))
    func text(at offset: Int, _ count: Int) -> StoredName {
      StoredName(bytes: Array(bytes[offset..<offset + count].prefix { $0 != 0 }))
    }
    func optional(at offset: Int, _ count: Int) -> StoredName? {
      let name = text(at: offset, count)
      return name.bytes.isEmpty ? nil : name
    }
    guard bytes.count >= 8, bytes.starts(with: Self.magic) else { throw malformed("has no LUKS magic", at: 0) }
    let version = bytes.bigEndian16(at: 6)
    let needed = version == 1 ? Self.version1Length : Self.version2Length
    guard version == 1 || version == 2 else { throw malformed("version \(version) is neither 1 nor 2", at: 6) }
    guard bytes.count >= needed else { throw malformed("ends after \(bytes.count) of its \(needed) bytes", at: 0) }
    self.version = Int(version)
    uuid = text(at: 168, 40)
    guard version == 1 else {
      let size = bytes.bigEndian64(at: 8)
      guard (16384...4 << 20).contains(size), size.nonzeroBitCount == 1 else {
        throw malformed("its size, \(size), is not a power of two from 16 KiB to 4 MiB", at: 8)
      }
      label = optional(at: 24, 48)
      subsystem = optional(at: 208, 48)
      return
    }
    cipherName = text(at: 8, 32)
    cipherMode = text(at: 40, 32)
    hash = text(at: 72, 32)
    payloadOffset = UInt64(bytes.bigEndian32(at: 104)) * 512
    keyBytes = Int(bytes.bigEndian32(at: 108))
    keyIterations = Int(bytes.bigEndian32(at: 164))
    for number in 0..<8 {
      let place = 208 + 48 * number
      let state = bytes.bigEndian32(at: place)
      guard state == Self.slotActive || state == Self.slotDisabled else {
        throw malformed("key slot \(number) is neither in use nor free", at: place)
      }
      keySlots.append(
        KeySlot(
          isActive: state == Self.slotActive, iterations: Int(bytes.bigEndian32(at: place + 4)),
          offset: UInt64(bytes.bigEndian32(at: place + 40)) * 512, stripes: Int(bytes.bigEndian32(at: place + 44))))
    }
  }
}
