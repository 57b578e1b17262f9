// XML as saved data: the tree itself. Text would not do: an element that was made in code takes its namespace from wherever
// it is written.

extension XMLElement: Codable {
  private enum CodingKeys: CodingKey {
    case name, attributes, children, namespace, declarations
  }

  /// Writes the element with everything in it; empty parts are left out.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(qualifiedName, forKey: .name)
    if !attributes.isEmpty { try container.encode(attributes.map { [$0.name, $0.value] }, forKey: .attributes) }
    if !children.isEmpty { try container.encode(children, forKey: .children) }
    try container.encodeIfPresent(namespaceURI, forKey: .namespace)
    if !namespaceDeclarations.isEmpty {
      try container.encode(namespaceDeclarations.map { [$0.prefix ?? "", $0.uri] }, forKey: .declarations)
    }
  }

  /// Reads the element with everything in it.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func pairs(_ key: CodingKeys) throws -> [(String, String)] {
      try (container.decodeIfPresent([[String]].self, forKey: key) ?? []).map { pair in
        guard pair.count == 2 else {
          throw DecodingError.dataCorruptedError(
            forKey: key, in: container, debugDescription: "an entry has \(pair.count) texts, not a name and a value")
        }
        return (pair[0], pair[1])
      }
    }
    self.init(
      try container.decode(String.self, forKey: .name),
      attributes: try pairs(.attributes).map { XMLAttribute($0, $1) },
      children: try container.decodeIfPresent([XMLNode].self, forKey: .children) ?? [])
    namespaceURI = try container.decodeIfPresent(String.self, forKey: .namespace)
    namespaceDeclarations = try pairs(.declarations).map { XMLNamespace(prefix: $0.isEmpty ? nil : $0, uri: $1) }
  }
}

extension XMLNode: Codable {
  private enum CodingKeys: CodingKey {
    case comment, target, data
  }

  /// Writes an element as it is written alone, a text as a string, and the others as objects.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .element(let element): try element.encode(to: encoder)
    case .text(let text):
      var container = encoder.singleValueContainer()
      try container.encode(text)
    case .comment(let text):
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(text, forKey: .comment)
    case .processingInstruction(let target, let data):
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(target, forKey: .target)
      try container.encode(data, forKey: .data)
    }
  }

  /// Reads what stands between two tags.
  public init(from decoder: any Decoder) throws {
    if let text = try? decoder.singleValueContainer().decode(String.self) {
      self = .text(text)
      return
    }
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let text = try container.decodeIfPresent(String.self, forKey: .comment) {
      self = .comment(text)
    } else if let target = try container.decodeIfPresent(String.self, forKey: .target) {
      self = .processingInstruction(target: target, data: try container.decode(String.self, forKey: .data))
    } else {
      self = .element(try XMLElement(from: decoder))
    }
  }
}
