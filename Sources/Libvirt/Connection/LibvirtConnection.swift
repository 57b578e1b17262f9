// The connection: opening, closing, and what it says about itself and its host.

import BlockingWork
import CLibvirt
import Failpoints
import SystemCalls
public import Versions

/// A connection to a hypervisor through libvirt.
///
/// All methods may be called from any task at any time; the blocking C calls run on the connection's own threads. The
/// connection closes when it and all objects that came from it are gone, or by ``close()``.
public final class LibvirtConnection: Sendable {
  let core: ConnectionCore
  /// The URI as libvirt resolved it.
  public let uri: String
  /// The version of libvirt that runs the guests: the daemon's where there is one, which may be on another host and older
  /// or newer than the library in this process. Read once, when the connection is opened.
  public let libvirtVersion: LibvirtVersion
  /// Opened without the right to change anything, or to read secrets.
  public let isReadOnly: Bool
  /// On an embedded driver: running domains whose QEMU process did not answer while the connection was opened, so that
  /// their state is the last one known, not the present one.
  public let unresponsiveDomains: [String]

  /// Why a connection ended by itself (virConnectCloseReason).
  public enum EndReason: Int32, Sendable {
    /// The socket broke.
    case error = 0
    /// The daemon closed it.
    case endOfFile = 1
    /// The daemon no longer answered.
    case keepalive = 2
    /// Closed by this process.
    case client = 3
  }

  private init(
    core: ConnectionCore, uri: String, libvirtVersion: LibvirtVersion, isReadOnly: Bool, unresponsiveDomains: [String]
  ) {
    self.core = core
    self.uri = uri
    self.libvirtVersion = libvirtVersion
    self.isReadOnly = isReadOnly
    self.unresponsiveDomains = unresponsiveDomains
  }

  /// Opens a connection.
  ///
  /// For `qemu:///embed?root=DIR` this returns once the driver has taken up the guests that an earlier process left
  /// running, so that the states that are listed are the present ones. libvirt's own messages go to `DIR/log/libvirt.log`
  /// then, and nowhere otherwise, unless the user's environment has libvirt's log settings. A root without a
  /// `DIR/etc/qemu.conf` gets one that works without libvirt's daemons.
  ///
  /// - Parameters:
  ///   - uri: libvirt's choice if `nil` (`LIBVIRT_DEFAULT_URI`, libvirt.conf, then the first driver that works).
  ///   - readOnly: for observing only; XML then comes without secrets.
  ///   - threads: how many calls run at a time; libvirt serves about four on one connection side by side.
  /// - Throws: ``LibvirtError``, with ``LibvirtError/isEmbeddedRootInUse`` if another process has the root open.
  public static func open(
    uri: String? = nil, readOnly: Bool = false, threads: Int = 4
  ) async throws -> LibvirtConnection {
    try await open(uri: uri, readOnly: readOnly, threads: threads, limits: CallLimits())
  }

  static func open(
    uri: String?, readOnly: Bool = false, threads: Int = 4, limits: CallLimits
  ) async throws -> LibvirtConnection {
    let pool = BlockingPool(name: "libvirt", threads: threads)
    let wanted = uri ?? ThisProcess.environment("LIBVIRT_DEFAULT_URI")
    let root = wanted.flatMap(EmbeddedRoot.init(uri:))
    let operation = "connect to \(wanted ?? "the default hypervisor")"
    let calls = CallWatch(limits: limits)
    return try await pool.run { work in
      try calls.during(work, root == nil ? .connecting : .starting, operation) {
        try open(uri: uri, root, operation, readOnly: readOnly, pool: pool, calls: calls)
      }
    }
  }

