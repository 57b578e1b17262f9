// From a tree to text, in the form in which libvirt writes its documents.

extension XMLElement {
  /// Writes the element and everything in it as XML.
  ///
  /// The form is libvirt's: attributes in single quotes, one element a line, `<a/>` for an empty element, text-only
  /// elements on one line, all five special characters escaped. Elements that contain text beside other nodes are
  /// written exactly as they are. A namespace that the element is in but that neither it nor a parent declares (a
  /// subtree written on its own) is declared where it is first needed. Characters that XML 1.0 cannot hold are left
  /// out, as libvirt does.
  ///
  /// - Parameters:
  ///   - indent: the spaces of a level; nil writes everything on one line without a line break at the end.
  ///   - declaration: whether to begin with `<?xml version='1.0' encoding='UTF-8'?>`.
  public func serialised(indent: Int? = 2, declaration: Bool = false) -> String {
    var writer = Writer(indent: indent)
    if declaration {
      writer.put("<?xml version='1.0' encoding='UTF-8'?>")
      writer.lineBreak()
    }
    writer.write(self, depth: 0)
    writer.lineBreak()
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

private struct Writer {
  var bytes: [UInt8] = []
  let indent: Int?
  /// The declarations in force, innermost last.
  var scope: [XMLNamespace] = []
  /// Whether an enclosing element holds text, where white space must not be added.
  var isMixed = false

  init(indent: Int?) {
    self.indent = indent.map { max($0, 0) }
    bytes.reserveCapacity(4096)
  }

  mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
  mutating func put(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

  mutating func lineBreak() {
    if indent != nil { put("\n") }
  }

  mutating func margin(_ depth: Int) {
    if let indent { bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent * depth)) }
  }

  mutating func write(_ element: XMLElement, depth: Int) {
    let outerScope = scope.count
    put("<")
    putName(element)
    for attribute in element.attributes {
      put(" ")
      put(attribute.name)
      put("='")
      escape(attribute.value, inAttribute: true)
      put("'")
    }
    // libvirt writes declarations behind the attributes.
    if let parts = element.qualification?.parts { declare(parts) }
    var hasContent = false
    var hasText = false
    for child in element.children {
      if case .text(let text) = child {
        if text.isEmpty { continue }
        hasText = true
      }
      hasContent = true
    }
    if hasContent {
      put(">")
      let outerMixed = isMixed
      isMixed = isMixed || hasText
      if !isMixed { lineBreak() }
      for child in element.children {
        if !isMixed { margin(depth + 1) }
        write(child, depth: depth + 1)
        if !isMixed { lineBreak() }
      }
      if !isMixed { margin(depth) }
      isMixed = outerMixed
      put("</")
      putName(element)
      put(">")
    } else {
      put("/>")
    }
    scope.removeSubrange(outerScope...)
  }

  mutating func write(_ node: XMLNode, depth: Int) {
    switch node {
    case .element(let element): write(element, depth: depth)
    case .text(let text): escape(text, inAttribute: false)
    case .comment(let text):
      put("<!--")
      putSeparated(text, UInt8(ascii: "-"), UInt8(ascii: "-"))
      if text.utf8.last == UInt8(ascii: "-") { put(" ") }
      put("-->")
    case .processingInstruction(let target, let data):
      put("<?")
      put(target)
      if !data.isEmpty { put(" ") }
      putSeparated(data, UInt8(ascii: "?"), UInt8(ascii: ">"))
      put("?>")
    }
  }

  mutating func putName(_ element: XMLElement) {
    if let prefix = element.prefix {
      put(prefix)
      put(":")
    }
    put(element.name)
  }

  /// Writes the element's declarations, and one for its own namespace where that is out of reach.
  mutating func declare(_ parts: Qualification.Parts) {
    for declaration in parts.declarations { putDeclaration(declaration) }
    guard let uri = parts.uri, parts.prefix != "xml" else { return }
    let inForce = scope.last { $0.prefix == parts.prefix }?.uri
    if inForce != uri, !parts.declarations.contains(where: { $0.prefix == parts.prefix }) {
      putDeclaration(XMLNamespace(prefix: parts.prefix, uri: uri))
    }
  }

  mutating func putDeclaration(_ declaration: XMLNamespace) {
    put(" xmlns")
    if let prefix = declaration.prefix {
      put(":")
      put(prefix)
    }
    put("='")
    escape(declaration.uri, inAttribute: true)
    put("'")
    scope.append(declaration)
  }

  /// Writes `text` with a space wherever `first` and `second` would meet and end the construct early.
  mutating func putSeparated(_ text: String, _ first: UInt8, _ second: UInt8) {
    var previous: UInt8 = 0
    for scalar in text.unicodeScalars where scalar.isAllowedInXML {
      for byte in scalar.utf8 {
        if previous == first && byte == second { put(" ") }
        bytes.append(byte)
        previous = byte
      }
    }
  }

  mutating func escape(_ text: String, inAttribute: Bool) {
    var text = text
    let isPlain = text.withUTF8 { source in
      guard source.allSatisfy({ !$0.needsCare }) else { return false }
      bytes.append(contentsOf: source)
      return true
    }
    if isPlain { return }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": put("&amp;")
      case "<": put("&lt;")
      case ">": put("&gt;")
      case "'": put("&apos;")
      case "\"": put("&quot;")
      case "\r": put("&#13;")
      case "\t" where inAttribute: put("&#9;")
      case "\n" where inAttribute: put("&#10;")
      default:
        if scalar.isAllowedInXML { bytes.append(contentsOf: scalar.utf8) }
      }
    }
  }
}

extension UInt8 {
  /// Whether a character that starts with this byte may have to be written in another way, or not at all.
  fileprivate var needsCare: Bool {
    switch self {
    case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "'"), UInt8(ascii: "\""): true
    // U+FFFE and U+FFFF are among the characters that start with 0xEF.
    case ..<0x20, 0xEF: true
    default: false
    }
  }
}

extension Unicode.Scalar {
  /// XML 1.0, production 2 (surrogates are not scalars).
  fileprivate var isAllowedInXML: Bool {
    switch value {
    case 0x09, 0x0A, 0x0D, 0x20...0xFFFD, 0x10000...: true
    default: false
    }
  }
}
