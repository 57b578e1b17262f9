// The tests' host: libvirt's QEMU driver in this process, below a temporary folder. A process has one such root, so all
// suites of a run share it.

import Foundation
public import Libvirt

/// The embedded libvirt that the tests of a process share.
public enum EmbeddedHost {
  /// The root that all tests of this process share.
  public static let root: String = {
    let root = makeRoot("shared")
    atexit { try? FileManager.default.removeItem(atPath: EmbeddedHost.root) }
    return root
  }()

  /// Whether this machine has the QEMU that guests need; tests that start one are left out otherwise.
  public static let isAvailable = FileManager.default.isExecutableFile(atPath: "/usr/bin/qemu-system-x86_64")

  private static let opening = Task { try await LibvirtConnection.open(uri: uri(root)) }

  /// The one connection to ``root``, opened when it is first asked for.
  public static var connection: LibvirtConnection {
    get async throws { try await opening.value }
  }

  /// The URI of the embedded driver below a root.
  public static func uri(_ root: String) -> String { "qemu:///embed?root=\(root)" }

  /// A new root, ready for QEMU. As root, libvirt would run QEMU as a user who may not open /dev/kvm or this folder, and
  /// its output would go to a daemon that need not run.
  public static func makeRoot(_ name: String) -> String {
    let root = NSTemporaryDirectory() + "vireo-libvirt-\(getpid())-\(name)-\(UInt32.random(in: 0...UInt32.max))"
    do {
      try FileManager.default.createDirectory(atPath: root + "/etc", withIntermediateDirectories: true)
      // Nor a size of core dumps that a process without any may not ask for: newer versions want no limit.
      try "user = \"root\"\ngroup = \"root\"\nstdio_handler = \"file\"\nmax_core = 0\n"
        .write(toFile: root + "/etc/qemu.conf", atomically: true, encoding: .utf8)
    } catch {
      fatalError("no place for the tests' files: \(error)")
    }
    return root
  }

  /// Defines a tiny guest without an operating system for `body`, and removes whatever is left of it.
  public static func withGuest<R>(
    _ name: String, devices: String = "", _ body: (LibvirtConnection, LibvirtDomain) async throws -> R
  ) async throws -> R {
    let connection = try await connection
    let domain = try await connection.defineDomain(guestXML(name, devices: devices), named: name)
    do {
      let result = try await body(connection, domain)
      await remove(domain)
      return result
    } catch {
      await remove(domain)
      throw error
    }
  }

  /// Stops a domain and undefines it with its saved memory and snapshots. What fails is ignored: a test may have
  /// removed it.
  public static func remove(_ domain: LibvirtDomain) async {
    try? await domain.destroy()
    try? await domain.undefine([.managedSave, .snapshotsMetadata])
  }
}

/// A guest that needs no image and no KVM.
///
/// - Parameter memory: in MiB.
public func guestXML(
  _ name: String, uuid: String? = nil, memory: Int = 32, title: String? = nil, devices: String = ""
) -> String {
  """
  <domain type='qemu'>
    <name>\(name)</name>\(uuid.map { "<uuid>\($0)</uuid>" } ?? "")\(title.map { "<title>\($0)</title>" } ?? "")
    <memory unit='MiB'>\(memory)</memory>
    <os><type arch='x86_64'>hvm</type></os><features><acpi/></features>
    <devices>\(devices)</devices>
  </domain>
  """
}
