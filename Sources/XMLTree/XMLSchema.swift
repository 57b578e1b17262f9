// Relax NG: whether a document has the shape that libvirt's own schemas describe.

import CLibXML2
import SystemCalls
import Synchronization

/// A Relax NG schema, such as libvirt's `/usr/share/libvirt/schemas/domain.rng`.
///
/// Loading takes far longer than validating, so keep one. May be used from any number of threads; documents are
/// validated one at a time.
public final class XMLSchema: Sendable {
  /// One thing in a document that the schema does not allow.
  public struct Violation: Sendable, Hashable {
    /// Where: an XPath such as `/domain/devices/disk[2]`, empty when libxml2 does not say.
    public var path: String
    /// The line in the element's serialised form; 0 when not known.
    public var line: Int
    /// libxml2's sentence.
    public var message: String

    /// A violation as libxml2 reports it.
    public init(path: String, line: Int, message: String) {
      self.path = path
      self.line = line
      self.message = message
    }
  }

  private let handle: Mutex<Handle>
  /// libxml2 fills tables of its own while it reads a schema, without a lock.
  private static let loading = Mutex(())

  /// Loads a schema with everything that it includes.
  ///
  /// The file is trusted: it may include others, by paths relative to its own.
  ///
  /// - Throws: ``XMLError`` of reason ``XMLError/Reason/schema``.
  public init(path: String) throws(XMLError) {
    LibXML2.initialise()
    let outcome = Self.loading.withLock { _ in
      Result { () throws(XMLError) in Handle(pointer: try Self.load(path)) }
    }
    handle = Mutex(try outcome.get())
  }

  deinit {
    handle.withLock { xmlRelaxNGFree($0.pointer) }
  }

  /// Checks an element, as the root of a document of its own.
  ///
  /// - Returns: what the schema does not allow, in document order as far as libxml2 gets; empty when the document is
  /// valid.
  /// - Throws: ``XMLError`` when the element cannot be written as XML (an invalid name).
  public func validate(_ element: XMLElement) throws(XMLError) -> [Violation] {
    var text = element.serialised()
    let parsed = Collected()
    let document = text.withUTF8 { bytes in parsed.read(bytes) }
    guard let document else {
      throw XMLError(
        reason: .malformed, line: parsed.violations.first?.line ?? 0, column: 0,
        message: parsed.violations.first?.message ?? "the element cannot be written as XML")
    }
    defer { xmlFreeDoc(document) }
    let found = Collected()
    let status = handle.withLock { handle -> Int32 in
      guard let context = xmlRelaxNGNewValidCtxt(handle.pointer) else { return -1 }
      defer { xmlRelaxNGFreeValidCtxt(context) }
      xmlRelaxNGSetValidStructuredErrors(context, Collected.collect, found.opaque)
      return xmlRelaxNGValidateDoc(context, document)
    }
    if status != 0 && found.violations.isEmpty {
      return [Violation(path: "", line: 0, message: "the schema does not allow this document")]
    }
    return status == 0 ? [] : found.violations
  }

  private static func load(_ path: String) throws(XMLError) -> xmlRelaxNGPtr {
    guard let context = xmlRelaxNGNewParserCtxt(path) else { throw LibXML2.outOfMemory }
    defer { xmlRelaxNGFreeParserCtxt(context) }
    let found = Collected()
    xmlRelaxNGSetParserStructuredErrors(context, Collected.collect, found.opaque)
    // Reading the files themselves reports to this thread's handler; what was there before is put back.
    let outerHandler = __xmlStructuredError().pointee
    let outerContext = __xmlStructuredErrorContext().pointee
    xmlSetStructuredErrorFunc(found.opaque, Collected.collect)
    defer { xmlSetStructuredErrorFunc(outerContext, outerHandler) }
    guard let schema = xmlRelaxNGParse(context) else {
      let first = found.violations.first
      throw XMLError(
        reason: .schema, line: first?.line ?? 0, column: 0,
        message: "cannot load the schema \(path): \(first?.message ?? "it is not Relax NG")")
    }
    return schema
  }

  /// A schema's pointer; only ever touched inside the lock.
  private struct Handle: @unchecked Sendable {
    let pointer: xmlRelaxNGPtr
  }
}

/// Gathers what libxml2 reports during one call.
private final class Collected {
  var violations: [XMLSchema.Violation] = []

  var opaque: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  static let collect: xmlStructuredErrorFunc = { receiver, error in
    guard let receiver, let error else { return }
    Unmanaged<Collected>.fromOpaque(receiver).takeUnretainedValue().add(UnsafePointer(error))
  }

  private func add(_ error: UnsafePointer<xmlError>) {
    var path = ""
    if let node = error.pointee.node, let text = xmlGetNodePath(node.assumingMemoryBound(to: xmlNode.self)) {
      path = String(cString: text)
      // libxml2's allocator is malloc unless a program replaces it, which this one does not.
      CMemory.free(text)
    }
    violations.append(
      XMLSchema.Violation(path: path, line: Int(error.pointee.line), message: LibXML2.message(of: error)))
  }

  /// libxml2's own tree of a document, which validation needs.
  func read(_ bytes: UnsafeBufferPointer<UInt8>) -> xmlDocPtr? {
    guard let base = bytes.baseAddress, let count = Int32(exactly: bytes.count) else { return nil }
    guard let context = xmlNewParserCtxt() else { return nil }
    defer { xmlFreeParserCtxt(context) }
    context.pointee.sax.pointee.serror = { context, error in
      guard let context, let error else { return }
      let receiver = context.assumingMemoryBound(to: xmlParserCtxt.self).pointee._private
      Collected.collect(receiver, error)
    }
    context.pointee._private = opaque
    return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
      xmlCtxtReadMemory(context, $0, count, nil, nil, Int32(XML_PARSE_NONET.rawValue | XML_PARSE_HUGE.rawValue))
    }
  }
}
