// How much of a definition fields say, and what is left to libvirt's own XML.

import Spec
import Vocabulary
import XMLTree

/// Elements and attributes, counted.
struct Coverage {
  /// All of the definition's.
  var total = 0
  /// Those that the spec says in libvirt's own XML.
  var left = 0
  /// The same by path.
  var paths: [String: Int] = [:]

  init() {}

  /// Counts for a definition and the spec that says it.
  init(of definition: XMLElement, said objects: [ObjectSpec]) {
    var all: [String: Int] = [:]
    Self.count(definition, at: "", into: &all)
    total = all.values.reduce(0, +)
    for object in objects {
      add(object, at: "")
      for collection in object.type.collections {
        for device in object.members(collection.key) {
          add(device, at: "/devices/\(device.type.device?.element ?? "")")
        }
      }
    }
    left = paths.values.reduce(0, +)
  }

  static func + (a: Coverage, b: Coverage) -> Coverage {
    var sum = a
    sum.total += b.total
    sum.left += b.left
    sum.paths.merge(b.paths, uniquingKeysWith: +)
    return sum
  }

  private mutating func add(_ object: ObjectSpec, at path: String) {
    guard let fragment = object[.xml] else { return }
    for attribute in fragment.root.attributes { paths["\(path)/@\(attribute.name)", default: 0] += 1 }
    for child in fragment.root.elements { Self.count(child, at: path, into: &paths) }
  }

  private static func count(_ element: XMLElement, at path: String, into counts: inout [String: Int]) {
    let path = "\(path)/\(element.qualifiedName)"
    counts[path, default: 0] += 1
    for attribute in element.attributes { counts["\(path)/@\(attribute.name)", default: 0] += 1 }
    for child in element.elements { count(child, at: path, into: &counts) }
  }
}