  private static func open(
    uri: String?, _ root: EmbeddedRoot?, _ operation: String, readOnly: Bool, pool: BlockingPool, calls: CallWatch
  ) throws -> LibvirtConnection {
    root?.configureWhenNew()
    if let root { EmbeddedLeftovers(root: root.path).clear() }
    try Library.start(logFile: root?.makeLogFile())

    let opened = EmbeddedRoot.withStandInAccounts(for: root) {
      Failpoint.around("connect") { readOnly ? virConnectOpenReadOnly(uri) : virConnectOpen(uri) }
    }
    guard let connection = opened else {
      let error = LibvirtError.last(doing: operation)
      throw root?.explain(error) ?? error
    }
    // From here on the core closes it.
    let core = ConnectionCore(owning: connection, pool: pool, calls: calls, embeddedRoot: root?.path)
    let unresponsive =
      root == nil ? [] : try EmbeddedRoot.waitForGuests(on: connection, milliseconds: 10_000)
    var version: UInt = 0
    try check(virConnectGetLibVersion(connection, &version), "read libvirt's version")
    return LibvirtConnection(
      core: core, uri: try takeString(virConnectGetURI(connection), operation),
      libvirtVersion: LibvirtVersion(number: version), isReadOnly: readOnly, unresponsiveDomains: unresponsive)
  }

  /// Ends the connection. Calls that run are waited for by libvirt, later ones fail with
  /// ``LibvirtError/isConnectionLost``. Guests are not touched, not those of an embedded driver either.
  public func close() async {
    await core.close()
  }

  /// Why the connection ended by itself, or `nil` while it has not.
  public var endReason: EndReason? { core.watch.reason }

  /// Whether a URI names an embedded driver whose folder knows nothing of this host's QEMU yet: libvirt asks it what it can
  /// do then, which takes seconds.
  public static func asksQEMUFirst(uri: String) -> Bool {
    guard let root = EmbeddedRoot(uri: uri) else { return false }
    return FileNames.names(in: root.path + "/cache/qemu/capabilities").allSatisfy { $0.hasPrefix(".") }
  }

  /// Whether the hypervisor runs on this machine (libvirt, uri.html: a URI without a host means this one).
  public var isOfThisMachine: Bool { !uri.contains("://") || uri.contains(":///") || uri.contains("://localhost/") }

  /// The folder of an embedded driver; nil on every other connection.
  public var embeddedRoot: String? { EmbeddedRoot(uri: uri)?.path }

  /// The name of the host that runs the hypervisor.
  public func hostname() async throws -> String {
    try await core.perform("read the host's name") { connection throws(LibvirtError) in
      try takeString(virConnectGetHostname(connection), "read the host's name")
    }
  }

  /// The host's capabilities, as libvirt's capabilities XML.
  public func capabilities() async throws -> String {
    try await core.perform("read the host's capabilities") { connection throws(LibvirtError) in
      try takeString(virConnectGetCapabilities(connection), "read the host's capabilities")
    }
  }

  /// The names of the CPU models that libvirt knows for an architecture such as `x86_64`; nil where it takes any name, or
  /// cannot say.
  public func processorModels(architecture: String) async throws -> Set<String>? {
    do {
      let names = try await core.perform("list the CPU models") { connection throws(LibvirtError) in
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = try check(virConnectGetCPUModelNames(connection, architecture, &names, 0), "list the CPU models")
        guard let names else { return Set<String>() }
        defer { CMemory.free(names) }
        var found: Set<String> = []
        for index in 0..<Int(count) { found.insert(try takeString(names[index], "list the CPU models")) }
        return found
      }
      return names.isEmpty ? nil : names
    } catch let error as LibvirtError where error.isUnsupported || error.code == .invalidArgument {
      return nil
    }
  }

  /// What a domain can have on this host, as libvirt's domain capabilities XML. Whatever is `nil` is libvirt's default.
  ///
  /// - Parameters:
  ///   - emulator: the QEMU binary's path.
  ///   - architecture: such as `x86_64`.
  ///   - machine: the machine type, or an alias such as `q35`.
  ///   - type: the domain type, `kvm` or `qemu`.
  public func domainCapabilities(
    emulator: String? = nil, architecture: String? = nil, machine: String? = nil, type: String? = nil
  ) async throws -> String {
    try await core.perform("read the domain capabilities") { connection throws(LibvirtError) in
      try takeString(
        virConnectGetDomainCapabilities(connection, emulator, architecture, machine, type, 0),
        "read the domain capabilities")
    }
  }

  /// The command line that QEMU would be started with for a definition, as libvirt's QEMU driver writes it.
  public func nativeCommandLine(ofDomain xml: String) async throws -> String {
    try await core.perform("work out QEMU's command line") { connection throws(LibvirtError) in
      try takeString(
        virConnectDomainXMLToNative(connection, "qemu-argv", xml, 0), "work out QEMU's command line")
    }
  }
}
