// The objects of the spec language and where they stand: `domains.disks` is the kind of a domain's disks.

import Vocabulary

/// The spec language, described from its tables: as a JSON Schema, as a page, and field by field.
public enum SpecLanguage {
  /// A kind of object and the keys that lead to it, the names of objects left out.
  struct Place {
    var path: [String]
    var type: ObjectType

    /// `domains.NAME.disks.NAME`, as a spec has it.
    var spelled: String { path.map { $0 + ".NAME" }.joined(separator: ".") }

    /// A field's or group's path below this place, as the user writes it: `domains.disks.size`.
    func path(of member: String) -> String { (path + [member]).joined(separator: ".") }
  }

  /// Every kind of object once, from the stack down. Profiles hold what domains hold.
  static let places: [Place] = {
    var result = [Place(path: [], type: Vocabulary.stack)]
    var next = 0
    while next < result.count {
      let place = result[next]
      next += 1
      for collection in place.type.collections where !result.contains(where: { $0.type === collection.type }) {
        result.append(Place(path: place.path + [collection.key], type: collection.type))
      }
    }
    // A domain's devices are found below profiles as well; the domain is where people look.
    return result.map { place in
      guard place.path.first == "profiles", place.path.count > 1 else { return place }
      return Place(path: ["domains"] + place.path.dropFirst(), type: place.type)
    }
  }()

  /// The name of a type where it is referred to: `disk`.
  static func anchor(_ type: ObjectType) -> String { type.name }

  /// libvirt's documentation, where a field's reference is a page.
  static let libvirtPages = "https://libvirt.org/"
}

extension ValueType {
  /// The records in a value of this kind, each with the place where its keys stand: `numa.cells.KEY`.
  func records(at path: String) -> [(path: String, members: [Member])] {
    switch self {
    case .list(let element): element.records(at: path + "[]")
    case .table(_, let element): element.records(at: path + ".KEY")
    case .record(let members):
      [(path, members)] + members.flatMap { $0.type.records(at: path + "." + $0.name) }
    default: []
    }
  }
}

extension EffectRule {
  /// `next-boot, define when stopped`.
  func words() -> String {
    stopped == running
      ? running.rawValue : "\(running.rawValue), \(stopped.rawValue) while the guest is stopped"
  }
}
