// Secrets in known places, of fields and of libvirt's own XML: they are neither shown nor recorded, and still told apart.

import Checksum
public import XMLTree

/// What stands in a secret's place.
public enum SecretNotation: Sendable, Hashable {
  /// `(secret)`, for people and programs: nobody can guess at it.
  case shown
  /// `(secret SALT.DIGEST)`, for records: what was stored can be compared with what is there, and by nobody with what he
  /// has guessed before he has seen the salt.
  case salted(String)
  /// `(secret DIGEST)`, as records of earlier versions have it.
  case unsalted
}

/// What of a text is a secret.
enum Secrecy: String, Sendable, Hashable, Codable {
  case whole
  /// What follows `string=`, `data=` and the like in a QEMU argument.
  case argument
  /// What follows the name of a systemd credential.
  case credential

  /// The text with masks in place of its secrets.
  func masked(_ text: String, _ notation: SecretNotation) -> String {
    switch self {
    case .whole: SecretMask.mask(text, notation)
    case .argument: SecretMask.maskedArgument(text, notation)
    case .credential: SecretMask.maskedCredential(text, notation)
    }
  }
}

/// A text that is a secret, or has one in it.
///
/// A record has its mask alone. So a text equals its own mask, and what was recorded can be compared with what is there.
public struct ConcealedText: Sendable, Hashable, Codable {
  /// The text itself: for libvirt, and for nothing that is shown.
  public let text: String
  /// The text with masks in place of its secrets.
  public let shown: String
  private let secrecy: Secrecy

  init(_ text: String, _ secrecy: Secrecy) {
    self.text = text
    self.secrecy = secrecy
    shown = secrecy.masked(text, .shown)
  }

  private enum CodingKeys: CodingKey {
    case text, secrecy
  }

  /// Writes the text itself, and what of it is a secret.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(text, forKey: .text)
    try container.encode(secrecy, forKey: .secrecy)
  }

  /// Reads the text; what is shown of it follows.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try container.decode(String.self, forKey: .text), try container.decode(Secrecy.self, forKey: .secrecy))
  }

  /// The text with masks of a notation in place of its secrets.
  func masked(_ notation: SecretNotation) -> String { secrecy.masked(text, notation) }

  /// Whether two texts are the same, or one of them is the mask of the other.
  public static func == (a: ConcealedText, b: ConcealedText) -> Bool {
    a.text == b.text || SecretMask.isPair(a.text, b.text)
  }

  /// Hashes the shown form, in which a text and its mask agree.
  public func hash(into hasher: inout Hasher) { hasher.combine(shown) }
}

/// What stands for a secret in plans and records.
public enum SecretMask {
  /// What is shown of a secret.
  public static let word = "(secret)"
  private static let beginning = "(secret "
  private static let oldDigits = 12
  private static let saltDigits = 16
  private static let digits = 32

  static func mask(_ text: String, _ notation: SecretNotation) -> String {
    guard !text.isEmpty else { return text }
    if case .shown = notation { return word }
    guard !isMask(text) else { return text }
    if case .salted(let salt) = notation {
      let hash = Checksum.of(Array("vireo secret \(salt) \(text)".utf8)).prefix(digits / 2)
      return "\(beginning)\(salt).\(hexadecimal(hash)))"
    }
    let hash = Checksum.of(Array("vireo secret \(text)".utf8)).prefix(oldDigits / 2)
    return beginning + hexadecimal(hash) + ")"
  }

