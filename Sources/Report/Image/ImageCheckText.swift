// What a check found, for people and, with qemu-img's names, for programs.

public import DiskImage

import Vocabulary

extension ImageCheck.Result {
  /// qemu-img's exit code: 1 for what could not be looked at, 2 for damage that is left, 3 for leaks that are left and
  /// nothing else.
  public var exitCode: Int32 {
    if checkErrors > 0 { return 1 }
    if corruptions > 0 { return 2 }
    return leaks > 0 ? 3 : 0
  }

  /// Findings that people are shown; the rest is counted.
  private static let shown = 100
  /// Findings that a result has at most.
  private static let kept = 1000

  /// The findings, one below the other, figures, and what it comes to.
  ///
  /// - Parameters:
  ///   - path: the image as it was named.
  ///   - width: the columns that a line may take.
  public func text(path: String, width: Int = 80) -> String {
    var text = findings.prefix(Self.shown).map { $0.text(width: width) }.joined()
    let rest = findings.count - Self.shown
    // The check itself keeps no more than a thousand: the figures below count all.
    if rest > 0 { text += "and \(rest) more\(findings.count >= Self.kept ? " at least" : "")\n" }
    if !text.isEmpty { text += "\n" }
    var lines = TextLines()
    lines.add("clusters", "\(totalClusters), \(allocatedClusters) of them allocated" + percent)
    lines.add("fragmented", fragmentedClusters > 0 ? "\(fragmentedClusters)" : nil)
    lines.add("compressed", compressedClusters > 0 ? "\(compressedClusters)" : nil)
    lines.add("image end", "\(ByteCount.approximate(imageEndOffset)) (\(imageEndOffset) bytes)")
    return text + lines.text + SafeText.wrap("\(SafeText.clean(path)): \(summary)", to: width).joined(separator: "\n")
      + "\n"
  }

  private var percent: String {
    guard totalClusters > 0 else { return "" }
    let hundredths = Int((Double(allocatedClusters) / Double(totalClusters) * 10_000).rounded())
    let rest = hundredths % 100
    return " (\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) %)"
  }

  /// What it comes to: `no faults found`, `2 corruptions, 1 leaked cluster; 3 leaked clusters repaired`.
  private var summary: String {
    func list(_ counts: [(UInt64, String)]) -> String {
      counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }.joined(separator: ", ")
    }
    let left = list([(corruptions, "corruption"), (leaks, "leaked cluster"), (checkErrors, "check error")])
    let fixed = list([(corruptionsFixed, "corruption"), (leaksFixed, "leaked cluster")])
    var parts = [left.isEmpty ? (fixed.isEmpty ? "no faults found" : "no faults left") : left]
    if !fixed.isEmpty { parts.append(fixed + " repaired") }
    if corruptions > 0 {
      parts.append("do not write to it; repair it with --repair all, on a copy if its data matters")
    } else if leaks > 0, checkErrors == 0 {
      parts.append("its data is sound; --repair leaks frees the space")
    }
    return parts.joined(separator: "; ")
  }

  /// A JSON document: qemu-img's members (`qemu-img check --output=json`), and the findings.
  public func json(path: String) -> String {
    JSON.object([
      ("filename", .string(path)), ("format", .string(ImageFormat.qcow2.rawValue)),
      ("check-errors", .unsigned(checkErrors)), ("corruptions", .unsigned(corruptions)), ("leaks", .unsigned(leaks)),
      ("corruptions-fixed", .unsigned(corruptionsFixed)), ("leaks-fixed", .unsigned(leaksFixed)),
      ("image-end-offset", .unsigned(imageEndOffset)), ("total-clusters", .unsigned(totalClusters)),
      ("allocated-clusters", .unsigned(allocatedClusters)), ("fragmented-clusters", .unsigned(fragmentedClusters)),
      ("compressed-clusters", .unsigned(compressedClusters)),
      ("findings", .array(findings.map(\.json))),
    ]).serialised()
  }
}

extension ImageCheck.Finding {
  /// One finding in two columns: its kind, and what it is in as many lines as it takes.
  fileprivate func text(width: Int) -> String {
    let word = isFixed ? "repaired" : kind.rawValue
    let lines = SafeText.wrap(SafeText.clean(text), to: width - 12)
    return lines.enumerated().map { SafeText.pad($0.offset == 0 ? word : "", to: 12) + $0.element + "\n" }.joined()
  }

  fileprivate var json: JSON {
    .object([("kind", .string(kind.rawValue)), ("text", .string(text)), ("fixed", .boolean(isFixed))])
  }
}
