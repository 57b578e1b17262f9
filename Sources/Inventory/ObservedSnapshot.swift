// A domain's snapshots, from what libvirt writes of them (libvirt, formatsnapshot.html).

public import Libvirt
public import XMLTree

/// Where a snapshot keeps what a disk held.
public enum SnapshotKind: String, Sendable, Hashable, Codable, CaseIterable {
  /// Inside the qcow2 image itself.
  case `internal`
  /// In the file that the disk had; what is written since goes to an overlay on it.
  case external
}

/// A snapshot of a domain.
public struct ObservedSnapshot: Sendable, Hashable {
  /// The name, unique among the domain's snapshots.
  public var name: String
  /// What people wrote about it; nil for nothing.
  public var description: String?
  /// The snapshot that it was taken from.
  public var parent: String?
  /// Seconds since 1970.
  public var created: Int
  /// libvirt's word for what the guest did: `running`, `paused`, `shutoff`, `disk-snapshot`.
  public var state: String
  /// Nil where no disk has a part in it.
  public var kind: SnapshotKind?
  /// Whether the memory of the running guest is in it.
  public var hasMemory: Bool
  /// The file that an external snapshot keeps the memory in.
  public var memoryFile: String?
  /// The disks in it by target, with the overlay's path where the snapshot made one.
  public var disks: [String: String?]
  /// Whether the domain's present state goes on from this snapshot.
  public var isCurrent: Bool
  /// How many snapshots were taken from this one.
  public var children: Int
  /// The definition that the domain had, with which a reverted domain goes on.
  public var definition: XMLElement?

  /// A snapshot that is going to be taken.
  public init(planned name: String, kind: SnapshotKind) {
    self.name = name
    self.kind = kind
    (created, state, hasMemory, disks, isCurrent, children) = (0, "", false, [:], true, 0)
  }

  /// Reads what libvirt says of a snapshot.
  ///
  /// - Throws: ``XMLError``.
  public init(_ record: SnapshotRecord) throws {
    let xml = try XMLElement.parse(record.xml)
    name = record.name
    description = xml.value(at: "description").flatMap { $0.isEmpty ? nil : $0 }
    parent = xml.value(at: "parent/name")
    created = xml.value(at: "creationTime").flatMap { Int($0) } ?? 0
    state = xml.value(at: "state") ?? ""
    hasMemory = ["internal", "external"].contains(xml.value(at: "memory/@snapshot") ?? "no")
    memoryFile = xml.value(at: "memory/@file")
    let entries = (xml.first("disks")?.all("disk") ?? []).filter { $0[attribute: "snapshot"] != "no" }
    disks = Dictionary(
      entries.compactMap { disk in
        disk[attribute: "name"].map { ($0, disk.value(at: "source/@file") ?? disk.value(at: "source/@dev")) }
      }, uniquingKeysWith: { first, _ in first })
    kind =
      if entries.contains(where: { $0[attribute: "snapshot"] == "external" }) {
        .external
      } else if entries.contains(where: { $0[attribute: "snapshot"] == "internal" }) {
        .internal
      } else {
        nil
      }
    isCurrent = record.isCurrent
    children = record.children
    definition = xml.first("inactiveDomain") ?? xml.first("domain")
  }
}
