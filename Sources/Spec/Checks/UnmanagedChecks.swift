// The names under `unmanage`: each means something, and nothing that the spec sets.

import Diagnostics
public import Vocabulary

extension ObjectSpec {
  /// What of the object and of its devices is left to the host.
  public var unmanagedPlaces: UnmanagedPlaces {
    var places = UnmanagedPlaces()
    // What a name means nothing for is reported by the checks.
    for name in self[.unmanage] ?? [] { _ = places.insert(name, in: type) }
    return places
  }
}

/// Checks `unmanage`.
enum UnmanagedChecks {
  static func check(_ object: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard let setting = object.setting(.unmanage) else { return }
    for name in object[.unmanage] ?? [] {
      var places = UnmanagedPlaces()
      if !places.insert(name, in: object.type) {
        diagnostics.append(
          Diagnostic(
            "unknown-unmanaged", "`\(name)` is in `unmanage`, but \(object.type.name.withArticle) has no such field",
            at: setting.range, subject: object.title,
            suggestion: closestMatch(to: name, among: names(like: name, for: object.type)).map {
              "did you mean `\($0)`?"
            } ?? "`vireo explain \(object.type.name)` shows the fields"))
      } else if let set = firstSet(of: places, in: object) {
        diagnostics.append(
          Diagnostic(
            "conflict", "`\(name)` is in `unmanage`, but \(object.title) sets `\(set)`", at: setting.range,
            subject: object.title, suggestion: "remove one of them"))
      }
    }
  }

  /// The first field or device of some places that the spec has.
  private static func firstSet(of places: UnmanagedPlaces, in object: ObjectSpec) -> String? {
    for collection in object.type.collections {
      for device in object.members(collection.key) {
        let name = "\(collection.key).\(device.name)"
        if places.contains(device: name) { return name }
        if let field = device.firstSet(of: places.fields[name]) { return "\(name).\(field)" }
      }
    }
    return object.firstSet(of: places.fields[""])
  }

  /// What a name that means nothing may have been meant to be.
  private static func names(like name: String, for type: ObjectType) -> [String] {
    let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
    if parts.count == 3, let collection = type.collection(parts[0]) {
      return names(like: parts[2], for: collection.type).map { "\(parts[0]).\(parts[1]).\($0)" }
    }
    return type.fields.map(\.name) + type.groups.map(\.name) + type.collections.map(\.key)
  }
}

extension ObjectSpec {
  /// The first of some fields, in the order of the table, that the object sets.
  fileprivate func firstSet(of names: Set<String>?) -> String? {
    guard let names, !names.isEmpty else { return nil }
    return type.fields.first { names.contains($0.name) && settings[$0] != nil }?.name
  }
}
