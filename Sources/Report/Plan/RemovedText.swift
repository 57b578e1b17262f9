// Removed domains that can be restored, for people and for programs.

public import Applier
public import Inventory
public import Planner
import Vocabulary
import XMLTree

extension RemovedDomains.Found {
  /// A line for each removal, and one for each of its files; a sentence when there is none.
  ///
  /// - Parameter uri: the connection whose removals they are.
  public static func table(
    _ removals: [RemovedDomains.Found], of uri: String, _ style: TextStyle = TextStyle()
  ) -> String {
    guard !removals.isEmpty else { return "no removed domain is kept for \(SafeText.clean(uri))\n" }
    let rows =
      [["NAME", "STACK", "REMOVED (UTC)", "UUID"]]
      + removals.map { found in
        [
          SafeText.clean(found.removal.name), found.removal.stack.map(SafeText.clean) ?? "–",
          TextTable.moment(found.removal.removed), found.removal.uuid,
        ]
      }
    var lines = TextTable.render(rows).split(separator: "\n").map(String.init)
    let head = lines.removeFirst()
    return zip(lines, removals).reduce(into: head + "\n") { text, entry in
      text += entry.0 + "\n"
      for file in entry.1.files {
        let size = file.bytes.map(ByteCount.approximate) ?? (file.isDeleted ? "deleted" : "missing")
        let path = SafeText.shorten(SafeText.clean(file.path), to: max(10, style.width - 14))
        text += "  " + SafeText.pad(size, to: 10) + "  " + path + "\n"
      }
    }
  }

  /// The removals as a JSON document: an array, the latest first.
  public static func json(_ removals: [RemovedDomains.Found]) -> String {
    JSON.array(removals.map(\.json)).serialised()
  }

  private var json: JSON {
    .object([
      ("name", .string(removal.name)), ("uuid", .string(removal.uuid)), ("stack", JSON(removal.stack)),
      ("removed", .string(RemovedDomain.text(ofMoment: removal.removed))), ("autostart", .boolean(removal.autostart)),
      ("snapshots", .array(removal.snapshotNames.map(JSON.string))),
      (
        "files",
        .array(
          files.map { file in
            .object([
              ("path", .string(file.path)), ("present", .boolean(file.bytes != nil)),
              ("bytes", file.bytes.map(JSON.unsigned)), ("deleted", .boolean(file.isDeleted)),
              ("made-by-vireo", .boolean(file.isVireos)),
            ])
          })
      ),
      ("archive", .string(path)),
    ])
  }
}

extension Plan {
  /// The result of a plan that restored a domain as a JSON document: `{"format": "vireo-restore", "version": 1, …}`.
  public func restoredJSON() -> String {
    let removal = actions.lazy.compactMap { action -> RemovedDomain? in
      if case .restoreDomain(let archived) = action.operation { archived.removal } else { nil }
    }.first
    return JSON.object([
      ("format", .string("vireo-restore")), ("version", .integer(1)), ("name", JSON(removal?.name)),
      ("uuid", JSON(removal?.uuid)), ("stack", JSON(stack)),
      ("snapshots", .array((removal?.snapshotNames ?? []).map(JSON.string))),
      ("notes", .array(notes.map { .string($0.message) })),
    ]).serialised()
  }
}
