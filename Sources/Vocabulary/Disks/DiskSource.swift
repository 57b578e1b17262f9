// The file of a disk in libvirt's XML, for which Vireo itself answers.

public import XMLTree

extension XMLPath {
  /// The file of a disk of type `file`.
  public static let diskFile: XMLPath = "source/@file"

  /// The block device of a disk of type `block`.
  public static let diskDevice: XMLPath = "source/@dev"
}

/// The file or device that a disk element names.
public enum DiskSource {
  /// The path in a disk's `source`; nil for an empty tray, and for what is reached otherwise: over a network, or as a
  /// volume of a pool.
  public static func path(of disk: XMLElement) -> String? {
    switch disk[attribute: "type"] {
    case "file", nil: disk.value(at: .diskFile)
    case "block": disk.value(at: .diskDevice)
    default: nil
    }
  }

  /// Whether a disk is an empty tray.
  public static func isTray(_ disk: XMLElement) -> Bool {
    disk.first("source") == nil && ["cdrom", "floppy"].contains(disk[attribute: "device"])
  }

  /// The attribute of the source that has the path, by the types of disks that have one.
  static let attributes = ["file": "file", "block": "dev"]

  /// Whether a path is that of a block device, unless somebody says otherwise.
  static func isDevice(_ path: String) -> Bool { path.hasPrefix("/dev/") }

  /// Whether a disk is a block device to libvirt; nil for what is neither that nor a file.
  static func isBlock(_ disk: XMLElement) -> Bool? {
    switch disk[attribute: "type"] {
    case "block": true
    case "file", nil: false
    default: nil
    }
  }

  /// Whether the path of a disk is that of a block device.
  static func looksLikeBlock(_ disk: XMLElement) -> Bool { path(of: disk).map(isDevice) ?? false }

  /// Puts a path; one below `/dev` is a block device to libvirt.
  public static func put(_ path: String?, into disk: inout XMLElement) {
    guard self.path(of: disk) != path || path == nil else { return }
    let isDevice = path.map(isDevice) ?? false
    disk.removeAll("source")
    disk[attribute: "type"] = isDevice ? "block" : "file"
    guard let path else { return }
    let source = XMLElement("source", [isDevice ? "dev" : "file": path])
    // Behind the driver, where libvirt writes it.
    let index = disk.children.lastIndex { $0.element?.name == "driver" }
    disk.insert(source, at: index.map { $0 + 1 } ?? 0)
  }
}
