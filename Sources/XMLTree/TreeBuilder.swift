// Turns libxml2's SAX2 events into elements. Finished children wait on one shared stack and are moved into an array of
// exactly their number when their parent ends, so an element costs one allocation for its attributes and one for its
// children, and small names and values none at all.

import CLibXML2

struct TreeBuilder {
  /// An element whose end tag has not come yet.
  private struct Open {
    var element: XMLElement
    /// Where its children start in `finished`.
    var start: Int
    /// How many namespace declarations are in force inside it.
    var declared: Int
    /// How many children it has that are not text.
    var structures = 0
    /// Whether it has text other than white space.
    var hasInk = false
    /// Whether white space is kept whatever it stands between (`xml:space`, XML 1.0, section 2.10).
    var preservesSpace: Bool
  }

  private let context: xmlParserCtxtPtr
  private let limits: XMLLimits
  private let depthLimit: Int
  private var open: [Open] = []
  private var finished: [XMLNode] = []
  private var pending: [UInt8] = []
  private var nodes = 0
  private var root: XMLElement?
  private var failure: XMLError?

  init(context: xmlParserCtxtPtr, limits: XMLLimits) {
    self.context = context
    self.limits = limits
    depthLimit = min(limits.depth, 1024)
    open.reserveCapacity(16)
    finished.reserveCapacity(64)
    pending.reserveCapacity(256)
  }

  /// The tree, or why there is none.
  consuming func finish(isWellFormed: Bool) throws(XMLError) -> XMLElement {
    if let failure { throw failure }
    guard isWellFormed, let root else {
      throw XMLError(reason: .malformed, line: 0, column: 0, message: "the document is not well-formed")
    }
    return root
  }

  // MARK: - Events

  private mutating func start(
    _ name: UnsafePointer<xmlChar>, _ prefix: UnsafePointer<xmlChar>?, _ uri: UnsafePointer<xmlChar>?,
    _ namespaces: UnsafeBufferPointer<UnsafePointer<xmlChar>?>,
    _ attributes: UnsafeBufferPointer<UnsafePointer<xmlChar>?>
  ) {
    flush()
    // Five pointers an attribute: local name, prefix, namespace, start and end of the value.
    let attributeCount = attributes.count / 5
    count(1 + attributeCount + namespaces.count / 2)
    if open.count >= depthLimit { refuse("elements are nested deeper than \(depthLimit)") }
    if attributeCount + namespaces.count / 2 > limits.attributes {
      refuse("an element has more than \(limits.attributes) attributes")
    }
    // libxml2 goes through all declarations in force for each prefix that it meets.
    let declared = (open.last?.declared ?? 0) + namespaces.count / 2
    if declared > limits.attributes { refuse("more than \(limits.attributes) namespaces are declared") }
    guard failure == nil else { return }

    var element = XMLElement(unqualified: String(cString: name))
    if prefix != nil || uri != nil || !namespaces.isEmpty {
      element.qualification = Qualification(
        prefix: prefix.map { String(cString: $0) }, uri: uri.map { String(cString: $0) },
        declarations: stride(from: 0, to: namespaces.count - 1, by: 2).map { index in
          XMLNamespace(
            prefix: namespaces[index].map { String(cString: $0) },
            uri: namespaces[index + 1].map { String(cString: $0) } ?? "")
        })
    }
    var preservesSpace = open.last?.preservesSpace ?? false
    if attributeCount > 0 {
      element.attributes.reserveCapacity(attributeCount)
      for index in stride(from: 0, to: attributeCount * 5, by: 5) {
        guard let name = attributes[index], let start = attributes[index + 3], let end = attributes[index + 4] else {
          continue
        }
        let value = String(decoding: UnsafeBufferPointer(start: start, count: end - start), as: UTF8.self)
        let local = String(cString: name)
        if let prefix = attributes[index + 1] {
          let qualified = String(cString: prefix) + ":" + local
          if qualified == "xml:space" { preservesSpace = value == "preserve" }
          element.attributes.append(XMLAttribute(qualified, value))
        } else {
          element.attributes.append(XMLAttribute(local, value))
        }
      }
    }
    open.append(Open(element: element, start: finished.count, declared: declared, preservesSpace: preservesSpace))
  }

  private mutating func end() {
    flush()
    guard failure == nil, var frame = open.popLast() else { return }
    let start = frame.start
    if start < finished.count {
      if frame.structures > 0 && !frame.hasInk && !frame.preservesSpace {
        // Moved by hand: `filter` would grow its result step by step and then copy it.
        frame.element.children.reserveCapacity(frame.structures)
        for index in start..<finished.count {
          if case .text = finished[index] { continue }
          frame.element.children.append(finished[index])
        }
      } else {
        frame.element.children = Array(finished[start...])
      }
      finished.removeLast(finished.count - start)
    }
    if open.isEmpty { root = frame.element } else { add(.element(frame.element)) }
  }

