// Secrets in libvirt's own XML: in known places they are neither shown nor recorded, and still told apart.

import Checksum
import XMLTree

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

  /// Whether one of two texts stands for the other.
  static func isPair(_ a: String, _ b: String) -> Bool { stands(a, for: b) || stands(b, for: a) }

  private static func stands(_ mask: String, for text: String) -> Bool {
    guard mask.utf8.last == UInt8(ascii: ")"), mask.utf8.count > digits, !isMask(text) else { return false }
    return isMask(mask) ? self.mask(text) == mask : maskedArgument(text) == mask && text != mask
  }

  /// An argument of QEMU's with what follows `string=` or `data=` masked: the content of an fw_cfg item, or of a secret.
  static func maskedArgument(_ text: String) -> String {
    guard
      let place = [",string=", ",data="].compactMap({ text.firstRange(of: $0) }).min(by: {
        $0.lowerBound < $1.lowerBound
      })
    else { return text }
    let rest = text[place.upperBound...]
    return rest.isEmpty || isMask(String(rest)) ? text : text[..<place.upperBound] + mask(String(rest))
  }

  static let qemu = "http://libvirt.org/schemas/domain/qemu/1.0"
}

extension XMLFragment {
  /// The fragment without passwords, and with masks in place of the values of environment variables, of fw_cfg items, and of
  /// the secrets that QEMU's arguments have.
  public var masked: XMLFragment { XMLFragment(withoutSecrets.root.masked) }
}

extension XMLElement {
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
      if isConfiguration, child.name == "entry", !child.text.isEmpty { child.text = SecretMask.mask(child.text) }
      return .element(child.masked)
    }
    return result
  }
}
