// What the last apply of an object had marked as secret, for a spec that is written of it.

package import Vocabulary
package import XMLTree

/// The marks in an object's record, with the texts of its definition that they conceal.
package struct RecordedSecrets {
  /// A name that was listed as sensitive.
  package struct Mark: Sendable, Hashable {
    /// The object whose list has it: `disks.root`; the empty name for the object itself.
    package var owner: String
    /// The name as the spec had it.
    package var name: String
    /// The texts of the definition that it conceals, by the object that they belong to.
    package var texts: [String: Set<String>]
  }

  /// The marks, in the order of the lists.
  package private(set) var marks: [Mark] = []

  /// Reads the marks of a definition; none for one that no apply has recorded.
  package init(in definition: XMLElement, of type: ObjectType) {
    guard let record = OwnershipRecord(in: definition) else { return }
    for (owner, name) in record.sensitiveNames {
      let key = String(owner.prefix { $0 != "." })
      guard let kind = owner.isEmpty ? type : type.collection(key)?.type else { continue }
      var places = SensitivePlaces()
      guard (try? places.insert(name, in: kind, owner: owner)) != nil else { continue }
      var texts: [String: Set<String>] = [:]
      for owner in places.owners {
        guard let (element, _) = Self.element(of: owner, in: definition, type, record) else { continue }
        var found = XMLFragment(element).texts(at: places.paths(of: owner).filter { !$0.isWhole })
        for field in places.fields(of: owner) {
          found += field.lens?.get(element)?.concealingTexts.secrets ?? []
        }
        texts[owner] = Set(found.filter { !$0.isEmpty })
      }
      marks.append(Mark(owner: owner, name: name, texts: texts))
    }
  }

  /// The element of an object or of one of its devices.
  private static func element(
    of owner: String, in definition: XMLElement, _ type: ObjectType, _ record: OwnershipRecord
  ) -> (XMLElement, ObjectType)? {
    guard let dot = owner.firstIndex(of: ".") else { return (definition, type) }
    guard let collection = type.collection(String(owner[..<dot])),
      let element = RecordedDevices(of: collection, in: definition, record).element(
        of: String(owner[owner.index(after: dot)...]))
    else { return nil }
    return (element, collection.type)
  }
}