  private mutating func add(_ node: XMLNode) {
    guard failure == nil, !open.isEmpty else { return }
    open[open.count - 1].structures += 1
    finished.append(node)
  }

  private mutating func characters(_ bytes: UnsafeBufferPointer<UInt8>) {
    pending.append(contentsOf: bytes)
  }

  /// Makes a text node of the characters that have come since the last tag: libxml2 hands them out in pieces.
  private mutating func flush() {
    guard !pending.isEmpty else { return }
    defer { pending.removeAll(keepingCapacity: true) }
    guard failure == nil, !open.isEmpty else { return }
    count(1)
    if !open[open.count - 1].hasInk && !pending.allSatisfy(\.isXMLSpace) { open[open.count - 1].hasInk = true }
    finished.append(.text(String(decoding: pending, as: UTF8.self)))
  }

  // MARK: - Refusals

  private mutating func count(_ more: Int) {
    nodes += more
    if nodes > limits.nodes { refuse("the document has more than \(limits.nodes) nodes") }
  }

  private mutating func refuse(_ message: String, _ reason: XMLError.Reason = .limit) {
    guard failure == nil else { return }
    let input = context.pointee.input
    failure = XMLError(
      reason: reason, line: Int(input?.pointee.line ?? 0), column: Int(input?.pointee.col ?? 0), message: message)
    xmlStopParser(context)
  }

  private mutating func fail(_ error: UnsafePointer<xmlError>) {
    // Warnings (a relative namespace name, say) refuse nothing; of several errors the first is the cause.
    guard failure == nil, error.pointee.level.rawValue >= XML_ERR_ERROR.rawValue else { return }
    failure = XMLError(
      reason: .malformed, line: Int(error.pointee.line), column: Int(error.pointee.int2),
      message: LibXML2.message(of: error))
    xmlStopParser(context)
  }

  // MARK: - libxml2

  /// Makes `builder` the receiver of everything that `context` reports. All events not named here are off, the looking
  /// up of entities among them.
  static func install(in context: xmlParserCtxtPtr, builder: UnsafeMutablePointer<TreeBuilder>) {
    context.pointee.userData = UnsafeMutableRawPointer(builder)
    context.pointee.sax.pointee = events
  }

  private nonisolated(unsafe) static let events: xmlSAXHandler = {
    var events = xmlSAXHandler()
    events.initialized = UInt32(XML_SAX2_MAGIC)
    events.internalSubset = { receiver, _, _, _ in
      builder(receiver)?.pointee.refuse(
        "document type declarations and entities are not accepted; remove <!DOCTYPE …>", .forbidden)
    }
    events.startElementNs = { receiver, name, prefix, uri, namespaceCount, namespaces, attributeCount, _, attributes in
      guard let name else { return }
      builder(receiver)?.pointee.start(
        name, prefix, uri, UnsafeBufferPointer(start: namespaces, count: Int(namespaceCount) * 2),
        UnsafeBufferPointer(start: attributes, count: Int(attributeCount) * 5))
    }
    events.endElementNs = { receiver, _, _, _ in builder(receiver)?.pointee.end() }
    events.characters = characters
    // The same function, so that libxml2 does not try to tell the two apart.
    events.ignorableWhitespace = characters
    events.cdataBlock = characters
    events.comment = { receiver, text in
      guard let text, let builder = builder(receiver) else { return }
      builder.pointee.flush()
      builder.pointee.count(1)
      builder.pointee.add(.comment(String(cString: text)))
    }
    events.processingInstruction = { receiver, target, data in
      guard let target, let builder = builder(receiver) else { return }
      builder.pointee.flush()
      builder.pointee.count(1)
      builder.pointee.add(
        .processingInstruction(target: String(cString: target), data: data.map { String(cString: $0) } ?? ""))
    }
    events.serror = { receiver, error in
      guard let error else { return }
      builder(receiver)?.pointee.fail(error)
    }
    return events
  }()

  private static let characters: charactersSAXFunc = { receiver, text, length in
    guard let text, length > 0 else { return }
    builder(receiver)?.pointee.characters(UnsafeBufferPointer(start: text, count: Int(length)))
  }

  private static func builder(_ receiver: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<TreeBuilder>? {
    receiver?.assumingMemoryBound(to: TreeBuilder.self)
  }
}

extension XMLElement {
  /// An element whose name is known to have no prefix.
  fileprivate init(unqualified name: String) {
    self.name = name
    attributes = []
    children = []
  }
}

extension UInt8 {
  /// Space, tab, line feed or carriage return (XML 1.0, production 3).
  var isXMLSpace: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
}
