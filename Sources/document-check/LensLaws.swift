// The laws of lenses, over one document.

import Vocabulary
import XMLTree

/// Tries every lens on the elements that it is for.
enum LensLaws {
  /// Which lenses do not give back what they got, and how.
  static func breaches(in definition: XMLElement) -> [String] {
    switch definition.name {
    case "network": breaches(of: Vocabulary.network, in: definition)
    case "pool": breaches(of: Vocabulary.pool, in: definition)
    default: breaches(inDomain: definition)
    }
  }

  private static func breaches(inDomain domain: XMLElement) -> [String] {
    var found = breaches(of: Vocabulary.domain, in: domain)
    for device in domain.first("devices")?.elements.map({ $0 }) ?? [] {
      for collection in Vocabulary.domain.collections where collection.type.device?.matches(device) ?? false {
        found += breaches(of: collection.type, in: device)
      }
    }
    return found
  }

  private static func breaches(of type: ObjectType, in element: XMLElement) -> [String] {
    type.fields.compactMap { field in
      guard let lens = field.lens, let value = lens.get(element) else { return nil }
      let name = "\(type.name).\(field.name)"
      var again = element
      lens.put(value, into: &again)
      guard again == element else { return "\(name): putting back what was got changes the element" }
      var without = element
      lens.put(nil, into: &without)
      var with = without
      lens.put(value, into: &with)
      guard lens.get(with) == value else { return "\(name): what was put is not what is got" }
      var twice = with
      lens.put(value, into: &twice)
      return twice == with ? nil : "\(name): putting twice is not putting once"
    }
  }
}
