// Internal snapshots as a table and as JSON with qemu-img's names.

public import DiskImage

import Vocabulary

extension ImageSnapshot {
  /// A table with a line of titles, or nothing when there is no snapshot.
  public static func table(_ snapshots: [ImageSnapshot], indent: String = "") -> String {
    guard !snapshots.isEmpty else { return "" }
    return TextTable.render(
      [["ID", "NAME", "DISK SIZE", "VM STATE", "TAKEN (UTC)"]]
        + snapshots.map { snapshot in
          [
            "\(snapshot.id)", "\(snapshot.name)", snapshot.diskSize.map(ByteCount.approximate) ?? "–",
            snapshot.vmStateSize == 0 ? "–" : ByteCount.approximate(snapshot.vmStateSize),
            TextTable.moment(Int(snapshot.taken / 1_000_000_000)),
          ]
        }, indent: indent)
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
}
