// What `vireo image info` shows: an image's header, its snapshots, its encryption, and whether somebody writes to it.

public import DiskImage

import Vocabulary

/// An image for people and programs.
public struct ImageDescription: Sendable {
  /// The header and the file.
  public var info: ImageInfo
  /// The internal snapshots, in the order of their table.
  public var snapshots: [ImageSnapshot]
  /// What the encryption header says.
  public var encryption: LUKSInfo?
  /// Whether a process has the image open for writing.
  public var isInUse: Bool

  /// A description of what was read; by default of an image without snapshots and encryption that nobody writes to.
  public init(info: ImageInfo, snapshots: [ImageSnapshot] = [], encryption: LUKSInfo? = nil, isInUse: Bool = false) {
    self.info = info
    self.snapshots = snapshots
    self.encryption = encryption
    self.isInUse = isInUse
  }

  /// The description in lines of a name and a value.
  public func text() -> String {
    var lines = TextLines()
    lines.add("image", SafeText.clean(info.path))
    lines.add("format", info.qcow2.map { "qcow2, compat \($0.compat)" } ?? info.format.rawValue)
    if let seen = info.looksLike, seen.rawValue != info.format.rawValue, encryption == nil {
      lines.add("looks like", "\(seen.displayName), which its guest may have written")
    }
    lines.add("virtual size", "\(ByteCount.approximate(info.virtualSize)) (\(info.virtualSize) bytes)")
    lines.add("disk size", info.bytesOnDisk.map(ByteCount.approximate))
    if let qcow2 = info.qcow2 {
      lines.add("cluster size", ByteCount.text(qcow2.clusterSize) + (qcow2.extendedL2 ? ", with subclusters" : ""))
    }
    if let name = info.backingFile {
      lines.add("backing file", "\(name)" + (info.backingFormat.map { " (\($0))" } ?? " (format not recorded)"))
      if let path = info.backingPath, StoredName(path) != name, StoredName("file:" + path) != name {
        lines.add("", "found at \(SafeText.clean(path))")
      }
    }
    if let qcow2 = info.qcow2 {
      if qcow2.hasExternalDataFile {
        lines.add(
          "data file",
          (qcow2.dataFile.map(\.description) ?? "not named") + (qcow2.isDataFileRaw ? ", a raw image too" : ""))
      }
      lines.add("compression", qcow2.compression.rawValue)
      lines.add("refcount bits", "\(qcow2.refcountBits)" + (qcow2.lazyRefcounts ? ", lazy" : ""))
      if qcow2.hasBitmaps { lines.add("bitmaps", "present") }
    }
    lines.add("encryption", encryptionText)
    if let encryption {
      if !encryption.uuid.bytes.isEmpty { lines.add("LUKS UUID", "\(encryption.uuid)") }
      lines.add("LUKS label", encryption.label.map { "\($0)" })
      if !encryption.keySlots.isEmpty {
        let slots = encryption.activeSlots.map(String.init).joined(separator: ", ")
        lines.add("key slots", slots.isEmpty ? "none in use" : "\(slots) in use, of \(encryption.keySlots.count)")
      }
    }
    if info.qcow2?.dirty == true { lines.add("dirty", "its refcounts may be stale; repair it before you write to it") }
    if info.qcow2?.corrupt == true { lines.add("corrupt", "a program found damage; repair it before you write to it") }
    if isInUse { lines.add("in use", "a process has it open for writing, such as a guest's QEMU") }
    guard !snapshots.isEmpty else { return lines.text }
    return lines.text + "snapshots:\n" + ImageSnapshot.table(snapshots, indent: "  ")
  }

  private var encryptionText: String? {
    if let encryption { return encryption.summary }
    return switch info.qcow2?.encryption {
    case .aes: "AES, which protects nothing today"
    case .luks: "LUKS"
    case .some(.none), nil: nil
    }
  }

  /// The descriptions as a JSON document, with qemu-img's names (`qemu-img info --output=json`).
  ///
  /// - Parameter asArray: whether one description alone is an array too.
  public static func json(_ descriptions: [ImageDescription], asArray: Bool) -> String {
    let items = descriptions.map(\.json)
    return (asArray || items.count != 1 ? JSON.array(items) : items[0]).serialised()
  }

  private var json: JSON {
    .object([
      ("filename", .string(info.path)),
      ("format", .string(info.format.rawValue)),
      ("looks-like", info.looksLike.flatMap { $0.rawValue == info.format.rawValue ? nil : .string($0.rawValue) }),
      ("virtual-size", .unsigned(info.virtualSize)),
      ("actual-size", info.bytesOnDisk.map(JSON.unsigned)),
      ("file-length", .unsigned(info.fileLength)),
      ("cluster-size", info.qcow2.map { .unsigned($0.clusterSize) }),
      ("dirty-flag", .boolean(info.qcow2?.dirty ?? false)),
      ("in-use", .boolean(isInUse)),
      ("encrypted", encryption != nil || (info.qcow2?.encryption ?? .none) != .none ? .boolean(true) : nil),
      ("backing-filename", info.backingFile.map { .string($0.string ?? $0.description) }),
      ("full-backing-filename", info.backingPath.map(JSON.string)),
      ("backing-filename-format", info.backingFormat.map { .string($0.string ?? $0.description) }),
      ("snapshots", snapshots.isEmpty ? nil : .array(snapshots.map(\.json))),
      ("format-specific", formatSpecific),
    ])
  }

  private var formatSpecific: JSON? {
    if let qcow2 = info.qcow2 {
      return .object([
        ("type", .string("qcow2")),
        (
          "data",
          .object([
            ("compat", .string(qcow2.compat)), ("compression-type", .string(qcow2.compression.rawValue)),
            ("lazy-refcounts", .boolean(qcow2.lazyRefcounts)), ("refcount-bits", .integer(qcow2.refcountBits)),
            ("corrupt", .boolean(qcow2.corrupt)), ("extended-l2", .boolean(qcow2.extendedL2)),
            ("data-file", qcow2.dataFile.map { .string($0.string ?? $0.description) }),
            ("data-file-raw", qcow2.hasExternalDataFile ? .boolean(qcow2.isDataFileRaw) : nil),
            ("has-bitmaps", qcow2.hasBitmaps ? .boolean(true) : nil),
            (
              "encrypt",
              qcow2.encryption == .none
                ? nil
                : encryption?.json(format: qcow2.encryption.rawValue)
                  ?? .object([("format", .string(qcow2.encryption.rawValue))])
            ),
          ])
        ),
      ])
    }
    return encryption.map { .object([("type", .string("luks")), ("data", $0.json(format: nil))]) }
  }
}

/// Lines of a name and a value, in two columns.
struct TextLines {
  private static let width = 16
  private(set) var text = ""

  /// Adds a line, unless there is no value.
  mutating func add(_ name: String, _ value: String?) {
    guard let value else { return }
    text += SafeText.pad(name.isEmpty ? "" : name + ":", to: Self.width) + value + "\n"
  }
}