  private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The notation of a text that is a mask as records have it, and nothing else; nil for any other text.
  private static func notation(ofMask text: Substring) -> SecretNotation? {
    let bytes = text.utf8
    guard bytes.last == UInt8(ascii: ")"), bytes.starts(with: beginning.utf8) else { return nil }
    let inner = text.dropFirst(beginning.count).dropLast()
    let parts = inner.split(separator: ".", omittingEmptySubsequences: false)
    let isHexadecimal = parts.allSatisfy { part in
      part.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
    guard isHexadecimal else { return nil }
    switch parts.map(\.utf8.count) {
    case [oldDigits]: return .unsalted
    case [saltDigits, digits]: return .salted(String(parts[0]))
    default: return nil
    }
  }

  static func isMask(_ text: String) -> Bool { notation(ofMask: text[...]) != nil }

  /// The masks in a text, in their order.
  private static func masks(in text: String) -> [(range: Range<String.Index>, notation: SecretNotation)] {
    var found: [(range: Range<String.Index>, notation: SecretNotation)] = []
    var rest = text[...]
    while let start = rest.firstRange(of: beginning), let end = rest[start.upperBound...].firstIndex(of: ")") {
      let range = start.lowerBound..<text.index(after: end)
      if let notation = notation(ofMask: text[range]) {
        found.append((range, notation))
        rest = text[range.upperBound...]
      } else {
        rest = text[start.upperBound...]
      }
    }
    return found
  }

  /// The notation of the masks in a text as a record has it; nil for a text without any.
  public static func notation(in text: String) -> SecretNotation? { masks(in: text).first?.notation }

  /// A text with all masks as they are shown.
  public static func shown(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "(")) else { return text }
    var result = text
    for mask in masks(in: text).reversed() { result.replaceSubrange(mask.range, with: word) }
    return result
  }

  /// A text that is a secret, or ends with one, and that secret alone.
  static func parts(of text: String, shown: String) -> [String] {
    guard text != shown, !text.isEmpty else { return [] }
    guard shown.hasSuffix(word) else { return [text] }
    let secret = String(text.dropFirst(shown.count - word.count))
    return secret == text || secret.isEmpty ? [text] : [text, secret]
  }

  /// Whether a text ends with a mask.
  static func isMaskedAtEnd(_ text: String) -> Bool {
    masks(in: text).last.map { $0.range.upperBound == text.endIndex } ?? false
  }

  /// Whether one of two texts stands for the other.
  static func isPair(_ a: String, _ b: String) -> Bool { stands(a, for: b) || stands(b, for: a) }

  static func stands(_ mask: String, for text: String) -> Bool {
    guard mask.utf8.last == UInt8(ascii: ")"), mask.utf8.count > oldDigits, !isMask(text),
      let notation = notation(in: mask)
    else { return false }
    if isMask(mask) { return self.mask(text, notation) == mask }
    return text != mask
      && (maskedArgument(text, notation) == mask || maskedCredential(text, notation) == mask)
  }

  /// What comes before a secret in a QEMU argument: the content of an fw_cfg item, or of a secret, a password, and the
  /// same in QEMU's JSON notation.
  private static let argumentPlaces = [
    ",string=", ",data=", ",password=", "\"string\":", "\"data\":", "\"password\":",
  ]

  /// A QEMU argument with whatever follows the first such place masked.
  static func maskedArgument(_ text: String, _ notation: SecretNotation) -> String {
    var ends = argumentPlaces.compactMap { text.firstRange(of: $0)?.upperBound }
    for beginning in ["string=", "data=", "password="] where text.hasPrefix(beginning) {
      ends.append(text.index(text.startIndex, offsetBy: beginning.count))
    }
    if let end = credential(in: text) { ends.append(end) }
    return masked(text, behind: ends.min(), notation)
  }

  /// A text for the guest with the content of a systemd credential masked (systemd.system-credentials(7)).
  static func maskedCredential(_ text: String, _ notation: SecretNotation) -> String {
    masked(text, behind: credential(in: text), notation)
  }

  private static func credential(in text: String) -> String.Index? {
    guard let name = text.firstRange(of: "io.systemd.credential") else { return nil }
    return text[name.upperBound...].firstIndex(of: "=").map { text.index(after: $0) }
  }

  private static func masked(_ text: String, behind place: String.Index?, _ notation: SecretNotation) -> String {
    guard let place, place < text.endIndex else { return text }
    return text[..<place] + mask(String(text[place...]), notation)
  }

  static let qemu = "http://libvirt.org/schemas/domain/qemu/1.0"
}

