// The members of JSON documents as docs/json.md lists them, to be held against documents that the program printed.

import Foundation
public import Testing

/// The members that a section of docs/json.md lists.
public struct DocumentedMembers {
  /// What the page says of each member, by its path: `objects[].changes[].field`.
  private var meanings: [String: String] = [:]
  /// Beginnings of paths of which every member is documented.
  private var open: [String] = []

  /// Reads a section.
  ///
  /// - Parameter title: the section's heading.
  public init(_ title: String, filePath: String = #filePath) throws {
    let root = URL(fileURLWithPath: filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "docs/json.md"), encoding: .utf8)
    try read(title, in: page, below: "", isOptional: false)
    guard !meanings.isEmpty else { throw TestError("docs/json.md has no members under \(title)") }
  }

  private mutating func read(_ title: String, in page: String, below prefix: String, isOptional: Bool) throws {
    var isInside = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("#") {
        let heading = line.drop { $0 == "#" || $0 == " " }
        let anchor = heading.lowercased().replacing(" ", with: "-")
        // A table under a smaller heading belongs to itself.
        isInside = heading == title || anchor == title
      }
      guard isInside, line.hasPrefix("| `") else { continue }
      let cells = line.split(separator: "|")
      guard cells.count == 2 else { throw TestError("not a row of two cells: \(line)") }
      for member in cells[0].matches(of: /`([^`]+)`/).map({ String($0.output.1) }) {
        let own = member.hasPrefix("[].") && !prefix.isEmpty ? String(member.dropFirst(3)) : member
        let path = prefix.isEmpty ? own : "\(prefix).\(own)"
        guard !path.hasSuffix(".*") else {
          open.append(String(path.dropLast()))
          continue
        }
        meanings[path] = isOptional ? "left out" : String(cells[1])
        guard let link = cells[1].firstMatch(of: /\]\(#([a-z-]+)\)/)?.output.1 else { continue }
        try read(String(link), in: page, below: path, isOptional: true)
      }
    }
  }

  /// Expects that all members of documents are listed.
  ///
  /// - Parameter isWhole: whether every member that is listed must be in one of the documents, unless the page says that it
  ///   may be left out.
  public func expect(_ documents: [Any], isWhole: Bool = false, sourceLocation: SourceLocation = #_sourceLocation) {
    var found: Set<String> = []
    for document in documents { collect(document, at: "", into: &found) }
    let unknown = found.filter { path in meanings[path] == nil && !open.contains { path.hasPrefix($0) } }
    #expect(unknown.sorted() == [], "not in docs/json.md", sourceLocation: sourceLocation)
    guard isWhole else { return }
    let absent = meanings.filter { path, meaning in
      !found.contains(path) && !meaning.contains("left out") && !meaning.contains("only ")
    }
    #expect(
      absent.keys.sorted() == [], "docs/json.md lists them, and no document has them", sourceLocation: sourceLocation)
  }

  private func collect(_ value: Any, at path: String, into found: inout Set<String>) {
    if let object = value as? [String: Any] {
      for (name, member) in object {
        let inner = path.isEmpty ? name : "\(path).\(name)"
        if member is [Any], meanings[inner] == nil { found.insert(inner + "[]") } else { found.insert(inner) }
        // What may be anything has no members of its own.
        if meanings[inner]?.contains("any value") ?? false { continue }
        collect(member, at: inner, into: &found)
      }
    } else if let items = value as? [Any] {
      for item in items { collect(item, at: path + "[]", into: &found) }
    }
  }
}

/// The only JSON document in a text.
public func jsonDocument(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Any {
  do {
    return try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
  } catch {
    throw TestError("not JSON: \(text.prefix(2000)): \(error)")
  }
}
