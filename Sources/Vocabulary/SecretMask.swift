// Secrets in known places, of fields and of libvirt's own XML: they are neither shown nor recorded, and still told apart.

import Checksum
import XMLTree

/// What of a text is a secret.
enum Secrecy: Sendable, Hashable {
  case whole
  /// What follows `string=`, `data=` and the like in an argument of QEMU's.
  case argument
  /// What follows the name of a systemd credential.
  case credential

  /// The text with masks in place of its secrets.
  func masked(_ text: String) -> String {
    switch self {
    case .whole: SecretMask.mask(text)
    case .argument: SecretMask.maskedArgument(text)
    case .credential: SecretMask.maskedCredential(text)
    }
  }
}

/// A text that is a secret, or has one in it.
///
/// A record has its mask alone. So a text equals its own mask, and what was recorded can be compared with what is there.
public struct ConcealedText: Sendable, Hashable {
  /// The text itself: for libvirt, and for nothing that is shown.
  public let text: String
  /// The text with masks in place of its secrets.
  public let shown: String

  init(_ text: String, _ secrecy: Secrecy) {
    self.text = text
    shown = secrecy.masked(text)
  }

  public static func == (a: ConcealedText, b: ConcealedText) -> Bool {
    a.text == b.text || a.shown == b.shown && (a.text == a.shown || b.text == b.shown)
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(shown) }
}

/// What stands for a secret in plans and records: `(secret 5e884898da28)`, from which nobody reads the secret, and by which a
/// changed one is noticed.
enum SecretMask {
  private static let beginning = "(secret "
  private static let digits = 12

  static func mask(_ text: String) -> String {
    guard !text.isEmpty, !isMask(text) else { return text }
    let hash = Checksum.of(Array("vireo secret \(text)".utf8)).prefix(digits / 2)
    return beginning + hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + ")"
  }

  static func isMask(_ text: String) -> Bool {
    let bytes = text.utf8
    return bytes.count == beginning.utf8.count + digits + 1 && bytes.starts(with: beginning.utf8)
      && bytes.last == UInt8(ascii: ")")
  }

  /// Whether a text ends with a mask.
  static func isMaskedAtEnd(_ text: String) -> Bool { isMask(String(text.suffix(beginning.utf8.count + digits + 1))) }

  /// Whether one of two texts stands for the other.
  static func isPair(_ a: String, _ b: String) -> Bool { stands(a, for: b) || stands(b, for: a) }

  private static func stands(_ mask: String, for text: String) -> Bool {
    guard mask.utf8.last == UInt8(ascii: ")"), mask.utf8.count > digits, !isMask(text) else { return false }
    if isMask(mask) { return self.mask(text) == mask }
    return text != mask && (maskedArgument(text) == mask || maskedCredential(text) == mask)
  }

  /// What comes before a secret in an argument of QEMU's: the content of an fw_cfg item, or of a secret, a password, and the
  /// same in QEMU's JSON notation.
  private static let argumentPlaces = [
    ",string=", ",data=", ",password=", "\"string\":", "\"data\":", "\"password\":",
  ]

  /// An argument of QEMU's with whatever follows the first such place masked.
  static func maskedArgument(_ text: String) -> String {
    var ends = argumentPlaces.compactMap { text.firstRange(of: $0)?.upperBound }
    for beginning in ["string=", "data=", "password="] where text.hasPrefix(beginning) {
      ends.append(text.index(text.startIndex, offsetBy: beginning.count))
    }
    if let end = credential(in: text) { ends.append(end) }
    return masked(text, behind: ends.min())
  }

  /// A text for the guest with the content of a systemd credential masked (systemd.system-credentials(7)).
  static func maskedCredential(_ text: String) -> String { masked(text, behind: credential(in: text)) }

  private static func credential(in text: String) -> String.Index? {
    guard let name = text.firstRange(of: "io.systemd.credential") else { return nil }
    return text[name.upperBound...].firstIndex(of: "=").map { text.index(after: $0) }
  }

  private static func masked(_ text: String, behind place: String.Index?) -> String {
    guard let place, place < text.endIndex else { return text }
    return text[..<place] + mask(String(text[place...]))
  }

  static let qemu = "http://libvirt.org/schemas/domain/qemu/1.0"
}

extension XMLFragment {
  /// The fragment without passwords, and with masks in place of the values of environment variables, of fw_cfg items, of
  /// systemd credentials and cookies, and of the secrets that QEMU's arguments have.
  public var masked: XMLFragment { XMLFragment(withoutSecrets.root.masked) }

  /// Whether there is something in it that ``masked`` does not show.
  public var isConfidential: Bool { masked != self }
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
    case .concealed(let value): value.shown == value.text ? [] : [value.text]
    case .xml(let fragment): fragment.root.secrets(besides: fragment.masked.root)
    case .list(let values): values.flatMap(\.secrets)
    case .table(let entries): entries.values.flatMap(\.secrets)
    // A password comes from a file of its own.
    case .secret, .string, .integer, .boolean, .bytes, .seconds: []
    }
  }
}

extension XMLElement {
  /// The texts and attributes that a masked copy does not have.
  fileprivate func secrets(besides masked: XMLElement) -> [String] {
    let own = attributes.filter { masked[attribute: $0.name] != $0.value }.map(\.value)
    let children = zip(elements, masked.elements).flatMap { $0.secrets(besides: $1) }
    return own + children + (text == masked.text ? [] : [text])
  }

  fileprivate var masked: XMLElement {
    var result = self
    let isOfQEMU = namespaceURI == SecretMask.qemu || prefix == "qemu"
    if let value = self[attribute: "value"], isOfQEMU {
      if name.hasSuffix("env") { result[attribute: "value"] = SecretMask.mask(value) }
      if name.hasSuffix("arg") { result[attribute: "value"] = SecretMask.maskedArgument(value) }
    }
    let isConfiguration = name == "sysinfo" && self[attribute: "type"] == "fwcfg"
    result.children = children.map { node in
      guard case .element(var child) = node else { return node }
      if !child.text.isEmpty {
        switch (name, child.name) {
        case ("sysinfo", "entry") where isConfiguration: child.text = SecretMask.mask(child.text)
        case ("cookies", "cookie"): child.text = SecretMask.mask(child.text)
        case ("oemStrings", "entry"): child.text = SecretMask.maskedCredential(child.text)
        default: break
        }
      }
      return .element(child.masked)
    }
    return result
  }
}
