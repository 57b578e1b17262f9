// The formats that the engine handles, and the ones it only knows by sight so that a message can say "this is a VMDK image".

/// A disk image format that the engine reads and writes.
public enum ImageFormat: String, Sendable, Codable, CaseIterable {
  /// The guest's bytes and nothing else.
  case raw
  /// QEMU's copy-on-write format, versions 2 and 3.
  case qcow2
}

/// What the first bytes of a file look like.
///
/// This is a hint for messages, never a decision: whoever can write a raw disk chooses its first bytes.
public enum RecognisedFormat: String, Sendable, Codable, CaseIterable {
  /// Formats of images, of an encrypted volume (LUKS), and of compressed files that may hold an image.
  case qcow2, vmdk, vdi, vhdx, vhd, qed, parallels, dmg, luks, gzip, bzip2, xz, zstd, zip

  /// The name a person knows the format by.
  public var displayName: String {
    switch self {
    case .qcow2: "qcow2"
    case .vmdk: "VMDK (VMware)"
    case .vdi: "VDI (VirtualBox)"
    case .vhdx: "VHDX (Hyper-V)"
    case .vhd: "VHD (Virtual PC)"
    case .qed: "QED (QEMU)"
    case .parallels: "Parallels"
    case .dmg: "DMG (Apple)"
    case .luks: "LUKS"
    case .gzip: "gzip"
    case .bzip2: "bzip2"
    case .xz: "xz"
    case .zstd: "zstd"
    case .zip: "zip"
    }
  }

  /// What makes an image of it that can be used here, as an imperative.
  func remedy(path: String) -> String {
    let driver: String? =
      switch self {
      case .vhd: "vpc"
      case .vmdk, .vdi, .vhdx, .qed, .parallels, .dmg: rawValue
      case .qcow2, .luks, .gzip, .bzip2, .xz, .zstd, .zip: nil
      }
    if let driver { return "convert it with 'qemu-img convert -f \(driver) -O qcow2 \(path) NEW.qcow2'" }
    switch self {
    case .qcow2: return "say that it is qcow2"
    case .luks: return "open it with 'cryptsetup' first"
    default: return "unpack it first"
    }
  }

  /// "QFI\xFB" (QEMU's qcow2 specification, "Header": magic).
  static let qcow2Magic: [UInt8] = [0x51, 0x46, 0x49, 0xFB]

  /// How many bytes from the start ``init(start:)`` wants to see.
  static let bytesNeeded = 512

  /// Recognises a format by the bytes at the start of a file.
  init?(start: [UInt8]) {
    func has(_ magic: [UInt8], at offset: Int = 0) -> Bool {
      start.count >= offset + magic.count && start[offset..<offset + magic.count].elementsEqual(magic)
    }
    if has(Self.qcow2Magic) {
      self = .qcow2
    } else if has(Array("KDMV".utf8)) || has(Array("COWD".utf8)) || has(Array("# Disk DescriptorFile".utf8)) {
      self = .vmdk
    } else if has([0x7F, 0x10, 0xDA, 0xBE], at: 64) {  // VDI: little-endian 0xBEDA107F behind a 64-byte text
      self = .vdi
    } else if has(Array("vhdxfile".utf8)) {
      self = .vhdx
    } else if has(Array("conectix".utf8)) {
      self = .vhd
    } else if has(Array("QED\0".utf8)) {
      self = .qed
    } else if has(Array("WithoutFreeSpace".utf8)) || has(Array("WithouFreSpacExt".utf8)) {
      self = .parallels
    } else if has([0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]) {
      self = .luks
    } else if has([0x1F, 0x8B, 0x08]) {
      self = .gzip
    } else if has(Array("BZh".utf8)) {
      self = .bzip2
    } else if has([0x50, 0x4B, 0x03, 0x04]) {
      self = .zip
    } else if has([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) {
      self = .xz
    } else if has([0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstd
    } else {
      return nil
    }
  }
}
