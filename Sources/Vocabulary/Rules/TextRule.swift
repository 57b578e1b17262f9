// Rules that texts obey: names, MAC addresses, UUIDs. Each has a pattern for the schema and a check that normalises.

/// What a text must look like.
public struct TextRule: Sendable {
  /// The rule in words, with its article: `a MAC address such as 52:54:00:12:34:56`.
  public let explanation: String
  /// An ECMA 262 pattern for the JSON Schema; nil for any text.
  public let pattern: String?
  /// The texts that there are, where they are few: what a misspelt one was most likely meant to be is among them.
  public let words: [String]?
  /// What of a text is a secret.
  let secrecy: Secrecy?
  /// Whether the text is the alias of a device of the domain.
  let namesDevice: Bool
  private let normalise: @Sendable (String) -> String?
  private let remedy: String?

  /// - Parameter normalise: the text in the form in which it is compared; nil when the text breaks the rule.
  init(
    _ explanation: String, pattern: String? = nil, remedy: String? = nil, words: [String]? = nil,
    secrecy: Secrecy? = nil, namesDevice: Bool = false, normalise: @escaping @Sendable (String) -> String?
  ) {
    self.explanation = explanation
    self.pattern = pattern
    self.words = words
    self.remedy = remedy
    self.secrecy = secrecy
    self.namesDevice = namesDevice
    self.normalise = normalise
  }

  /// The text in the form in which it is compared.
  public func normalised(_ text: String) throws(ValueProblem) -> String {
    guard let result = normalise(text) else {
      throw ValueProblem("\(secrecy == nil ? "`\(text)`" : "this") is not \(explanation)", suggestion: remedy)
    }
    return result
  }

  /// A text that obeys the rule as a value: concealed where it has a secret in it.
  func value(of text: String) -> Value {
    guard let secrecy else { return .string(text) }
    let concealed = ConcealedText(text, secrecy)
    // A record has the mask alone.
    let isConcealed = secrecy == .whole || concealed.shown != text || SecretMask.isMaskedAtEnd(text)
    return isConcealed ? .concealed(concealed) : .string(text)
  }

  /// Whether every text of the kind is a secret.
  public var isConfidential: Bool { secrecy == .whole }

  /// The secrets in a text, whether or not it obeys the rule.
  public func secrets(in text: String) -> [String] {
    secrecy.map { SecretMask.parts(of: text, shown: $0.masked(text, .shown)) } ?? []
  }

  /// The same rule for texts with secrets.
  func concealing(_ secrecy: Secrecy) -> TextRule {
    TextRule(
      explanation, pattern: pattern, remedy: remedy, words: words, secrecy: secrecy, namesDevice: namesDevice,
      normalise: normalise)
  }

  /// Any text on one line or several that XML can carry and gives back: no control characters but tab and line feed, as
  /// readers of XML turn a carriage return into a line feed (XML 1.0, sections 2.2 and 2.11).
  public static let any = TextRule(
    "a text", remedy: "leave it out, or write a text without control characters other than tabs and line feeds",
    normalise: { text in
      let isPlain = text.unicodeScalars.allSatisfy {
        $0.value >= 0x20 && $0.value & 0xFFFE != 0xFFFE || $0.value == 0x09 || $0.value == 0x0A
      }
      return isPlain && !text.isEmpty ? text : nil
    })

  /// A text on one line, as libvirt's schema has it for titles.
  public static let line = TextRule(
    "a text on one line", remedy: "leave it out, or write a text without line feeds and other control characters",
    normalise: { text in
      (try? any.normalised(text)).flatMap { $0.utf8.contains(0x0A) ? nil : $0 }
    })

  /// What libvirt's schema calls the name of an object, and what can be the name of a file: pools, volumes, shared memory,
  /// usages of secrets.
  static let objectName = TextRule(
    "a name without `/`", pattern: #"^(?!\.{1,2}$)[^/\x00-\x1F]+$"#,
    normalise: { text in
      guard let line = try? line.normalised(text), !line.utf8.contains(UInt8(ascii: "/")) else { return nil }
      return [".", ".."].contains(line) ? nil : line
    })

