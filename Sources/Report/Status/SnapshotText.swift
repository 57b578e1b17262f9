// Snapshots of domains as a table and as JSON.

public import Inventory

extension ObservedSnapshot {
  /// A table with a line of titles, or a sentence when there is no snapshot. The one that the domain goes on from has a star.
  ///
  /// - Parameter domain: whose snapshots they are.
  public static func table(_ snapshots: [ObservedSnapshot], of domain: String) -> String {
    guard !snapshots.isEmpty else { return "domain \(SafeText.clean(domain)) has no snapshots\n" }
    return TextTable.render(
      [["  NAME", "KIND", "MEMORY", "DISKS", "TAKEN (UTC)", "FROM"]]
        + snapshots.map { snapshot in
          [
            (snapshot.isCurrent ? "* " : "  ") + SafeText.clean(snapshot.name), snapshot.kind?.rawValue ?? "–",
            snapshot.hasMemory ? "yes" : "no",
            snapshot.disks.isEmpty ? "–" : snapshot.disks.keys.sorted().joined(separator: ","),
            TextTable.moment(snapshot.created), snapshot.parent.map(SafeText.clean) ?? "–",
          ]
        })
  }

  /// The snapshots as a JSON document: an array, parents before their children.
  public static func json(_ snapshots: [ObservedSnapshot]) -> String { JSON.array(snapshots.map(\.json)).serialised() }

  private var json: JSON {
    .object([
      ("name", .string(name)), ("description", description.map(JSON.string)), ("parent", parent.map(JSON.string)),
      ("created", .integer(created)), ("state", .string(state)), ("kind", JSON(kind?.rawValue)),
      ("memory", .boolean(hasMemory)), ("current", .boolean(isCurrent)), ("children", .integer(children)),
      (
        "disks",
        .array(
          disks.sorted { $0.key < $1.key }.map { target, overlay in
            .object([("target", .string(target)), ("overlay", overlay.map(JSON.string))])
          })
      ),
    ])
  }
}