extension XMLFragment {
  /// The fragment without passwords, and with masks in place of the values of environment variables, of fw_cfg items, of
  /// systemd credentials and cookies, and of the secrets that QEMU's arguments have.
  ///
  /// - Parameter paths: places whose values are masked besides.
  public func masked(_ notation: SecretNotation, besides paths: [XMLPath] = []) -> XMLFragment {
    var root = withoutSecrets.root.masked(notation)
    for path in paths { root.replaceValues(at: path) { SecretMask.mask($0, notation) } }
    return XMLFragment(root)
  }

  /// Whether there is something in it that ``masked(_:besides:)`` does not show.
  public var isConfidential: Bool { masked(.shown) != self }
}

extension Value {
  /// Whether there is a secret in it that a description does not show.
  public var isConfidential: Bool {
    switch self {
    case .secret, .concealed: true
    case .xml(let fragment): fragment.isConfidential
    case .list(let values): values.contains(where: \.isConfidential)
    case .table(let entries): entries.values.contains(where: \.isConfidential)
    case .string, .integer, .boolean, .bytes, .seconds: false
    }
  }
}

extension Value {
  /// The texts in it that hold secrets.
  public var secrets: [String] {
    switch self {
    case .concealed(let value): SecretMask.parts(of: value.text, shown: value.shown)
    case .xml(let fragment): fragment.secrets()
    case .list(let values): values.flatMap(\.secrets)
    case .table(let entries): entries.values.flatMap(\.secrets)
    // A password comes from a file of its own.
    case .secret, .string, .integer, .boolean, .bytes, .seconds: []
    }
  }
}

extension XMLFragment {
  /// The texts in known places of it that are secrets, or have some in them.
  public func secrets() -> [String] { root.secrets(besides: masked(.shown).root) }

  /// The texts at places of it.
  public func texts(at paths: [XMLPath]) -> [String] {
    var found: [String] = []
    var root = root
    for path in paths {
      root.replaceValues(at: path) { text in
        found.append(text)
        return text
      }
    }
    return found
  }
}

extension XMLElement {
  /// The texts in known places of a whole definition that are secrets; most definitions have nothing of the kind.
  public var confidentialTexts: [String] {
    guard mayHaveSecrets else { return [] }
    let fragment = XMLFragment(self)
    return fragment.secrets() + fragment.passwords
  }

  /// Whether something is there that has secrets.
  private var mayHaveSecrets: Bool {
    ["commandline", "sysinfo", "cookies"].contains(name) || self[attribute: "passwd"] != nil
      || elements.contains(where: \.mayHaveSecrets)
  }

  /// The texts and attributes that a masked copy does not have.
  fileprivate func secrets(besides masked: XMLElement) -> [String] {
    let own = attributes.flatMap { attribute in
      SecretMask.parts(of: attribute.value, shown: masked[attribute: attribute.name] ?? "")
    }
    let children = zip(elements, masked.elements).flatMap { $0.secrets(besides: $1) }
    return own + children + SecretMask.parts(of: text, shown: masked.text)
  }

  fileprivate func masked(_ notation: SecretNotation) -> XMLElement {
    var result = self
    let isOfQEMU = namespaceURI == SecretMask.qemu || prefix == "qemu"
    if let value = self[attribute: "value"], isOfQEMU {
      if name.hasSuffix("env") { result[attribute: "value"] = SecretMask.mask(value, notation) }
      if name.hasSuffix("arg") { result[attribute: "value"] = SecretMask.maskedArgument(value, notation) }
    }
    let isConfiguration = name == "sysinfo" && self[attribute: "type"] == "fwcfg"
    result.children = children.map { node in
      guard case .element(var child) = node else { return node }
      if !child.text.isEmpty {
        switch (name, child.name) {
        case ("sysinfo", "entry") where isConfiguration: child.text = SecretMask.mask(child.text, notation)
        case ("cookies", "cookie"): child.text = SecretMask.mask(child.text, notation)
        case ("oemStrings", "entry"): child.text = SecretMask.maskedCredential(child.text, notation)
        default: break
        }
      }
      return .element(child.masked(notation))
    }
    return result
  }
}