  /// The path of a device of the host, as libvirt's schema has it.
  static let hostDevicePath = TextRule(
    "the path of a device of the host", pattern: #"^/[A-Za-z0-9_.:/\\-]+$"#,
    normalise: { text in
      let bytes = text.utf8
      return bytes.first == UInt8(ascii: "/") && bytes.count > 1
        && bytes.allSatisfy { isAlphanumeric($0) || #"_.:/\-"#.utf8.contains($0) } ? text : nil
    })

  /// What libvirt's schema calls a generic name: users, drivers, templates.
  static let genericName = made(of: "_+-", "a name of letters, digits, `_`, `+` and `-`")

  /// Names of domains, pools, images. libvirt refuses `/`, line breaks and empty names, and a domain's name becomes
  /// a file name: 255 bytes with its suffix.
  public static let name = TextRule(
    "a name", pattern: #"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}$"#,
    remedy: "use up to 200 letters, digits, `_`, `.`, `+`, `-`, the first a letter, a digit or `_`",
    normalise: { text in
      let bytes = text.utf8
      guard let first = bytes.first, isAlphanumeric(first) || first == UInt8(ascii: "_"), bytes.count <= 200 else {
        return nil
      }
      return bytes.allSatisfy { isAlphanumeric($0) || "_.+-".utf8.contains($0) } ? text : nil
    })

  /// Names of domains, as libvirt and the file system take them: whatever has no slash and no line break. libvirt makes
  /// and removes folders of a domain's name, so that `..` would be another folder.
  public static let domainName = TextRule(
    "a domain's name", pattern: #"^(?!\.{1,2}$)[^/\x00-\x1F\x7F]{1,200}$"#,
    remedy: "use up to 200 bytes, none of them a `/` or a control character, and neither `.` nor `..`",
    normalise: { text in
      let bytes = text.utf8
      guard (1...200).contains(bytes.count), text != ".", text != ".." else { return nil }
      return bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") } ? text : nil
    })

  /// Names of snapshots, which become parts of file names: libvirt stores a snapshot in a file that has its name, and an
  /// overlay has it in its own.
  public static let snapshotName = TextRule(
    "a snapshot's name", pattern: #"^(?!\.{1,2}$)[^/,\x00-\x1F\x7F]{1,100}$"#,
    remedy: "use up to 100 bytes without `/`, commas and control characters such as tabs, and neither `.` nor `..`",
    normalise: { text in
      let bytes = text.utf8
      guard (1...100).contains(bytes.count), text != ".", text != ".." else { return nil }
      let isPlain = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ",") }
      return isPlain ? text : nil
    })

  /// Keys of devices: they become user aliases, for which libvirt allows letters, digits, `_` and `-`.
  public static let deviceKey = made(
    of: "_-", "a device's name", most: 64, remedy: "use up to 64 letters, digits, `_`, `-`")

  /// User aliases of devices: libvirt keeps those that begin with `ua-` and makes up all others.
  public static let userAlias = TextRule(
    "an alias such as ua-mynic", pattern: #"^ua-[A-Za-z0-9_-]{1,120}$"#,
    remedy: "begin it with `ua-`, and use up to 120 letters, digits, `_`, `-` after that",
    normalise: { text in
      let bytes = text.utf8
      guard text.hasPrefix("ua-"), (4...123).contains(bytes.count) else { return nil }
      return bytes.allSatisfy { isAlphanumeric($0) || "_-".utf8.contains($0) } ? text : nil
    })

  /// What names a device of the domain by its alias, one that libvirt makes up as well.
  public static let deviceAlias: TextRule = {
    let rule = word("the alias of a device", besides: ":")
    return TextRule(rule.explanation, pattern: rule.pattern, namesDevice: true, normalise: rule.normalise)
  }()

  /// Names of libvirt networks.
  public static let networkName = hostName("the name of a network")

  /// Names of the host's network devices, bridges among them, as the kernel limits them (`IFNAMSIZ`).
  public static let networkDevice = made(of: #"_.:\-"#, "the name of a network device of the host", most: 15)

  /// Names of libvirt storage pools.
  public static let poolName = hostName("the name of a pool")

  /// Names of libvirt's own objects, which become names of files: any text on one line without a slash that is not one of
  /// the two names that every folder has.
  private static func hostName(_ explanation: String) -> TextRule {
    TextRule(
      explanation, pattern: #"^(?!\.{1,2}$)(?! *$)[^/\x00-\x1F\x7F]{1,200}$"#,
      remedy: "use up to 200 bytes, none of them a `/` or a control character",
      normalise: { text in
        let bytes = text.utf8
        guard (1...200).contains(bytes.count), text != ".", text != "..", !bytes.allSatisfy({ $0 == 0x20 }) else {
          return nil
        }
        return bytes.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "/") && $0 != 0x7F } ? text : nil
      })
  }

  /// Names of objects of one of the stack's collections.
  public static func reference(to collection: String) -> TextRule {
    switch collection {
    case "networks": networkName
    case "pools": poolName
    default: name
    }
  }

  /// Unicast MAC addresses; compared without regard to case.
  public static let macAddress = TextRule(
    "a MAC address such as 52:54:00:12:34:56", pattern: #"^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$"#,
    remedy: "write six pairs of hexadecimal digits, the second digit even",
    normalise: { text in
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 6, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy(isHexadecimal) }),
        let first = UInt8(parts[0], radix: 16), first & 1 == 0
      else { return nil }
      return text.lowercased()
    })

  /// UUIDs in RFC 9562's notation.
  public static let uuid = TextRule(
    "a UUID such as 2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42",
    pattern: #"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"#,
    normalise: { text in
      let parts = text.split(separator: "-", omittingEmptySubsequences: false)
      guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12],
        parts.allSatisfy({ $0.utf8.allSatisfy(isHexadecimal) })
      else { return nil }
      return text.lowercased()
    })

  /// A SHA-256 checksum: 64 hexadecimal digits, compared in lower case.
  public static let sha256 = TextRule(
    "a SHA-256 checksum", pattern: #"^[0-9A-Fa-f]{64}$"#, remedy: "write 64 hexadecimal digits, as sha256sum prints",
    normalise: { $0.utf8.count == 64 && $0.utf8.allSatisfy(isHexadecimal) ? $0.lowercased() : nil })

  /// Names of disks in the guest: `vda`, `sdb`, `hdc`. The letters after the prefix number the disk.
  public static let diskTarget = TextRule(
    "a disk target such as vda", pattern: #"^((vd|sd|hd|fd|xvd|ubd)[a-z]{1,3}|nvme[0-9]{1,3}n[0-9]{1,3})$"#,
    remedy:
      "write the bus's prefix (vd, sd, hd) and a letter, or nvme0n1 for the first namespace of an NVMe controller",
    normalise: { text in
      if text.hasPrefix("nvme") {
        let numbers = text.dropFirst(4).split(separator: "n", omittingEmptySubsequences: false)
        let areNumbers = numbers.allSatisfy {
          (1...3).contains($0.utf8.count) && $0.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        return numbers.count == 2 && areNumbers ? text : nil
      }
      guard let prefix = ["vd", "sd", "hd", "fd", "xvd", "ubd"].first(where: text.hasPrefix) else { return nil }
      let letters = text.dropFirst(prefix.count).utf8
      return (1...3).contains(letters.count) && letters.allSatisfy { (0x61...0x7A).contains($0) } ? text : nil
    })

  /// Serial numbers of disks: libvirt allows letters, digits, `_`, `.`, `+`, `-` and space; virtio-blk shows the
  /// guest the first 20.
  public static let diskSerial = made(of: "_.+ -", "a disk's serial number", most: 247)

  /// URIs of libvirt connections.
  public static let connectionURI = TextRule(
    "a libvirt URI such as qemu:///system", pattern: #"^[A-Za-z0-9+.-]+:.+$"#,
    normalise: { $0.contains(":") && !$0.hasPrefix(":") && !$0.hasSuffix(":") ? $0 : nil })

  /// Machine types, CPU models and the like: a word of libvirt or QEMU.
  ///
  /// - Parameter besides: what it may hold besides letters, digits, `_`, `.`, `+` and `-`.
  static func word(_ explanation: String, besides: String = "") -> TextRule {
    made(of: "_.+\(besides)-", explanation)
  }

  /// Letters, digits and a few other characters, at least one.
  ///
  /// - Parameters:
  ///   - others: the other characters; a hyphen comes last.
  ///   - most: how many bytes there may be; nil for any number.
  static func made(of others: String, _ explanation: String, most: Int? = nil, remedy: String? = nil) -> TextRule {
    let escaped = others.map { $0 == #"\"# ? #"\\"# : String($0) }.joined()
    return TextRule(
      explanation, pattern: "^[A-Za-z0-9\(escaped)]" + (most.map { "{1,\($0)}$" } ?? "+$"), remedy: remedy,
      normalise: { text in
        let bytes = text.utf8
        guard (1...(most ?? .max)).contains(bytes.count) else { return nil }
        return bytes.allSatisfy { isAlphanumeric($0) || others.utf8.contains($0) } ? text : nil
      })
  }

  /// Printable ASCII characters, at least one.
  static func printable(_ explanation: String, most: Int) -> TextRule {
    TextRule(
      "\(explanation) of up to \(most) printable characters", pattern: "^[ -~]{1,\(most)}$",
      normalise: { text in
        (1...most).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) } ? text : nil
      })
  }
}

func isAlphanumeric(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
}
