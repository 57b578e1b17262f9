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
    if result[.type] == nil,
      let source = [FieldKey.network, .bridge, .direct].first(where: { interface[$0] != nil })
    {
      result.imply(.type, .string(source.name), from: source)
    }
    // libvirt's own default, vepa, needs a switch that most networks do not have.
    if interface[.direct] != nil { result.imply(.macvtapMode, .string("bridge"), from: .direct) }
    return result
  }

  private static func completedGraphics(_ graphics: ObjectSpec) -> ObjectSpec {
    var result = graphics
    if result[.type] == nil, let value = try? graphics.type[.type].type.parse(graphics.name) {
      result.set(.type, to: Setting(value, at: graphics.range))
    }
    return result
  }

  private static func completedDisk(_ disk: ObjectSpec, in stack: StackSpec) -> ObjectSpec {
    var result = disk
    if let volume = disk[.volumeEntry].flatMap(stack.volume),
      let path = stack.path(ofVolume: volume)
    {
      result.imply(.source, .string(path), from: .volumeEntry)
      result.imply(.format, volume.fileFormat, from: .volumeEntry)
    } else if disk[.device] == .cdrom {
      // A guest cannot write to it, and installation media are plain ISO 9660.
      if disk[.source] != nil { result.imply(.format, .raw, from: .source) }
    } else if disk[.image] != nil {
      result.imply(.format, .qcow2, from: .image)
    } else if disk[.size] != nil, disk[.source] == nil {
      result.imply(.format, .qcow2, from: .size)
    }
    return result
  }
}

extension ObjectSpec {
  /// Sets a value that follows from another one, unless the spec gives its own.
  fileprivate mutating func imply<Content, Source>(
    _ key: FieldKey<Content>, _ value: Value, from source: FieldKey<Source>
  ) {
    guard setting(key) == nil, let range = setting(source)?.range else { return }
    set(key, to: Setting(value, at: range))
  }

  /// Sets a word that follows from another value, unless the spec gives its own.
  fileprivate mutating func imply<Word: FieldWord, Source>(
    _ key: FieldKey<Word>, _ word: Word, from source: FieldKey<Source>
  ) {
    imply(key, .string(word.rawValue), from: source)
  }
}
