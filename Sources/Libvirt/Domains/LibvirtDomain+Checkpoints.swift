// A domain's checkpoints, which backups go on from (libvirt/libvirt-domain-checkpoint.h), and its saved state.

import CLibvirt
import Failpoints

/// A checkpoint of a domain, as it was when it was read.
public struct CheckpointRecord: Sendable {
  /// The name, unique among the domain's checkpoints.
  public let name: String
  /// As libvirt writes it (formatcheckpoint.html).
  public let xml: String
}

extension LibvirtDomain {
  /// The checkpoints that libvirt knows of, parents before their children; none where the driver has no such thing.
  ///
  /// - Parameter secure: with the passwords of the definitions in them; refused on a read-only connection.
  public func checkpoints(secure: Bool = false) async throws -> [CheckpointRecord] {
    do {
      return try await call("list the checkpoints of") { domain, operation throws(LibvirtError) in
        let flags = UInt32(VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL.rawValue)
        let pointers = try takeList(operation()) { virDomainListAllCheckpoints(domain, $0, flags) }
        defer { for pointer in pointers { virDomainCheckpointFree(pointer) } }
        var records: [CheckpointRecord] = []
        for pointer in pointers {
          let secrets = secure ? UInt32(VIR_DOMAIN_CHECKPOINT_XML_SECURE.rawValue) : 0
          records.append(
            CheckpointRecord(
              name: virDomainCheckpointGetName(pointer).map { String(cString: $0) } ?? "",
              xml: try takeString(virDomainCheckpointGetXMLDesc(pointer, secrets), operation())))
        }
        return records
      }
    } catch let error as LibvirtError where error.isUnsupported {
      return []
    }
  }

  /// Has libvirt know again of a checkpoint whose bitmaps are in the images.
  public func redefineCheckpoint(_ xml: String) async throws {
    try await call("store a checkpoint of") { domain, operation throws(LibvirtError) in
      let flags = UInt32(VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE.rawValue)
      virDomainCheckpointFree(
        try check(
          Failpoint.around(operation()) { virDomainCheckpointCreateXML(domain, xml, flags) }, operation()))
    }
  }

  /// The definition that a managed save image resumes with; without one this fails.
  ///
  /// - Parameter secrets: whether passwords are in it, which a connection that only reads is not told.
  public func managedSaveXML(secrets: Bool = false) async throws -> String {
    try await call("read the saved state of") { domain, operation throws(LibvirtError) in
      try takeString(
        virDomainManagedSaveGetXMLDesc(domain, secrets ? UInt32(VIR_DOMAIN_SAVE_IMAGE_XML_SECURE.rawValue) : 0),
        operation())
    }
  }
}
