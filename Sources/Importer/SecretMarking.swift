// What a record has marked as secret is marked in the imported spec, too: under the same names where these mean something
// there, else wherever the texts are that were concealed.

import Planner
import Vocabulary
import XMLTree

extension ImportedObject {
  /// Marks what an earlier spec had marked.
  mutating func mark(_ secrets: RecordedSecrets) {
    for mark in secrets.marks {
      if says(mark.name, of: mark.owner) {
        add(mark.name, to: mark.owner)
      } else {
        for (owner, texts) in mark.texts { markTexts(texts, of: owner) }
      }
    }
  }

  /// Whether a name in the list of the object, or of one of its devices, conceals something.
  private func says(_ name: String, of owner: String) -> Bool {
    guard let object = member(owner) else { return false }
    var places = SensitivePlaces()
    guard (try? places.insert(name, in: object.type)) != nil else { return false }
    return places.owners.contains { inner in
      guard let object = object.member(inner) else { return false }
      let paths = places.paths(of: inner)
      if case .xml(let fragment)? = object[.xml] {
        if paths.contains(where: { $0.isWhole || !fragment.texts(at: [$0]).isEmpty }) { return true }
      }
      return places.fields(of: inner).contains { object.values[$0] != nil }
    }
  }

  /// The object itself for an empty name, or one of its devices.
  private func member(_ owner: String) -> ImportedObject? {
    guard let dot = owner.firstIndex(of: ".") else { return self }
    return members[String(owner[..<dot])]?.first { $0.name == owner[owner.index(after: dot)...] }
  }

  private mutating func add(_ name: String, to owner: String) {
    guard let dot = owner.firstIndex(of: ".") else { return add(name) }
    let (collection, key) = (String(owner[..<dot]), owner[owner.index(after: dot)...])
    guard let index = members[collection]?.firstIndex(where: { $0.name == key }) else { return }
    members[collection]?[index].add(name)
  }

  private mutating func add(_ name: String) {
    let names = self[.sensitive]?.list ?? []
    guard !names.contains(.string(name)) else { return }
    self[.sensitive] = .list(names + [.string(name)])
  }

  /// Marks texts wherever the spec says them: in fields, and in libvirt's own XML.
  ///
  /// - Parameter owner: whose texts they are. A device's may be in the domain's own XML.
  private mutating func markTexts(_ texts: Set<String>, of owner: String) {
    guard !texts.isEmpty else { return }
    if owner.isEmpty {
      for field in type.fields where field.holdsSecrets {
        if values[field]?.concealingTexts.secrets.contains(where: texts.contains) ?? false { add(field.name) }
      }
    }
    if case .xml(let fragment)? = self[.xml] {
      for place in fragment.root.places(of: texts) { add("\(Field.xmlName)/\(place)") }
    }
    // A device that did not carry its key has another name now.
    guard let dot = owner.firstIndex(of: "."), let devices = members[String(owner[..<dot])] else { return }
    members[String(owner[..<dot])] = devices.map { device in
      var device = device
      device.markTexts(texts, of: "")
      return device
    }
  }
}

extension XMLElement {
  /// The places of elements and attributes within that have one of some texts: `os/loader`, `os/loader/@type`.
  fileprivate func places(of texts: Set<String>) -> [String] {
    attributes.filter { texts.contains($0.value) }.map { "@\($0.name)" }
      + elements.flatMap { child in
        (texts.contains(child.text) ? [child.qualifiedName] : [])
          + child.places(of: texts).map { "\(child.qualifiedName)/\($0)" }
      }
  }
}
