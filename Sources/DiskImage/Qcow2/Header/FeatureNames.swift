// The feature name table: how an image names its feature bits for programs that do not know them (QEMU's qcow2 specification, "Feature name table").

struct FeatureNames: Sendable, Equatable {
  enum Kind: UInt8 { case incompatible, compatible, autoclear }

  struct Entry: Sendable, Equatable {
    let kind: UInt8
    let bit: UInt8
    let name: String
  }

  static let entryLength = 48
  let entries: [Entry]

  /// Reads a stored table; a partial entry at the end is left out, names end at the first NUL.
  init(_ data: [UInt8]) {
    entries = (0..<data.count / Self.entryLength).map { index in
      let start = index * Self.entryLength
      let name = data[start + 2..<start + Self.entryLength].prefix { $0 != 0 }
      return Entry(kind: data[start], bit: data[start + 1], name: escapedForDisplay(Array(name)))
    }
  }

  func name(_ kind: Kind, bit: Int) -> String? {
    entries.first { $0.kind == kind.rawValue && Int($0.bit) == bit && !$0.name.isEmpty }?.name
  }

  /// The table that QEMU 7.2 writes into images.
  static let written: [UInt8] = {
    let names: [(Kind, UInt8, String)] = [
      (.incompatible, 0, "dirty bit"), (.incompatible, 1, "corrupt bit"), (.incompatible, 2, "external data file"),
      (.incompatible, 3, "compression type"), (.incompatible, 4, "extended L2 entries"),
      (.compatible, 0, "lazy refcounts"), (.autoclear, 0, "bitmaps"), (.autoclear, 1, "raw external data"),
    ]
    return names.flatMap { kind, bit, name in
      let bytes = Array(name.utf8)
      return [kind.rawValue, bit] + bytes + [UInt8](repeating: 0, count: entryLength - 2 - bytes.count)
    }
  }()
}
