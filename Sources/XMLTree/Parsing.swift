// From text to a tree. libxml2 reads the document and reports what it sees (its SAX2 interface); `TreeBuilder` makes
// values of it, so no second tree is built in between.

import CLibXML2

/// How large a document may be before it is refused.
public struct XMLLimits: Sendable, Hashable {
  /// The most bytes of text.
  public var bytes: Int
  /// How deep elements may be nested; the root is at depth 1. More than 1024 counts as 1024, so that walking the tree
  /// fits any thread's stack.
  public var depth: Int
  /// The most elements, attributes, texts, comments and processing instructions together.
  public var nodes: Int
  /// The most attributes and namespace declarations of one element, and the most declarations in force at any place.
  public var attributes: Int

  /// Limits; the defaults are far beyond any libvirt document: 16 MiB, 256 levels, 500,000 nodes, 1024 attributes.
  public init(bytes: Int = 16 << 20, depth: Int = 256, nodes: Int = 500_000, attributes: Int = 1024) {
    self.bytes = bytes
    self.depth = depth
    self.nodes = nodes
    self.attributes = attributes
  }
}

extension XMLElement {
  /// Reads a document and returns its root element.
  ///
  /// White space between elements is dropped, unless its parent also has other text (mixed content), has nothing but
  /// text, or stands under `xml:space='preserve'`. CDATA sections become text. Comments and processing instructions
  /// inside the root are kept, those beside it are not.
  ///
  /// Nothing is fetched and no entity is expanded beyond the five predefined ones and character references: a document
  /// type declaration is refused at sight. May be called from any number of threads at once.
  ///
  /// - Throws: ``XMLError`` with the first thing that is wrong and its place.
  public static func parse(_ text: String, limits: XMLLimits = XMLLimits()) throws(XMLError) -> XMLElement {
    var text = text
    // `withUTF8` rethrows untyped, so the outcome is carried out as a value.
    return try text.withUTF8 { bytes in
      Result { () throws(XMLError) in try parse(bytes, limits: limits) }
    }.get()
  }

  /// Reads a document from its bytes, which must be UTF-8 whatever its declaration says. See ``parse(_:limits:)``.
  public static func parse(bytes: [UInt8], limits: XMLLimits = XMLLimits()) throws(XMLError) -> XMLElement {
    try bytes.withUnsafeBufferPointer { bytes in
      Result { () throws(XMLError) in try parse(bytes, limits: limits) }
    }.get()
  }

  /// Reads several documents. Never inlined: see where definitions are read back for what Swift 6.3's optimiser makes of it.
  @inline(never)
  public static func parse(all texts: [String]) throws(XMLError) -> [XMLElement] {
    var documents: [XMLElement] = []
    for text in texts { documents.append(try parse(text)) }
    return documents
  }

  private static func parse(_ bytes: UnsafeBufferPointer<UInt8>, limits: XMLLimits) throws(XMLError) -> XMLElement {
    guard bytes.count <= min(limits.bytes, Int(Int32.max)) else {
      throw XMLError(
        reason: .limit, line: 0, column: 0,
        message: "the document has \(bytes.count) bytes, more than the \(limits.bytes) that are accepted")
    }
    // libxml2 takes a NUL for the end of the text and would overlook what follows.
    if let nul = bytes.firstIndex(of: 0) {
      throw XMLError(
        at: nul, in: bytes, reason: .malformed,
        message: "a NUL byte, which XML does not allow; the document must be UTF-8")
    }
    if let tag = CrowdedTags.first(in: bytes, limit: limits.attributes) {
      throw XMLError(
        at: tag, in: bytes, reason: .limit, message: "an element has more than \(limits.attributes) attributes")
    }
    guard let base = bytes.baseAddress, !bytes.isEmpty else {
      throw XMLError(reason: .malformed, line: 1, column: 1, message: "the document is empty")
    }
    LibXML2.initialise()
    guard let context = xmlNewParserCtxt() else { throw LibXML2.outOfMemory }
    defer { xmlFreeParserCtxt(context) }

    var builder = TreeBuilder(context: context, limits: limits)
    withUnsafeMutablePointer(to: &builder) { builder in
      TreeBuilder.install(in: context, builder: builder)
      // NOENT is what turns &amp; into & in attribute values; no other entity can exist here, since getEntity is unset
      // and a document type declaration stops the parser. HUGE lifts libxml2's own limits in favour of ours.
      let options =
        XML_PARSE_NONET.rawValue | XML_PARSE_NOENT.rawValue | XML_PARSE_HUGE.rawValue
        | XML_PARSE_IGNORE_ENC.rawValue
      let document = base.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
        xmlCtxtReadMemory(context, $0, Int32(bytes.count), nil, nil, Int32(options))
      }
      if let document { xmlFreeDoc(document) }
    }
    return try builder.finish(isWellFormed: context.pointee.wellFormed != 0)
  }
}

extension XMLError {
  /// An error at a byte of the text.
  fileprivate init(at offset: Int, in bytes: UnsafeBufferPointer<UInt8>, reason: Reason, message: String) {
    let before = bytes[..<offset]
    let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    self.init(
      reason: reason, line: before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }, column: offset - start + 1,
      message: message)
  }
}

/// What must happen once before libxml2 is used from several threads.
enum LibXML2 {
  private static let initialised: Void = xmlInitParser()

  static func initialise() { _ = initialised }

  static let outOfMemory = XMLError(reason: .limit, line: 0, column: 0, message: "libxml2 is out of memory")

  /// libxml2's own sentence, without the line break that it ends in.
  static func message(of error: UnsafePointer<xmlError>) -> String {
    guard let text = error.pointee.message else { return "error \(error.pointee.code)" }
    var message = String(cString: text)
    while let last = message.last, last.isWhitespace || last == "." { message.removeLast() }
    return message
  }
}
