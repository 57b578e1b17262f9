// A garbage collection for people: where was searched, what nobody needs, what of it goes and why, and what came of it.

public import Applier
import DiskImage
import Inventory
public import Planner
import Vocabulary

extension GarbageCollection {
  /// The collection as text: roots, folders with their unreferenced files, removals that are given up, the sum.
  public func text(_ style: TextStyle = TextStyle()) -> String {
    var output = roots(style)
    for folder in folders {
      let files = files.filter { DiskImage.folder(of: $0.path) == folder }
      let bytes = files.reduce(0) { $0 + $1.file.bytes }
      let name = SafeText.shorten(SafeText.clean(folder), to: style.width - 40)
      output += "\n" + style.paint(name, .bold) + ": "
      output +=
        files.isEmpty ? "no file is unreferenced\n" : "\(count(files.count, "file")) unreferenced, \(size(bytes))\n"
      output += rows(files, style)
    }
    if !removals.isEmpty {
      output += "\n" + paragraph("Removed domains", "that can no longer be restored afterwards:", style)
      for removal in removals {
        let words = [SafeText.clean(removal.name) + ",", TextTable.moment(removal.removed) + " UTC"]
        let stack = removal.stack.map { ["of stack", SafeText.clean($0)] } ?? []
        let lines = SafeText.wrap(words: words + stack, to: style.width - 4)
        output += lines.enumerated().map { ($0 == 0 ? "  \(style.paint("-", .alarm)) " : "    ") + $1 + "\n" }.joined()
      }
    }
    return output + "\n" + summary(style)
  }

  private func roots(_ style: TextStyle) -> String {
    func number(_ kind: FileCensus.Root.Kind) -> Int { census.roots.count { $0.kind == kind } }
    let parts = [
      count(number(.domain), "domain"), count(number(.snapshot), "snapshot"),
      count(number(.removal), "removed domain") + " to be kept", count(number(.spec), "spec"),
    ]
    let words =
      parts.map { $0 + "," } + [
        "and", "behind them", count(census.chains, "backing chain"), "with \(count(reached, "file"))",
      ]
    return "Needed on " + SafeText.shorten(SafeText.clean(census.uri), to: max(10, style.width - 11)) + ":\n"
      + SafeText.wrap(words: words, to: style.width - 2).map { "  " + $0 + "\n" }.joined()
  }

  private func rows(_ files: [File], _ style: TextStyle) -> String {
    let sizes = files.map { size($0.file.bytes) }
    let names = files.map { name(of: $0.path) }
    let sizeWidth = sizes.map(SafeText.width).max() ?? 0
    let nameWidth = min(
      names.map(SafeText.width).max() ?? 0, max(10, min(style.width / 2, style.width - sizeWidth - 6)))
    // Why it goes stands beside it, or below where that is too narrow.
    let column = 4 + nameWidth + 2 + sizeWidth + 2
    let isBeside = style.width - column >= 30
    var output = ""
    for (file, (name, bytes)) in zip(files, zip(names, sizes)) {
      let sign = file.isDeleted ? style.paint("-", .alarm) : " "
      let head = SafeText.pad(SafeText.shorten(name, to: nameWidth), to: nameWidth)
      let padding = String(repeating: " ", count: sizeWidth - SafeText.width(bytes))
      let margin = String(repeating: " ", count: isBeside ? column : 6)
      let words = SafeText.wrap(file.words(on: census.hostKeys), to: style.width - margin.count).joined(
        separator: "\n" + margin)
      output += "  \(sign) \(head)  \(padding)\(bytes)" + (isBeside ? "  " : "\n" + margin) + words + "\n"
    }
    return output
  }

  /// The line that ends the text.
  private func summary(_ style: TextStyle) -> String {
    let (gone, left) = (files.filter(\.isDeleted), files.filter { !$0.isDeleted })
    func sum(_ files: [File]) -> String { size(files.reduce(0) { $0 + $1.file.bytes }) }
    var parts: [String] = []
    if !gone.isEmpty { parts.append("\(count(gone.count, "file")) to delete, \(sum(gone))") }
    if !left.isEmpty { parts.append("\(left.count) left alone, \(sum(left))") }
    if !removals.isEmpty { parts.append("\(count(removals.count, "removed domain")) to discard") }
    guard !gone.isEmpty || !removals.isEmpty else {
      guard !parts.isEmpty else { return style.paint("Nothing to delete", .bold) + ".\n" }
      return paragraph("Nothing to delete", "; " + parts.joined(separator: "; ") + ".", style)
    }
    return paragraph("Garbage", ": " + parts.joined(separator: "; ") + ".", style)
  }

  private func paragraph(_ lead: String, _ rest: String, _ style: TextStyle) -> String {
    let gap = rest.first?.isLetter == true ? " " : ""
    let lines = SafeText.wrap(lead + gap + rest, to: style.width).joined(separator: "\n") + "\n"
    return style.paint(lead, .bold) + lines.dropFirst(lead.count)
  }

  /// The folders that were searched, and those of files that were named.
  private var folders: [String] {
    census.folders + Set(files.map { DiskImage.folder(of: $0.path) }).subtracting(census.folders).sorted()
  }
}

extension GarbageCollection.File {
  /// Why the file goes, or stays.
  ///
  /// - Parameter hostKeys: what the marks of files of this host have.
  fileprivate func words(on hostKeys: Set<String>) -> String {
    guard let evidence else {
      guard let origin = file.origin else { return "not Vireo's" }
      let owner = "\(SafeText.clean(origin.object)) of \(SafeText.clean(origin.stack))"
      if !hostKeys.contains(origin.connection) { return "made for \(owner) through another connection" }
      return origin.object.hasPrefix("volume ") ? "\(owner); volumes stay" : "made for \(owner); not chosen here"
    }
    if let other = neededBy.first { return "\(name(of: other)) needs it, which stays" }
    return evidence.words
  }
}

extension GarbageCollection.Evidence {
  fileprivate var words: String {
    switch self {
    case .named: "named with --also"
    case .removal(let domain): "of the removed domain \(SafeText.clean(domain))"
    case .baseImage: "a copy of a base image"
    case .origin(let origin): "made for \(SafeText.clean(origin.object)) of \(SafeText.clean(origin.stack))"
    case .overlay(let image): "a snapshot's overlay on \(name(of: image))"
    case .leftover: "never finished"
    }
  }
}

extension GarbageResult {
  /// What came of it.
  public func text(_ style: TextStyle = TextStyle()) -> String {
    let bytes = deleted.reduce(0) { $0 + $1.file.bytes }
    var parts = ["\(count(deleted.count, "file")) deleted, \(size(bytes))"]
    if !forgotten.isEmpty { parts.append("\(count(forgotten.count, "removed domain")) discarded") }
    if !failures.isEmpty { parts.append("\(failures.count) failed") }
    let lead = failures.isEmpty ? style.paint("Done", .bold) : style.paint("Not complete", .alarm)
    return lead + ": " + parts.joined(separator: "; ") + ".\n"
  }
}

private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

private func size(_ bytes: UInt64) -> String { ByteCount.approximate(bytes) }

private func name(of path: String) -> String {
  SafeText.clean(path.split(separator: "/").last.map(String.init) ?? path).withShortChecksum
}
