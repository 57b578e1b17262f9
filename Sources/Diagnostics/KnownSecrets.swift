// Texts that no message may show, wherever they come from: libvirt's own sentences quote values too.

/// Secrets that are known, and messages without them.
public struct KnownSecrets: Sendable, Hashable, Codable {
  /// What stands in a secret's place.
  public static let mask = "(secret)"
  /// Shorter texts are concealed where they are the whole of a value, and not where they occur in a sentence: there they
  /// would be part of any word.
  public static let leastInSentences = 4
  /// The same of what nobody has marked.
  private static let leastSuspect = 6

  /// What is marked as secret.
  public private(set) var texts: Set<String> = []
  /// What stands where secrets usually are, and may well be none.
  private var suspects: Set<String> = []
  /// What to look for in sentences, in every form in which it may be quoted, by its first bytes; longer ones first.
  private var forms: [UInt32: [[UInt8]]] = [:]

  /// Texts that are marked as secret. Empty ones are left out, as they would be found everywhere.
  public init(_ secrets: some Sequence<String> = []) { insert(secrets) }

  /// Whether nothing needs to be concealed.
  public var isEmpty: Bool { texts.isEmpty && suspects.isEmpty }

  /// Adds what somebody has marked as secret.
  public mutating func insert(_ secrets: some Sequence<String>) {
    for secret in secrets where !secret.isEmpty && secret != Self.mask && texts.insert(secret).inserted {
      insert(formsOf: secret)
    }
  }

  /// Adds what stands where secrets usually are: a variable of QEMU's environment may be a token, or `pa`. Sentences are
  /// kept free of what does not look like a word or a number.
  public mutating func insertSuspects(_ secrets: some Sequence<String>) {
    for secret in secrets where secret != Self.mask && suspects.insert(secret).inserted {
      let isNumber = secret.utf8.allSatisfy { (0x30...0x39).contains($0) }
      if secret.utf8.count >= Self.leastSuspect, !isNumber { insert(formsOf: secret) }
    }
  }

  private mutating func insert(formsOf secret: String) {
    for form in Self.forms(of: secret) {
      let start = Self.start(form[...])
      guard !(forms[start]?.contains(form) ?? false) else { continue }
      forms[start, default: []].append(form)
      forms[start]?.sort { $0.count > $1.count }
    }
  }

  /// Adds what another collection knows, marked secrets and suspects both.
  public mutating func formUnion(_ other: KnownSecrets) {
    insert(other.texts)
    insertSuspects(other.suspects)
  }

  private enum CodingKeys: CodingKey {
    case texts, suspects
  }

  /// Writes the secrets themselves, in the order of their letters.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(texts.sorted(), forKey: .texts)
    try container.encode(suspects.sorted(), forKey: .suspects)
  }

  /// Reads the secrets.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    insert(try container.decode([String].self, forKey: .texts))
    insertSuspects(try container.decode([String].self, forKey: .suspects))
  }

  /// A value without secrets: the mask alone for one that is a secret.
  public func concealed(_ value: String) -> String { texts.contains(value) ? Self.mask : redacted(value) }

  /// A sentence without secrets.
  public func redacted(_ sentence: String) -> String {
    guard !forms.isEmpty else { return sentence }
    let bytes = Array(sentence.utf8)
    var result: [UInt8] = []
    var copied = 0
    var index = 0
    while index + Self.leastInSentences <= bytes.count {
      guard let found = forms[Self.start(bytes[index...])]?.first(where: { bytes[index...].starts(with: $0) }) else {
        index += 1
        continue
      }
      result += bytes[copied..<index] + Array(Self.mask.utf8)
      index += found.count
      // Of a long message only the ends are shown, and with them parts of a long secret.
      if found.count == Self.longest { index = bytes.count }
      copied = index
    }
    guard copied > 0 || !result.isEmpty else { return sentence }
    return String(decoding: result + bytes[copied...], as: UTF8.self)
  }

  /// The first bytes of a text that has at least as many as are looked for.
  private static func start(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.prefix(leastInSentences).reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// How much of a long secret is looked for; what follows it in a message is not shown.
  private static let longest = 200

  /// The ways in which a message may quote a secret: as it is, line by line, and with the escapes of XML, of JSON and of
  /// QEMU's arguments.
  private static func forms(of secret: String) -> Set<[UInt8]> {
    let lines = secret.split(separator: "\n").map(String.init)
    let forms = ([secret] + (lines.count > 1 ? lines : [])).flatMap { text in
      let xml = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      let quoted = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      return [
        text, xml, xml.replacing("\"", with: "&quot;"), xml.replacing("'", with: "&apos;"),
        xml.replacing("\"", with: "&quot;").replacing("'", with: "&apos;"), quoted,
        quoted.replacing("\n", with: "\\n").replacing("\t", with: "\\t"), text.replacing(",", with: ",,"),
      ]
    }
    return Set(forms.filter { $0.utf8.count >= leastInSentences }.map { Array($0.utf8.prefix(longest)) })
  }

  /// A message without secrets.
  public func redacted(_ message: Diagnostic) -> Diagnostic {
    guard !forms.isEmpty else { return message }
    var message = message
    message.message = redacted(message.message)
    message.suggestion = message.suggestion.map(redacted)
    message.subject = message.subject.map(redacted)
    message.notes = message.notes.map { note in
      var note = note
      note.message = redacted(note.message)
      return note
    }
    return message
  }
}
