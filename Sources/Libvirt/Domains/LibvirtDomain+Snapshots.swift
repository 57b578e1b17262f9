// A domain's snapshots as libvirt keeps them (libvirt/libvirt-domain-snapshot.h).

import CLibvirt
import Failpoints

/// A snapshot of a domain, as it was when it was read.
public struct SnapshotRecord: Sendable {
  /// The name, unique among the domain's snapshots.
  public let name: String
  /// The one that the guest's present state goes on from.
  public let isCurrent: Bool
  /// How many snapshots were taken from this one.
  public let children: Int
  /// What was taken, as libvirt writes it (formatsnapshot.html).
  public let xml: String
}

/// How to take a snapshot (virDomainSnapshotCreateFlags).
public struct SnapshotOptions: OptionSet, Hashable, Sendable {
  /// The bits of virDomainSnapshotCreateFlags.
  public let rawValue: UInt32
  /// Takes libvirt's bits as they are; bits without a name here reach libvirt, too.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The disks only, not the memory of a running guest.
  public static let diskOnly = SnapshotOptions(rawValue: UInt32(VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY.rawValue))
  /// The guest's agent flushes and freezes its file systems meanwhile.
  public static let quiesce = SnapshotOptions(rawValue: UInt32(VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE.rawValue))
  /// Either all disks or none.
  public static let atomic = SnapshotOptions(rawValue: UInt32(VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC.rawValue))
  /// Nothing is taken: libvirt learns again of a snapshot that there is, from its whole description.
  public static let redefine = SnapshotOptions(rawValue: UInt32(VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE.rawValue))
  /// With ``redefine``: the one that the guest's present state goes on from.
  public static let current = SnapshotOptions(rawValue: UInt32(VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT.rawValue))
}

extension LibvirtDomain {
  /// The snapshots that libvirt knows of, parents before their children.
  ///
  /// - Parameter secure: with the passwords of the definitions in them; refused on a read-only connection.
  public func snapshots(secure: Bool = false) async throws -> [SnapshotRecord] {
    do {
      return try await listedSnapshots(secure)
    } catch let error as LibvirtError where error.code == .invalidArgument {
      // A daemon is taking one at this moment, and has one without a name in its list until it is done (libvirt 9.0).
      guard try await waitUntilAtRest(timeout: .seconds(120)) else { throw error }
      return try await listedSnapshots(secure)
    }
  }

  private func listedSnapshots(_ secure: Bool) async throws -> [SnapshotRecord] {
    try await call("list the snapshots of") { domain, operation throws(LibvirtError) in
      let flags = UInt32(VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL.rawValue)
      let pointers = try takeList(operation()) { virDomainListAllSnapshots(domain, $0, flags) }
      defer { for pointer in pointers { virDomainSnapshotFree(pointer) } }
      var records: [SnapshotRecord] = []
      for pointer in pointers {
        records.append(
          SnapshotRecord(
            name: virDomainSnapshotGetName(pointer).map { String(cString: $0) } ?? "",
            isCurrent: virDomainSnapshotIsCurrent(pointer, 0) == 1,
            children: Int(max(0, virDomainSnapshotNumChildren(pointer, 0))),
            xml: try takeString(
              virDomainSnapshotGetXMLDesc(pointer, secure ? UInt32(VIR_DOMAIN_SNAPSHOT_XML_SECURE.rawValue) : 0),
              operation())))
      }
      return records
    }
  }

  /// Takes a snapshot that `xml` describes.
  public func takeSnapshot(_ xml: String, _ options: SnapshotOptions = []) async throws {
    try await call("take a snapshot of", .work) { domain, operation throws(LibvirtError) in
      let snapshot = try check(
        Failpoint.around(operation()) { virDomainSnapshotCreateXML(domain, xml, options.rawValue) }, operation())
      virDomainSnapshotFree(snapshot)
    }
  }

  /// Makes the guest, its disks **and its definition** what they were.
  ///
  /// - Parameter force: also where the running QEMU has to be replaced by another.
  public func revert(toSnapshot name: String, force: Bool = false) async throws {
    let flags = force ? UInt32(VIR_DOMAIN_SNAPSHOT_REVERT_FORCE.rawValue) : 0
    try await changeSnapshot(name, "revert to") { virDomainRevertToSnapshot($0, flags) }
  }

  /// Deletes a snapshot and keeps the guest's present state.
  ///
  /// - Parameter metadataOnly: libvirt forgets it, and what the images hold stays.
  public func deleteSnapshot(_ name: String, metadataOnly: Bool = false) async throws {
    let flags = metadataOnly ? UInt32(VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY.rawValue) : 0
    try await changeSnapshot(name, "delete") { virDomainSnapshotDelete($0, flags) }
  }

  private func changeSnapshot(
    _ name: String, _ verb: String, _ body: @escaping @Sendable (UnsafeMutablePointer<virDomainSnapshot>) -> Int32
  ) async throws {
    try await call("\(verb) snapshot \(name) of", .work) { domain, operation throws(LibvirtError) in
      let snapshot = try check(virDomainSnapshotLookupByName(domain, name, 0), operation())
      defer { virDomainSnapshotFree(snapshot) }
      try check(Failpoint.around(operation()) { body(snapshot) }, operation())
    }
  }
}
