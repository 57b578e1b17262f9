// The files of a plan that collects garbage: a table for each folder, with what of it goes, and why.

import DiskImage
import Planner
import Vocabulary

/// The tables of the files among a plan's objects.
struct FileTable {
  private let files: [ObjectPlan]
  /// The folders that were searched, and those of files that were named.
  private let folders: [String]
  private let style: TextStyle

  init(_ plan: Plan, style: TextStyle) {
    files = plan.objects.filter { $0.object.kind == .file }
    let searched = plan.garbage?.folders ?? []
    folders = searched + Set(files.map { folder(of: $0.object.name) }).subtracting(searched).sorted()
    self.style = style
  }

  var text: String {
    let byFolder = Dictionary(grouping: files) { folder(of: $0.object.name) }
    return folders.map { folder in
      let files = byFolder[folder] ?? []
      let name = SafeText.shorten(SafeText.clean(folder), to: style.width - 40)
      let count = "\(files.count) \(files.count == 1 ? "file" : "files")"
      return "\n" + style.paint(name, .bold) + ": "
        + (files.isEmpty
          ? "no file is unreferenced\n" : "\(count) unreferenced, \(Self.size(of: files))\n\(rows(files))")
    }.joined()
  }

  private func rows(_ files: [ObjectPlan]) -> String {
    let sizes = files.map { ByteCount.approximate($0.size) }
    let names = files.map { Self.name($0) }
    let sizeWidth = sizes.map(SafeText.width).max() ?? 0
    let nameWidth = min(
      names.map(SafeText.width).max() ?? 0, max(10, min(style.width / 2, style.width - sizeWidth - 6)))
    // Why it goes stands beside it, or below where that is too narrow.
    let column = 4 + nameWidth + 2 + sizeWidth + 2
    let isBeside = style.width - column >= 30
    var output = ""
    for (file, (name, bytes)) in zip(files, zip(names, sizes)) {
      let head = SafeText.pad(SafeText.shorten(name, to: nameWidth), to: nameWidth)
      let padding = String(repeating: " ", count: sizeWidth - SafeText.width(bytes))
      let margin = String(repeating: " ", count: isBeside ? column : 6)
      let reason = SafeText.clean(file.changes.first?.detail ?? "").withShortChecksum
      let words = SafeText.wrap(reason, to: style.width - margin.count).joined(separator: "\n" + margin)
      output +=
        "  \(style.paint(file.verb.symbol, file.verb.ink)) \(head)  \(padding)\(bytes)"
        + (isBeside ? "  " : "\n" + margin) + words + "\n"
    }
    return output
  }

  private static func name(_ file: ObjectPlan) -> String {
    let path = file.object.name
    return SafeText.clean(path.split(separator: "/").last.map(String.init) ?? path).withShortChecksum
  }

  /// What files take up.
  static func size(of files: some Sequence<ObjectPlan>) -> String {
    ByteCount.approximate(files.reduce(0) { $0 + $1.size })
  }
}

extension ObjectPlan {
  /// What a file takes up.
  fileprivate var size: UInt64 {
    if case .bytes(let bytes)? = changes.first?.old { bytes } else { 0 }
  }
}

extension Plan {
  /// The sum of a plan that collects garbage: what goes, what is left, what is discarded.
  var garbageSummary: String {
    func part(_ verb: ObjectPlan.Verb, _ kind: ObjectReference.Kind, _ words: (Int) -> String) -> String? {
      let found = objects.filter { $0.verb == verb && $0.object.kind == kind }
      guard !found.isEmpty else { return nil }
      return words(found.count) + (kind == .file ? ", \(FileTable.size(of: found))" : "")
    }
    func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
    let parts = [
      part(.delete, .file) { count($0, "file") + " to delete" },
      part(.refused, .file) { count($0, "file") + " refused" },
      part(.none, .file) { count($0, "file") + " left alone" },
      part(.delete, .removal) { count($0, "removed domain") + " to discard" },
    ]
    return parts.compactMap(\.self).joined(separator: "; ")
  }
}
