// What is done where libvirt does not revert to an external snapshot: decided by what was asked for and what happened.

import DiskImage
import Foundation
import Inventory
import Planner
import TestSupport
import Testing
import XMLTree

@testable import Applier
@testable import Libvirt

@Suite("Reverting to a snapshot that libvirt does not revert to")
struct SnapshotReversionTests {
  /// What libvirt says of a snapshot that it cannot revert to, by version.
  static let refusals: [(version: String, code: LibvirtError.Code, message: String)] = [
    ("9.0", .configurationUnsupported, "unsupported configuration: revert to external snapshot not supported yet"),
    (
      "10.0", .internalError,
      "internal error: Invalid target domain state 'disk-snapshot'. Refusing snapshot reversion"
    ),
    (
      "11.3", .operationUnsupported,
      "Operation not supported: source disk for 'vdb' is not a regular file, reverting to snapshot is not supported"
    ),
    ("of some day", .init(rawValue: 4711), "something that nobody has read yet"),
  ]

  /// What libvirt says of an attempt that another time, another user or another flag may bring further.
  static let failures: [(code: LibvirtError.Code, message: String)] = [
    (.operationInvalid, "Requested operation is not valid: domain has active block job"),
    (.operationTimeout, "Timed out during operation: cannot acquire state change lock"),
    (.accessDenied, "access denied: 'domain' denied access"),
    (.noSnapshot, "Domain snapshot not found: no domain snapshot with matching name 'one'"),
    (
      .snapshotRevertRisky,
      "revert requires force: snapshot without memory state, removal of existing managed saved state"
    ),
  ]

  static func error(_ code: LibvirtError.Code, _ message: String) -> LibvirtError {
    LibvirtError(operation: "revert to snapshot one of domain web", code: code, domain: .qemu, message: message)
  }

  // MARK: The decision

  private static func refused(
    _ error: LibvirtError, _ change: (inout RefusedReversion) -> Void = { _ in }
  ) throws -> RefusedReversion {
    var snapshot = ObservedSnapshot(planned: "one", kind: .external)
    snapshot.disks = ["vda": "/vms/web.root.one.qcow2"]
    let definition = try XMLElement.parse(
      "<domain><devices>\(diskXML("/vms/web.root.one.qcow2"))</devices></domain>")
    let moment = RefusedReversion.Moment(definition: definition, isActive: false, snapshots: [snapshot])
    var refused = RefusedReversion(
      domain: "web", snapshot: snapshot, error: error, before: moment, after: moment, hasSavedState: false)
    change(&refused)
    return refused
  }

  @Test("whatever it says: what it has left as it was, Vireo can revert", arguments: refusals.map(\.message))
  func possible(message: String) throws {
    let refusal = try #require(Self.refusals.first { $0.message == message })
    let refused = try Self.refused(Self.error(refusal.code, refusal.message))
    #expect(refused.remedy == .revertDisks(overlays: ["/vms/web.root.one.qcow2"]))
  }

  @Test("what is about the attempt, and what concerns internal snapshots, is libvirt's to say")
  func ofLibvirt() throws {
    for failure in Self.failures {
      #expect(try Self.refused(Self.error(failure.code, failure.message)).remedy == nil, "\(failure.message)")
    }
    for refusal in Self.refusals {
      let refused = try Self.refused(Self.error(refusal.code, refusal.message)) { $0.snapshot.kind = .internal }
      #expect(refused.remedy == nil)
    }
  }

  @Test(
    "what Vireo cannot do is told with libvirt's words and the reason",
    arguments: [
      ("running", "only while the domain is stopped"), ("moved", "but changed the domain"),
      ("stopped meanwhile", "but changed the domain"), ("saved", "saved memory"),
      ("memory", "only libvirt can bring back"), ("older", "only for the latest snapshot"),
      ("other disk", "disk vda is no longer the overlay"),
    ])
  func impossible(what: String, words: String) throws {
    for refusal in Self.refusals {
      let refused = try Self.refused(Self.error(refusal.code, refusal.message)) { refused in
        switch what {
        case "running": (refused.before.isActive, refused.after.isActive) = (true, true)
        case "stopped meanwhile": refused.before.isActive = true
        case "moved": refused.after.definition.set("/vms/web.root.1796016516", at: "devices/disk/source/@file")
        case "saved": refused.hasSavedState = true
        case "memory": refused.snapshot.hasMemory = true
        case "older": refused.snapshot.children = 1
        default:
          for path in [\RefusedReversion.before, \RefusedReversion.after] {
            refused[keyPath: path].definition.set("/vms/other.qcow2", at: "devices/disk/source/@file")
          }
        }
      }
      guard case .impossible(let failure)? = refused.remedy else {
        Issue.record("\(String(describing: refused.remedy))")
        return
      }
      #expect(failure.message.contains(words) && failure.message.contains(plainMessage(refusal.message)))
      #expect(failure.remedy != nil)
    }
  }

  // MARK: With real images

  @Test(
    "brings back what the disk held", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"),
    arguments: refusals.map(\.version))
  func reverted(version: String) async throws {
    let refusal = try #require(Self.refusals.first { $0.version == version })
    let folder = try Folder()
    let file = folder("web.root.qcow2")
    try run("qemu-img", "create", "-q", "-f", "qcow2", file, "1M")
    try run("qemu-io", "-c", "write -q -P 0x11 0 64k", file)
    let name = "reverted-" + version.filter { $0.isLetter || $0.isNumber }
    try await Host.withGuest(name, devices: diskXML(file)) { connection, domain, _ in
      let snapshots = DomainSnapshots(of: domain, on: connection)
      try await snapshots.take(SnapshotCreation(name: "one", kind: .external))
      let overlay = try #require(try await domain.stored.value(at: "devices/disk/source/@file"))
      #expect(overlay == folder("web.root.one.qcow2"))
      try run("qemu-io", "-c", "write -q -P 0x22 0 64k", overlay)
      for _ in 1...2 {
        try await snapshots.revert(to: "one") { _ in throw Self.error(refusal.code, refusal.message) }
        #expect(try run("qemu-io", "-r", "-c", "read -P 0x11 0 64k", overlay).contains("read 65536/65536"))
        #expect(try await domain.stored.value(at: "devices/disk/source/@file") == overlay)
        try run("qemu-io", "-c", "write -q -P 0x33 0 64k", overlay)
      }
      // Somebody else's failure leaves all as it is.
      await #expect(throws: LibvirtError.self) {
        try await snapshots.revert(to: "one") { _ in throw Self.error(.accessDenied, "access denied") }
      }
      #expect(try run("qemu-io", "-r", "-c", "read -P 0x33 0 64k", overlay).contains("read 65536/65536"))
    }
  }
}
