// Sizes with units, as people write them and as libvirt does.

/// Reads and writes sizes in bytes.
public enum ByteCount {
  /// A unit of the spec language and its size in bytes. `KB` and `kB` are 1000 bytes, `KiB` is 1024 (IEC 80000-13).
  static let units: [(name: String, bytes: UInt64)] = [
    ("B", 1),
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("PiB", 1 << 50), ("EiB", 1 << 60),
    ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000), ("EB", 1_000_000_000_000_000_000),
  ]

  /// The size in the unit that needs the smallest whole number: `2 GiB`, `20 GB`, `1536 MiB`.
  public static func text(_ bytes: UInt64) -> String {
    guard bytes > 0 else { return "0 B" }
    var best = (number: bytes, unit: "B")
    for unit in units where bytes.isMultiple(of: unit.bytes) && bytes / unit.bytes < best.number {
      best = (bytes / unit.bytes, unit.name)
    }
    return "\(best.number) \(best.unit)"
  }

  /// The size rounded to three digits in a binary unit, for progress and summaries: `1.23 GiB`.
  public static func approximate(_ bytes: UInt64) -> String {
    let binary = units[0...6]
    guard let unit = binary.last(where: { bytes >= $0.bytes }), unit.bytes > 1 else { return "\(bytes) B" }
    if bytes.isMultiple(of: unit.bytes) { return "\(bytes / unit.bytes) \(unit.name)" }
    let whole = bytes / unit.bytes
    let decimals: UInt64 = whole < 10 ? 100 : whole < 100 ? 10 : 1
    // Two steps, so that nothing overflows: the rest is below one unit.
    let rest = (bytes % unit.bytes) / (unit.bytes >> 10) * decimals / 1024
    switch decimals {
    case 100: return "\(whole).\(rest < 10 ? "0" : "")\(rest) \(unit.name)"
    case 10: return "\(whole).\(rest) \(unit.name)"
    default: return "\(whole) \(unit.name)"
    }
  }

  /// Reads a size such as `2 GiB`, `512MiB` or `1.5 TB`.
  static func parse(_ text: String) throws(ValueProblem) -> UInt64 {
    let bytes = Array(text.utf8)
    let end = bytes.firstIndex { !isDigit($0) && $0 != UInt8(ascii: ".") } ?? bytes.count
    let number = String(decoding: bytes[..<end], as: UTF8.self)
    let unit = String(decoding: bytes[end...].drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
    guard !number.isEmpty else {
      throw ValueProblem("`\(text)` is not a size", suggestion: "write a number and a unit, such as 2 GiB")
    }
    guard !unit.isEmpty else { throw ValueProblem("a size needs a unit", suggestion: unitSuggestion(number)) }
    guard let factor = units.first(where: { $0.name == unit })?.bytes ?? (unit == "KB" ? 1000 : nil) else {
      throw unknownUnit(unit, number: number)
    }
    return try multiply(number, by: factor, text: text)
  }

  private static func multiply(_ number: String, by factor: UInt64, text: String) throws(ValueProblem) -> UInt64 {
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    let tooLarge = ValueProblem("`\(text)` is more than a size can be", suggestion: "the limit is below 16 EiB")
    guard parts.count <= 2, !parts.contains("") else {
      throw ValueProblem("`\(number)` is not a number", suggestion: "write a number and a unit, such as 1.5 GiB")
    }
    guard let whole = UInt64(parts[0]) else { throw tooLarge }
    var (total, overflow) = whole.multipliedReportingOverflow(by: factor)
    if parts.count == 2 {
      // 18 digits of a fraction are below what a UInt64 holds; more would not change the number of bytes.
      let digits = parts[1].prefix(18)
      let scale = digits.reduce(into: UInt64(1)) { scale, _ in scale *= 10 }
      let product = factor.multipliedFullWidth(by: UInt64(digits) ?? 0)
      let (fraction, rest) = scale.dividingFullWidth(product)
      guard rest == 0 else {
        throw ValueProblem("`\(text)` is not a whole number of bytes", suggestion: "use a smaller unit")
      }
      let sum = total.addingReportingOverflow(fraction)
      (total, overflow) = (sum.partialValue, overflow || sum.overflow)
    }
    guard !overflow else { throw tooLarge }
    return total
  }

  /// `write 2048 MiB or 2 GiB` for a number that stands alone.
  private static func unitSuggestion(_ number: String) -> String {
    // As MiB that would be a tebibyte or more: bytes are meant, as programs print them.
    if let value = UInt64(number), value >= 1 << 20 {
      return "write \(value) B" + (text(value) == "\(value) B" ? "" : " or \(text(value))")
    }
    guard let value = UInt64(number), value >= 1024, value.isMultiple(of: 1024) else {
      return "write \(number) MiB or \(number) GiB"
    }
    return "write \(number) MiB or \(value / 1024) GiB"
  }

  private static func unknownUnit(_ unit: String, number: String) -> ValueProblem {
    let names = units.map(\.name)
    let lower = unit.lowercased()
    if let name = names.first(where: { $0.lowercased() == lower }) {
      return ValueProblem("`\(unit)` is not a unit", suggestion: "write \(number) \(name)")
    }
    if lower.count == 1, let name = names.first(where: { $0.lowercased().hasPrefix(lower) }) {
      return ValueProblem(
        "the unit `\(unit)` could mean powers of 1000 or of 1024", suggestion: "write \(number) \(name)")
    }
    return ValueProblem("`\(unit)` is not a unit", suggestion: "units are B, KiB, MiB, GiB, TiB, kB, MB, GB, TB")
  }

  /// Bytes of a unit in libvirt's XML (`virScaleInteger`, documented at formatdomain.html#memory-allocation):
  /// powers of 1024 for `b`, `k`/`KiB`, …, powers of 1000 for `KB`, …; letters in any case.
  static func libvirtUnit(_ unit: String) -> UInt64? {
    let lower = unit.lowercased()
    if lower == "b" || lower == "bytes" || lower == "byte" { return 1 }
    guard let first = lower.utf8.first, let power = Array("kmgtpe".utf8).firstIndex(of: first) else { return nil }
    switch lower.dropFirst() {
    case "", "ib": return (0...power).reduce(into: UInt64(1)) { factor, _ in factor *= 1024 }
    case "b": return (0...power).reduce(into: UInt64(1)) { factor, _ in factor *= 1000 }
    default: return nil
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
