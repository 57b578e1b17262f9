// Internal snapshots as a table and as JSON with qemu-img's names.

public import DiskImage

import Glibc
import Vocabulary

extension ImageSnapshot {
  /// A table with a line of titles, or nothing when there is no snapshot.
  public static func table(_ snapshots: [ImageSnapshot], indent: String = "") -> String {
    guard !snapshots.isEmpty else { return "" }
    let rows =
      [["ID", "NAME", "DISK SIZE", "VM STATE", "TAKEN (UTC)"]]
      + snapshots.map { snapshot in
        [
          "\(snapshot.id)", "\(snapshot.name)", snapshot.diskSize.map(ByteCount.approximate) ?? "–",
          snapshot.vmStateSize == 0 ? "–" : ByteCount.approximate(snapshot.vmStateSize), date(snapshot.taken),
        ]
      }
    let widths = rows[0].indices.map { column in rows.map { SafeText.width($0[column]) }.max() ?? 0 }
    return rows.map { row in
      let cells = zip(row, widths).map { SafeText.pad($0, to: $1) }
      return indent + cells.joined(separator: "  ").trimmingEnd() + "\n"
    }.joined()
  }

  /// The snapshots as a JSON document: an array.
  public static func json(_ snapshots: [ImageSnapshot]) -> String { JSON.array(snapshots.map(\.json)).serialised() }

  var json: JSON {
    .object([
      ("id", .string("\(id)")), ("name", .string("\(name)")), ("disk-size", diskSize.map(JSON.unsigned)),
      ("vm-state-size", .unsigned(vmStateSize)), ("date-sec", .integer(Int(taken / 1_000_000_000))),
      ("date-nsec", .integer(Int(taken % 1_000_000_000))),
      ("vm-clock-sec", .unsigned(guestClock / 1_000_000_000)), ("vm-clock-nsec", .unsigned(guestClock % 1_000_000_000)),
      ("icount", instructionCount.map(JSON.unsigned)),
    ])
  }

  /// `2026-11-24 18:09:09`
  private static func date(_ nanoseconds: Int64) -> String {
    var time = time_t(nanoseconds / 1_000_000_000)
    var parts = tm()
    gmtime_r(&time, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) \(two(parts.tm_hour)):"
      + "\(two(parts.tm_min)):\(two(parts.tm_sec))"
  }
}

extension String {
  fileprivate func trimmingEnd() -> String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
