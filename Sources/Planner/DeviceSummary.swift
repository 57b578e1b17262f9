// A device in a few words, for plans: `overlay on debian-12, 20 GiB`, `network lab`.

import Spec
import Vocabulary
import XMLTree

/// Describes devices in a few words.
enum DeviceSummary {
  /// An entry of the spec that becomes a device.
  static func text(_ device: ObjectSpec, _ element: XMLElement) -> String {
    guard device.type.name == "disk" else { return text(element) }
    let size = device["size"].map { ", \($0)" } ?? ""
    if device["device"] == .string("cdrom") {
      return device["image"].map { "cdrom with \($0)" } ?? device["source"].map { "cdrom with \($0)" } ?? "empty cdrom"
    }
    if let image = device["image"] { return "overlay on \(image)\(size)" }
    if let source = device["source"] { return "file \(source)\(size)" }
    return "blank \(device["format"]?.description ?? "disk")\(size)"
  }

  /// A device that the definition has.
  static func text(_ element: XMLElement) -> String {
    let type = element[attribute: "type"] ?? element.name
    switch element.name {
    case "disk":
      let target = element.value(at: "target/@dev") ?? element[attribute: "device"] ?? "disk"
      return DiskSource.path(of: element).map { "\(target), \($0)" } ?? target
    case "interface":
      let source = ["network", "bridge", "dev"].lazy.compactMap { element.first("source")?[attribute: $0] }.first
      return source.map { "\(type) \($0)" } ?? type
    case "video": return element.value(at: "model/@type") ?? type
    default: return type
    }
  }
}
