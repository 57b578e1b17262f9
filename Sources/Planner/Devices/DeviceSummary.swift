// A device in a few words, for plans: `overlay on debian-12, 20 GiB`, `network lab`.

import Spec
import Vocabulary
import XMLTree

/// Describes devices in a few words.
enum DeviceSummary {
  /// An entry of the spec that becomes a device: what it is, then whatever else the spec says of it.
  static func text(_ device: ObjectSpec, _ element: XMLElement) -> String {
    let isDisk = device.type.name == "disk"
    var told = device.type.name == "video" ? told.union([FieldKey.model.name]) : told
    if !isDisk { told.remove(FieldKey.size.name) }
    let rest = device.type.fields.compactMap { field in
      told.contains(field.name) ? nil : device.settings[field].map { "\(field.name) \($0.value)" }
    }
    return ([isDisk ? disk(device) : text(element)] + rest).joined(separator: ", ")
  }

  /// What the first words tell, and a plan's steps: the disk's file, its pool and its format among them.
  private static let told = Set(
    [FieldKey.image, .source, .pool, .type, .network, .bridge, .direct, .volumeEntry].map(\.name)
      + [FieldKey.size.name, FieldKey.format.name, FieldKey.device.name])

  private static func disk(_ device: ObjectSpec) -> String {
    let size = device.text(.size).map { ", \($0)" } ?? ""
    if device[.device] == .cdrom {
      return (device.text(.image) ?? device.text(.source)).map { "cdrom with \($0)" } ?? "empty cdrom"
    }
    if let image = device.text(.image) { return "overlay on \(image)\(size)" }
    let volume = device.text(.volumeEntry).map { "volume \($0), " } ?? ""
    if let source = device.text(.source) { return volume + "\(device.text(.format) ?? "") file \(source)\(size)" }
    if device[.size] == nil {
      // Storage that is not a file: its own fields say what it is.
      return device.text(.device) ?? "disk"
    }
    return "blank \(device.text(.format) ?? "disk")\(size)"
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
