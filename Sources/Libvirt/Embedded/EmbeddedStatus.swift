// The file in which libvirt's driver notes how a running guest is, for the next process that opens the root.
//
// A process that is killed while a guest leaves an overlay for the image below it leaves notes about a job that QEMU has
// finished and forgotten. libvirt 9.0 then believes for as long as the guest runs that the job is at work, and refuses every
// other; and for a moment it writes a note that it refuses to read, so that it takes the guest for one that is off while QEMU
// has its disks. QEMU is asked which jobs there are before libvirt reads the notes.

import SystemCalls

/// The text of a guest's status file.
struct EmbeddedStatus {
  /// No status is longer.
  static let longest = 8 << 20

  private(set) var text: String

  /// Nil where no work on disks is noted.
  init?(_ text: String) {
    guard text.contains("<mirror ") else { return nil }
    self.text = text
  }

  /// The socket of QEMU's monitor.
  var monitor: String? {
    Self.elements("monitor", in: text).first.flatMap { Self.value(of: "path", in: text[$0.tag]) }
  }

  /// Makes the notes fit what QEMU says.
  ///
  /// - Parameter jobs: the states of QEMU's jobs by their names; nil where QEMU does not answer.
  mutating func correct(by jobs: [String: String]?) {
    var (kept, rewound) = (Set<String>(), Set<String>())
    for job in Self.elements("blockjob", in: text).reversed() {
      let tag = text[job.tag]
      guard let name = Self.value(of: "name", in: tag),
        let target = Self.elements("disk", in: String(text[job.whole])).first.flatMap({ disk in
          Self.value(of: "dst", in: String(text[job.whole])[disk.tag])
        })
      else { continue }
      guard let jobs, Self.value(of: "type", in: tag) == "active-commit" else {
        kept.insert(target)
        continue
      }
      switch jobs[name] {
      case nil: text.removeSubrange(job.whole)
      case "concluded"?, "pending"?, "waiting"?, "aborting"?: kept.insert(target)
      case _?:
        kept.insert(target)
        // It was noted that the guest is to leave the overlay, and QEMU was not asked to.
        guard Self.value(of: "state", in: tag) == "pivoting" else { continue }
        rewound.insert(target)
        var new = Self.setting("state", to: "ready", in: String(tag))
        new.replace(#/ newstate='[a-z]*'/#, with: "")
        text.replaceSubrange(job.tag, with: new)
      }
    }
    for mirror in Self.elements("mirror", in: text).reversed() {
      guard let target = text[mirror.whole.upperBound...].firstRange(of: "<target "),
        let name = Self.value(of: "dev", in: text[target.lowerBound...].prefix { $0 != ">" })
      else { continue }
      var tag = String(text[mirror.tag])
      if jobs != nil, !kept.contains(name) {
        text.removeSubrange(mirror.whole)
        continue
      } else if rewound.contains(name) {
        tag = Self.setting("ready", to: "yes", in: tag)
      } else if tag.contains(" job=''") {
        tag.replace(" job=''", with: " job='active-commit' ready='pivot'")
      }
      text.replaceSubrange(mirror.tag, with: tag)
    }
  }

  // MARK: Text

  /// The elements of a name that do not nest: the ranges of their start tags, and of the whole.
  private static func elements(
    _ name: String, in text: String
  ) -> [(tag: Range<String.Index>, whole: Range<String.Index>)] {
    var result: [(tag: Range<String.Index>, whole: Range<String.Index>)] = []
    var rest = text[...]
    while let start = rest.firstRange(of: "<\(name) "), let end = rest[start.lowerBound...].firstIndex(of: ">") {
      let after = text.index(after: end)
      let tag = start.lowerBound..<after
      rest = text[after...]
      if text[tag].hasSuffix("/>") {
        result.append((tag, tag))
      } else if let close = rest.firstRange(of: "</\(name)>") {
        result.append((tag, start.lowerBound..<close.upperBound))
        rest = text[close.upperBound...]
      }
    }
    return result
  }

  private static func value(of attribute: String, in tag: Substring) -> String? {
    guard let start = tag.firstRange(of: " \(attribute)='") else { return nil }
    return String(tag[start.upperBound...].prefix { $0 != "'" })
  }

  private static func setting(_ attribute: String, to value: String, in tag: String) -> String {
    guard let start = tag.firstRange(of: " \(attribute)='"), let end = tag[start.upperBound...].firstIndex(of: "'")
    else {
      return tag
    }
    return tag.replacingCharacters(in: start.upperBound..<end, with: value)
  }

  // MARK: The file

  /// Replaces a file, of which there is the old or the new at any moment.
  func replace(_ file: String) {
    let new = file + ".vireo"
    guard let opened = try? OpenFile(new, .writeOnly, [.create, .truncate, .noFollow], mode: 0o600) else { return }
    do {
      try opened.descriptor.writeAll(Array(text.utf8))
      try opened.descriptor.flush()
      try FileNames.rename(new, to: file)
    } catch {
      _ = try? FileNames.remove(new)
    }
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<Index>, with new: String) -> String {
    String(self[..<range.lowerBound]) + new + self[range.upperBound...]
  }
}
