// Files that are not what their name promises: a text or a page of HTML that was saved as an image, one format under the
// ending of another, the start of a download.

/// How the content of a file contradicts its name.
///
/// A name decides nothing: who states a format gets it. Where nobody does, a file like this one is not taken for a raw image.
public struct Misnomer: Sendable, Hashable {
  /// What the file is, as a clause behind its name: `is a text of 24 bytes, not a qcow2 image`.
  public let clause: String

  /// What names promise, by their endings. `img` and others promise nothing: both formats are found under them.
  private enum Promise: Equatable {
    case format(RecognisedFormat)
    case raw
    case iso

    static let endings: [String: Promise] = {
      var endings: [String: Promise] = ["raw": .raw, "iso": .iso]
      for format in RecognisedFormat.allCases { endings[format.rawValue] = .format(format) }
      for (ending, format) in [
        ("qcow", .qcow2), ("vpc", .vhd), ("hds", .parallels), ("gz", .gzip), ("tgz", .gzip), ("bz2", .bzip2),
        ("txz", .xz), ("zst", .zstd),
      ] as [(String, RecognisedFormat)] {
        endings[ending] = .format(format)
      }
      return endings
    }()

    init?(name: String) {
      let last = name.split(separator: "/").last ?? ""
      guard let dot = last.lastIndex(of: "."), dot > last.startIndex,
        let promise = Self.endings[last[last.index(after: dot)...].lowercased()]
      else { return nil }
      self = promise
    }

    var displayName: String {
      switch self {
      case .format(let format): "\(format.displayName) \(format.isArchive ? "file" : "image")"
      case .raw: "raw image"
      case .iso: "ISO image"
      }
    }
  }

  /// Compares a file with its name; nil where nothing speaks against it.
  ///
  /// - Parameters:
  ///   - start: the first bytes, as many as ``RecognisedFormat/bytesNeeded`` where there are so many.
  ///   - source: the file; its name is a path.
  init?(_ start: [UInt8], of source: some ByteSource) {
    let promise = Promise(name: source.name)
    let content: String
    if let nothing = Self.nothing(start, source, isText: promise != nil && promise != .raw) {
      content = nothing
    } else {
      let seen = RecognisedFormat(start: start) ?? Self.footer(of: source, promise)
      switch promise {
      case nil: return nil
      case .format(let format):
        if seen == format { return nil }
        content = seen.map { "looks like \($0.displayName)" } ?? "is something else"
      // A guest may begin its disk with anything; a whole image of another format is more likely a wrong name.
      case .raw:
        guard let seen else { return nil }
        content = "looks like \(seen.displayName)"
      case .iso:
        if Self.isISO(source) { return nil }
        content = seen.map { "looks like \($0.displayName)" } ?? "is something else"
      }
    }
    clause = content + (promise.map { ", not \($0.displayName.withArticle) as its name says" } ?? "")
  }

  /// What a file without any image in it is, in words; nil for any other.
  private static func nothing(_ start: [UInt8], _ source: some ByteSource, isText: Bool) -> String? {
    // A block device that is empty has a length all the same.
    if start.isEmpty { return "is empty" }
    let head = String(decoding: start.prefix(256), as: UTF8.self)
      .drop { $0.isWhitespace || $0 == "\u{FEFF}" }.prefix(20).lowercased()
    if head.hasPrefix("<!doctype html") || head.hasPrefix("<html") || head.hasPrefix("<head") {
      return "is a page of HTML, such as a server sends in place of a file that it does not have"
    }
    if head.hasPrefix("<?xml") { return "is an XML document, such as a server sends in place of a file" }
    guard isText, RecognisedFormat(start: start) == nil else { return nil }
    let isPrintable = start.allSatisfy { $0 >= 0x20 && $0 != 0x7F || [0x09, 0x0A, 0x0C, 0x0D].contains($0) }
    // The last character may be cut.
    let isUTF8 = (0..<4).contains { String(validating: start.dropLast($0), as: UTF8.self) != nil }
    guard isPrintable, isUTF8 else { return nil }
    return "is a text" + (source.length.map { " of \($0) bytes" } ?? "")
  }

  /// The formats that have nothing but a footer are looked for where the name promises one.
  private static func footer(of source: some ByteSource, _ promise: Promise?) -> RecognisedFormat? {
    guard promise == .format(.vhd) || promise == .format(.dmg), let length = source.length, length >= 512,
      let end = try? source.read(at: length - 512, count: 512)
    else { return nil }
    if end.starts(with: Array("conectix".utf8)) { return .vhd }
    return end.starts(with: Array("koly".utf8)) ? .dmg : nil
  }

  /// ECMA-119, 8.1, and ECMA-167, 2/9.1: the descriptors begin at the sixteenth sector of 2048 bytes.
  private static func isISO(_ source: some ByteSource) -> Bool {
    guard let bytes = try? source.read(at: 16 * 2048 + 1, count: 5) else { return false }
    return ["CD001", "BEA01", "NSR02", "NSR03"].contains { bytes.elementsEqual(Array($0.utf8)) }
  }
}

extension RecognisedFormat {
  /// Whether it is a compressed file, which may hold anything.
  fileprivate var isArchive: Bool { [.gzip, .bzip2, .xz, .zstd, .zip].contains(self) }
}

extension String {
  /// The noun with `a` or `an` before it; letters that are spelled out sound as they are spoken.
  fileprivate var withArticle: String {
    ["ISO", "XML", "xz"].contains(where: hasPrefix) ? "an " + self : "a " + self
  }
}
