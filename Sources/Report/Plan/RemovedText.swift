// Removed domains that can be restored, for people and for programs.

public import Applier
public import Inventory
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
      ("snapshots", .array(removal.snapshots.compactMap { $0.value(at: "name") }.map(JSON.string))),
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

extension RemovedDomain {
  /// A restored domain as a JSON document: `{"format": "vireo-restore", "version": 1, …}`.
  ///
  /// - Parameter notes: what is not as it was.
  public func restoredJSON(notes: [String]) -> String {
    JSON.object([
      ("format", .string("vireo-restore")), ("version", .integer(1)), ("name", .string(name)), ("uuid", .string(uuid)),
      ("stack", JSON(stack)), ("snapshots", .array(snapshots.compactMap { $0.value(at: "name") }.map(JSON.string))),
      ("notes", .array(notes.map(JSON.string))),
    ]).serialised()
  }
}
