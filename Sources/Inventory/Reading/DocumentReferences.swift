// The files that a document of libvirt's names: disks with the format that they are declared to have, and everything else
// that looks like a path. More is better than less: what is named is not deleted.

import DiskImage
import Vocabulary
import XMLTree

/// The files that a document names.
struct DocumentReferences {
  /// The sources of disks, with the format that they are declared to have.
  private(set) var files: Set<FileReference> = []
  /// Every other path in it. What is named in any way is needed.
  private(set) var named: Set<String> = []
  /// Sources that cannot be followed from here, and why.
  private(set) var failures: [String] = []
  /// Folders of storage pools by name, for disks that are volumes; nil for a pool that has none.
  private let pools: [String: String?]

  init(pools: [String: String?] = [:]) {
    self.pools = pools
  }

  /// Adds what a document names: a domain, a snapshot, a checkpoint.
  mutating func add(_ element: XMLElement) {
    for attribute in element.attributes { addPaths(in: attribute.value) }
    for case .text(let text) in element.children { addPaths(in: text) }
    addSource(of: element)
    for child in element.elements { add(child) }
  }

  /// The source of a disk, of its mirror, or of a backing store (formatdomain.html#hard-drives-floppy-disks-cdroms).
  private mutating func addSource(of element: XMLElement) {
    guard ["disk", "mirror", "backingStore", "dataStore"].contains(element.name), let source = element.first("source")
    else { return }
    // A device of the host that is not an image refers to nothing.
    if let type = element[attribute: "type"], ["vhostvdpa", "ctl"].contains(type) { return }
    let format = element.value(at: .diskFormat) ?? element.value(at: "format/@type")
    // A disk without a format is raw to libvirt.
    let declared = format ?? (element.name == "disk" ? "raw" : nil)
    if let path = source[attribute: "file"] ?? source[attribute: "dev"] {
      if path.hasPrefix("/") { files.insert(FileReference(path, format: declared)) }
    } else if let pool = source[attribute: "pool"], let volume = source[attribute: "volume"] {
      guard let known = pools[pool] else {
        failures.append("pool \(pool) is unknown, so the place of its volume \(volume) is unknown")
        return
      }
      if let folder = known {
        files.insert(FileReference("\(folder)/\(volume)", format: declared))
      } else if FileReference(volume, format: declared).mayRefer {
        failures.append("volume \(volume) of pool \(pool) is not a file, and its backing files cannot be determined")
      }
    } else if let name = source[attribute: "name"], FileReference(name, format: declared).mayRefer {
      failures.append("\(name) is an image over the network, and its backing files cannot be determined")
    }
  }

  /// Paths in any other value, such as an argument for QEMU: `file=/x/y.img,if=none`.
  private mutating func addPaths(in text: String) {
    guard text.utf8.contains(UInt8(ascii: "/")) else { return }
    let whole = text.trimmingSpaces
    if whole.hasPrefix("/") { named.insert(whole) }
    for part in text.split(whereSeparator: { ",=:\"'".contains($0) || $0.isWhitespace }) where part.hasPrefix("/") {
      named.insert(String(part))
    }
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
