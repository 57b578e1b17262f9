// libvirt's own schemas as a language of paths: which elements, attributes and words there can be at all, in whatever
// company.

import Foundation
import Libvirt
public import Versions
public import XMLTree

/// A Relax NG schema of libvirt's, read as what may stand at which path.
public struct InstalledSchema {
  /// The version of libvirt that it is of.
  public let version: LibvirtVersion
  private var definitions: [String: [XMLElement]] = [:]
  private var start: [XMLElement] = []

  /// libvirt's `domain.rng`, `network.rng` or `storagepool.rng`.
  ///
  /// `VIREO_SCHEMAS` names a folder with those of another libvirt, and its version behind a colon: `/tmp/schemas:11.3`.
  public static func load(_ name: String) async throws -> InstalledSchema {
    if let other {
      let parts = other.split(separator: ":")
      let numbers = parts[1].split(separator: ".").compactMap { Int($0) }
      return try InstalledSchema("\(parts[0])/\(name)", LibvirtVersion(numbers[0], numbers[1]))
    }
    // The library in this process and the schemas come from one package source.
    let connection = try await LibvirtConnection.open(uri: "test:///default")
    return try InstalledSchema("\(folder)/\(name)", connection.libvirtVersion)
  }

  static let folder = "/usr/share/libvirt/schemas"

  /// Where a schema is that ``load(_:)`` reads.
  public static func path(of name: String) -> String {
    "\(other.flatMap { $0.split(separator: ":").first }.map(String.init) ?? folder)/\(name)"
  }

  /// Whether there are schemas to ask.
  public static let isInstalled =
    FileManager.default.fileExists(atPath: "\(folder)/domain.rng")
    || other != nil

  /// The schemas of another libvirt. Read once: libvirt sets variables of the environment while it starts, which other
  /// threads must not read then (setenv(3)).
  private static let other = ProcessInfo.processInfo.environment["VIREO_SCHEMAS"]

  init(_ path: String, _ version: LibvirtVersion) throws {
    self.version = version
    try read(path)
  }

  private mutating func read(_ path: String) throws {
    let grammar = try XMLElement.parse(try String(contentsOfFile: path, encoding: .utf8))
    try read(grammar, in: (path as NSString).deletingLastPathComponent)
  }

  private mutating func read(_ grammar: XMLElement, in folder: String) throws {
    for item in grammar.elements {
      switch item.name {
      case "include":
        try read("\(folder)/\(item[attribute: "href"]!)")
        try read(item, in: folder)
      case "define": definitions[item[attribute: "name"]!, default: []] += item.elements
      case "start": start += item.elements
      default: break
      }
    }
  }

  // MARK: Patterns

  /// What can stand in a place: elements and attributes by name, and texts.
  private struct Content {
    var elements: [XMLElement] = []
    var attributes: [XMLElement] = []
    var words: Set<String> = []
    /// Whether any text of some kind can stand there.
    var hasText = false
    var seen: Set<String> = []
  }

  private func content(of patterns: some Sequence<XMLElement>) -> Content {
    var content = Content()
    collect(patterns, into: &content)
    return content
  }

  private func collect(_ patterns: some Sequence<XMLElement>, into content: inout Content) {
    for pattern in patterns {
      switch pattern.name {
      case "element": content.elements.append(pattern)
      case "attribute": content.attributes.append(pattern)
      case "value": content.words.insert(pattern.text)
      case "data", "text", "list": content.hasText = true
      case "ref":
        let name = pattern[attribute: "name"]!
        if content.seen.insert(name).inserted { collect(definitions[name] ?? [], into: &content) }
      case "name", "anyName", "nsName", "except", "empty", "notAllowed": break
      default: collect(pattern.elements, into: &content)
      }
    }
  }

  private static func isNamed(_ pattern: XMLElement, _ name: String) -> Bool {
    if let own = pattern[attribute: "name"] { return own == name }
    // Names that are any are other people's elements in the metadata.
    return pattern.elements.contains { $0.name == "anyName" || ($0.name == "name" && $0.text == name) }
  }

  private func elements(at path: [String]) -> [XMLElement] {
    var patterns = content(of: start).elements
    for (index, name) in path.enumerated() {
      if index > 0 { patterns = content(of: patterns.flatMap { Array($0.elements) }).elements }
      patterns = patterns.filter { Self.isNamed($0, name) }
    }
    return patterns
  }

  // MARK: Questions

  /// The words that an attribute can be: `words(of: "type", at: ["domain", "devices", "disk"])`.
  public func words(of attribute: String, at path: [String]) -> Set<String> {
    content(
      of: content(of: elements(at: path).flatMap { Array($0.elements) }).attributes
        .filter { Self.isNamed($0, attribute) }.flatMap { Array($0.elements) }
    ).words
  }

  /// Whether the schema knows a place, and the value there where it has one.
  public func knows(_ place: Place) -> Bool {
    let owners = elements(at: place.path)
    guard !owners.isEmpty else { return false }
    let inside = content(of: owners.flatMap { Array($0.elements) })
    guard let attribute = place.attribute else {
      return place.value.isEmpty || inside.hasText || inside.words.contains(place.value)
    }
    let patterns = inside.attributes.filter { Self.isNamed($0, attribute) }
    guard !patterns.isEmpty else { return false }
    return place.value.isEmpty
      || patterns.contains { pattern in
        let values = content(of: pattern.elements)
        // An attribute without any pattern is a text.
        return values.hasText || values.words.contains(place.value) || values.words.isEmpty
      }
  }

  /// An element, or an attribute of one, with its value.
  public struct Place: Hashable, CustomStringConvertible {
    /// The names of the elements from the root down to this one.
    public var path: [String]
    /// The attribute's name; nil for the element's own text.
    public var attribute: String?
    /// The attribute's value or the element's text, without white space around it; empty for none.
    public var value: String

    /// The place as messages have it: `domain/devices/disk/@type = file`.
    public var description: String {
      path.joined(separator: "/") + (attribute.map { "/@\($0)" } ?? "") + (value.isEmpty ? "" : " = \(value)")
    }
  }

  /// Every place that a document has.
  public static func places(in element: XMLElement, below path: [String] = []) -> Set<Place> {
    let own = path + [element.name]
    let text = element.text.trimmingCharacters(in: .whitespacesAndNewlines)
    var places: Set = [Place(path: own, attribute: nil, value: text)]
    for attribute in element.attributes {
      places.insert(Place(path: own, attribute: attribute.name, value: attribute.value))
    }
    for child in element.elements { places.formUnion(Self.places(in: child, below: own)) }
    return places
  }
}
