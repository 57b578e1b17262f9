// One file is one disk: guests that write to the same one destroy it, and so does one guest that has it twice.

import Diagnostics
import Vocabulary

/// Checks that no two disks of a stack write to one place.
enum SharedDiskChecks {
  /// A disk that its guest may write to.
  private struct Writer {
    let domain: ObjectSpec
    let disk: ObjectSpec
    let range: SourceRange
    var isShared: Bool { disk[.shareable] == true }
  }

  static func check(_ stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    let volumes = Dictionary(
      stack.volumes.compactMap { volume in stack.path(ofVolume: volume).map { ($0, volume) } },
      uniquingKeysWith: { first, _ in first })
    var writers: [String: [Writer]] = [:]
    for domain in stack.domains where domain[.state] != .absent {
      for disk in domain.members("disks") {
        guard disk[.readOnly] != true, disk[.device] != .cdrom, let (place, range) = place(of: disk) else { continue }
        let writer = Writer(domain: domain, disk: disk, range: range)
        if let other = writers[place]?.first(where: { !mayShare(writer, $0) }) {
          let what = volumes[place].map(\.title) ?? place
          diagnostics.append(problem(what, writer, other))
        }
        writers[place, default: []].append(writer)
      }
    }
  }

  /// Where the exceptions are: whether two disks may be one file.
  private static func mayShare(_ one: Writer, _ other: Writer) -> Bool {
    // Two disks of one guest know nothing of each other, whatever they say.
    if one.domain.name == other.domain.name { return false }
    return one.isShared && other.isShared || one.domain.exclusions.contains(other.domain.name)
  }

  /// What a disk that exists writes to, in words that are unique; nil for one that is made for it.
  private static func place(of disk: ObjectSpec) -> (String, SourceRange)? {
    // One with two sources has been reported.
    guard !disk.says(.image) else { return nil }
    if let source = disk.setting(.source), let path = source.value.string { return (path, source.range) }
    if let pool = disk[.volumePool], let name = disk.setting(.volumeName), let text = name.value.string {
      return ("volume \(text) of the pool \(pool)", name.range)
    }
    return nil
  }

  private static func problem(_ what: String, _ writer: Writer, _ other: Writer) -> Diagnostic {
    let notes = other.range == writer.range ? [] : [Diagnostic.Note("the other one", at: other.range)]
    guard writer.domain.name != other.domain.name else {
      return Diagnostic(
        "shared-disk", "\(what) is \(other.disk.title) of the same domain already", at: writer.range,
        subject: writer.domain.title, suggestion: "give each disk a file of its own, or leave out one of them",
        notes: notes)
    }
    return Diagnostic(
      "shared-disk", "\(what) is a disk of \(other.domain.title) already", at: writer.range,
      subject: writer.domain.title,
      suggestion: writer.isShared || other.isShared
        ? "write `shareable: true` at both disks if their file system supports it, or give each guest its own disk"
        : "two guests that write to one disk destroy it: give each its own disk, or write `read-only: true`, or "
          + "`exclusive-with` if only one of the two ever runs",
      notes: notes)
  }
}
