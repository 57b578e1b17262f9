// A piece of libvirt's own XML in a spec: what the vocabulary's fields do not name is still within reach.

public import XMLTree

/// What a spec says of an object in libvirt's own XML.
///
/// It is merged into the object's element by the rules of ``XMLSiblings``: attributes and texts are set, children find
/// their counterparts by what identifies them, and whatever the fragment does not name stays as it is.
public struct XMLFragment: Sendable, Hashable, Codable {
  /// The object's own element with what the fragment says of it, comments left out.
  public let root: XMLElement

  /// A fragment of the object's own element; comments in it are dropped.
  public init(_ root: XMLElement) {
    self.root = root.withoutComments
  }

  /// Reads a fragment: the object's own element, or any number of elements that stand within it.
  ///
  /// Prefixes that libvirt's documentation uses, such as `qemu`, need no declaration.
  ///
  /// - Parameters:
  ///   - text: the XML.
  ///   - element: the name of the object's element, such as `disk`.
  /// - Throws: ``XMLError`` with the place in `text`.
  public static func parse(_ text: String, element: String) throws(XMLError) -> XMLFragment {
    let declarations = namespaces.map { " xmlns:\($0.prefix)='\($0.uri)'" }.joined()
    let start = "<xml\(declarations)>"
    let wrapper: XMLElement
    do {
      wrapper = try XMLElement.parse(start + text + "</xml>", limits: limits)
    } catch {
      var error = error
      if error.line == 1 { error.column = max(1, error.column - start.utf8.count) }
      throw error
    }
    if let stray = wrapper.children.lazy.compactMap(\.text).first(where: { !$0.allSatisfy(\.isWhitespace) }) {
      throw XMLError(
        reason: .malformed, line: 1, column: 1, message: "the text `\(stray.prefix(40))` stands outside of any element")
    }
    let elements = Array(wrapper.elements)
    guard !elements.isEmpty else {
      throw XMLError(reason: .malformed, line: 1, column: 1, message: "there is no element")
    }
    if elements.count == 1, elements[0].isNamed(element) { return XMLFragment(elements[0]) }
    return XMLFragment(XMLElement(element, children: elements))
  }

  /// More than any definition of libvirt's has. Merging looks for each element among all of its kind, and again at each
  /// level below, so that time would grow far faster than the text.
  private static let limits = XMLLimits(depth: 16, nodes: 20_000)

  /// The namespaces of libvirt's documents with the prefixes that it gives them.
  private static let namespaces = [
    (prefix: "qemu", uri: "http://libvirt.org/schemas/domain/qemu/1.0"),
    (prefix: "libosinfo", uri: "http://libosinfo.org/xmlns/libvirt/domain/1.0"),
    (prefix: "dnsmasq", uri: "http://libvirt.org/schemas/network/dnsmasq/1.0"),
    (prefix: "fs", uri: "http://libvirt.org/schemas/storagepool/fs/1.0"),
    (prefix: "rbd", uri: "http://libvirt.org/schemas/storagepool/rbd/1.0"),
  ]

  /// The first place of the fragment that an element lacks or has another value at; nil when it has everything.
  public func firstDifference(in element: XMLElement) -> String? {
    var merged = element
    merge(into: &merged)
    guard merged != element else { return nil }
    return difference(element, merged, options: .siblings).first?.path ?? root.name
  }

  /// Whether an element has everything that the fragment says, so that merging would change nothing.
  public func isMet(by element: XMLElement) -> Bool {
    var merged = element
    merge(into: &merged)
    return merged == element
  }

  /// The fragment as text that ``parse(_:element:)`` reads: the elements within the object's, or the object's own where
  /// it says something itself.
  ///
  /// - Parameter indent: the spaces of a level; nil writes everything on one line.
  public func text(indent: Int?) -> String {
    guard root.attributes.isEmpty, root.text.isEmpty, !root.children.isEmpty else {
      return root.serialised(indent: indent)
    }
    return root.elements.map { $0.serialised(indent: indent) }.joined()
  }

  /// The fragment without passwords.
  public var withoutSecrets: XMLFragment { XMLFragment(root.withoutPasswords) }

  /// The passwords in the fragment.
  public var passwords: [String] { root.passwords }

  /// Whether the fragment has a password in it.
  public var hasSecrets: Bool { root.withoutPasswords != root }
}

extension XMLFragment: CustomStringConvertible {
  /// The fragment on one line, without passwords and with masks for other secrets: plans are shown, and records are read by
  /// others.
  public var description: String { text(.shown) }

  /// The fragment on one line, with masks of a notation.
  public func text(_ notation: SecretNotation, besides paths: [XMLPath] = []) -> String {
    masked(notation, besides: paths).text(indent: nil)
  }
}

extension XMLNode {
  fileprivate var text: String? { if case .text(let text) = self { text } else { nil } }
}

extension XMLElement {
  fileprivate var withoutComments: XMLElement {
    var result = self
    result.children = children.compactMap { node in
      switch node {
      case .element(let child): .element(child.withoutComments)
      case .text: node
      case .comment, .processingInstruction: nil
      }
    }
    return result
  }

  fileprivate var passwords: [String] {
    [self[attribute: "passwd"]].compactMap(\.self) + elements.flatMap(\.passwords)
  }

  /// libvirt's passwords of displays and of ports in use are attributes; other secrets are references. What says how long a
  /// password holds, and what becomes of viewers when it changes, means nothing without it, and libvirt refuses it.
  fileprivate var withoutPasswords: XMLElement {
    var result = self
    result[attribute: "passwd"] = nil
    if name == "graphics" { for name in ["passwdValidTo", "connected"] { result[attribute: name] = nil } }
    result.children = children.map { node in
      if case .element(let child) = node { .element(child.withoutPasswords) } else { node }
    }
    return result
  }
}
