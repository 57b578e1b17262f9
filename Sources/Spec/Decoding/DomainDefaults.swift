// What follows from what a domain says: the type of an interface from the key that names its source, and the like.

import Diagnostics
import Vocabulary

/// Completes domains with values that their own words imply.
enum DomainDefaults {
  static func completed(_ domain: ObjectSpec, in stack: StackSpec) -> ObjectSpec {
    var result = domain
    result.members["interfaces"] = domain.members["interfaces"]?.map(completedInterface)
    result.members["graphics"] = domain.members["graphics"]?.map(completedGraphics)
    result.members["disks"] = domain.members["disks"]?.map { completedDisk($0, in: stack) }
    return result
  }

  private static func completedInterface(_ interface: ObjectSpec) -> ObjectSpec {
    var result = interface
    if result["type"] == nil,
      let source = ["network", "bridge", "direct"].first(where: { interface.settings[$0] != nil })
    {
      result.imply("type", .string(source), from: source)
    }
    // libvirt's own default, vepa, needs a switch that most networks do not have.
    if interface["direct"] != nil { result.imply("mode", .string("bridge"), from: "direct") }
    return result
  }

  private static func completedGraphics(_ graphics: ObjectSpec) -> ObjectSpec {
    var result = graphics
    if let field = graphics.type.field("type"), let value = try? field.type.parse(graphics.name),
      result["type"] == nil
    {
      result.settings["type"] = Setting(value, at: graphics.range)
    }
    return result
  }

  private static func completedDisk(_ disk: ObjectSpec, in stack: StackSpec) -> ObjectSpec {
    var result = disk
    if let volume = disk[ObjectSpec.volumeKey]?.string.flatMap(stack.volume),
      let path = stack.path(ofVolume: volume)
    {
      result.imply("source", .string(path), from: ObjectSpec.volumeKey)
      result.imply("format", .string(volume.fileFormat), from: ObjectSpec.volumeKey)
    } else if disk["device"] == .string("cdrom") {
      // A guest cannot write to it, and installation media are plain ISO 9660.
      if disk["source"] != nil { result.imply("format", .string("raw"), from: "source") }
    } else if disk["image"] != nil {
      result.imply("format", .string("qcow2"), from: "image")
    } else if disk["size"] != nil, disk["source"] == nil {
      result.imply("format", .string("qcow2"), from: "size")
    }
    return result
  }
}

extension ObjectSpec {
  /// The field by which a disk names one of the stack's volumes.
  static let volumeKey = "volume.entry"

  /// Sets a value that follows from another one, unless the spec gives its own.
  fileprivate mutating func imply(_ field: String, _ value: Value, from source: String) {
    guard settings[field] == nil, let range = settings[source]?.range else { return }
    settings[field] = Setting(value, at: range)
  }
}
