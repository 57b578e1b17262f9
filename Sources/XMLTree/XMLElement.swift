// The tree itself: elements, attributes, namespace declarations and the nodes between tags, all plain values.
// Plans are values that can be compared and sent across threads, so the XML they hold is one as well.

/// One XML element with everything inside it.
///
/// A value: copies share storage until one of them is changed, equality and hashing look at the whole subtree,
/// attribute order and comments included. To compare what two documents *mean*, use ``difference(_:_:options:)``.
public struct XMLElement: Sendable, Hashable {
  /// The local name, without prefix.
  public var name: String
  /// The attributes in document order, namespace declarations not among them.
  public var attributes: [XMLAttribute]
  /// The nodes between the start and the end tag, in document order.
  public var children: [XMLNode]
  /// Prefix, namespace and declarations. Most elements have none of the three, so they share one word that is nil.
  var qualification: Qualification?

  /// Makes an element in code, for example `XMLElement("memory", ["unit": "KiB"], text: "1024")`.
  ///
  /// - Parameters:
  ///   - name: the name as written; what stands before a colon becomes the prefix.
  ///   - attributes: the attributes in the order in which they are to be written.
  ///   - text: character data; it comes before `children`. Empty text makes no node.
  ///   - children: child elements.
  public init(
    _ name: String, _ attributes: KeyValuePairs<String, String> = [:], text: String = "", children: [XMLElement] = []
  ) {
    self.init(name, attributes: attributes.map { XMLAttribute($0.key, $0.value) }, children: [])
    if !text.isEmpty { self.children.append(.text(text)) }
    for child in children { self.children.append(.element(child)) }
  }

  /// Makes an element from attributes and nodes that were put together at run time.
  public init(_ name: String, attributes: [XMLAttribute], children: [XMLNode]) {
    self.attributes = attributes
    self.children = children
    if let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) {
      self.name = String(name[name.index(after: colon)...])
      qualification = Qualification(prefix: String(name[..<colon]))
    } else {
      self.name = name
    }
  }
}

/// One attribute of an element.
public struct XMLAttribute: Sendable, Hashable {
  /// The name as written, with its prefix: `type`, `xml:space`.
  public var name: String
  /// The value, references resolved.
  public var value: String

  /// An attribute by its qualified name and its unescaped value.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// A namespace declaration: `xmlns:prefix='uri'`, or `xmlns='uri'` without a prefix.
public struct XMLNamespace: Sendable, Hashable {
  /// The declared prefix; nil declares the default namespace.
  public var prefix: String?
  /// The namespace's name; empty takes the default namespace back.
  public var uri: String

  /// A declaration; a prefix of nil is for the default namespace.
  public init(prefix: String?, uri: String) {
    self.prefix = prefix
    self.uri = uri
  }
}

/// What can stand between two tags.
public enum XMLNode: Sendable, Hashable {
  /// An element with everything in it.
  case element(XMLElement)
  /// Character data, references resolved; a CDATA section is text like any other.
  case text(String)
  /// A comment, without its delimiters.
  case comment(String)
  /// An instruction such as `<?target data?>`, kept as it is.
  case processingInstruction(target: String, data: String)

  /// The element, if this node is one.
  public var element: XMLElement? {
    if case .element(let element) = self { element } else { nil }
  }
}

extension XMLElement {
  /// The prefix as written, nil without one.
  public var prefix: String? {
    get { qualification?.parts.prefix }
    set { qualify { $0.prefix = newValue } }
  }

  /// The name of the namespace that the element is in, nil outside of any.
  ///
  /// Resolved when a document is parsed. An element made in code has none until it is set; written inside a parent that
  /// declares its prefix, or a default namespace, it takes that parent's.
  public var namespaceURI: String? {
    get { qualification?.parts.uri }
    set { qualify { $0.uri = newValue } }
  }

  /// The namespaces that this element's start tag declares, in document order.
  public var namespaceDeclarations: [XMLNamespace] {
    get { qualification?.parts.declarations ?? [] }
    set { qualify { $0.declarations = newValue } }
  }

  /// The name as written, with its prefix.
  public var qualifiedName: String {
    if let prefix { prefix + ":" + name } else { name }
  }

  /// Whether the element is called `name` as written: `disk` has no prefix, `qemu:commandline` has that prefix.
  public func isNamed(_ name: String) -> Bool {
    qualification == nil ? self.name == name : qualifiedName == name
  }

  /// The value of an attribute, by its name as written.
  ///
  /// Setting a value keeps the attribute's place or adds it at the end; setting nil removes it.
  public subscript(attribute name: String) -> String? {
    get {
      for attribute in attributes where attribute.name == name { return attribute.value }
      return nil
    }
    set {
      let index = attributes.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): attributes[index].value = value
      case (let index?, nil): attributes.remove(at: index)
      case (nil, let value?): attributes.append(XMLAttribute(name, value))
      case (nil, nil): break
      }
    }
  }

  /// The element's own character data: its direct text children joined, without the text inside child elements.
  ///
  /// Setting it puts one text in place of the first and drops the others; child elements and comments stay.
  public var text: String {
    get {
      // Nearly every element has one text or none; handing it on as it is takes no copy.
      var found: String?
      for case .text(let piece) in children {
        if let before = found { found = before + piece } else { found = piece }
      }
      return found ?? ""
    }
    set {
      if children.isEmpty {
        if !newValue.isEmpty { children = [.text(newValue)] }
        return
      }
      let place = children.firstIndex { if case .text = $0 { true } else { false } } ?? 0
      children.removeAll { if case .text = $0 { true } else { false } }
      if !newValue.isEmpty { children.insert(.text(newValue), at: place) }
    }
  }

  /// The child elements in document order.
  public var elements: some Sequence<XMLElement> {
    children.lazy.compactMap { $0.element }
  }

  /// The first child element called `name` (as written, with its prefix).
  public func first(_ name: String) -> XMLElement? {
    for case .element(let child) in children where child.isNamed(name) { return child }
    return nil
  }

  /// All child elements called `name` (as written, with its prefix), in document order.
  public func all(_ name: String) -> [XMLElement] {
    var found: [XMLElement] = []
    for case .element(let child) in children where child.isNamed(name) { found.append(child) }
    return found
  }

  private mutating func qualify(_ change: (inout Qualification.Parts) -> Void) {
    var parts = qualification?.parts ?? Qualification.Parts()
    change(&parts)
    qualification = parts == Qualification.Parts() ? nil : .boxed(parts)
  }
}

/// Prefix, namespace and declarations of an element, kept behind one pointer.
indirect enum Qualification: Sendable, Hashable {
  case boxed(Parts)

  struct Parts: Sendable, Hashable {
    var prefix: String?
    var uri: String?
    var declarations: [XMLNamespace] = []
  }

  init(prefix: String?, uri: String? = nil, declarations: [XMLNamespace] = []) {
    self = .boxed(Parts(prefix: prefix, uri: uri, declarations: declarations))
  }

  var parts: Parts {
    switch self {
    case .boxed(let parts): parts
    }
  }
}
