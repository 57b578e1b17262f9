// What a connection has beside domains: libvirt keeps networks, pools, filters and secrets in drivers of their own, which not
// every connection has.

import CLibvirt
import SystemCalls

/// A libvirt driver for something else than domains.
public enum LibvirtDriver: String, Sendable, Hashable, CaseIterable {
  /// Virtual networks (`virNetwork`).
  case networks
  /// Storage pools and their volumes (`virStoragePool`).
  case storagePools
  /// Network filters, which interfaces name by `filterref` (`virNWFilter`).
  case networkFilters
  /// Secrets: passphrases that disks and pools name by UUID or usage (`virSecret`).
  case secrets

  /// The daemon of its own that has the driver where libvirt's daemons are many (https://libvirt.org/daemons.html).
  public var daemon: String {
    switch self {
    case .networks: "virtnetworkd"
    case .storagePools: "virtstoraged"
    case .networkFilters: "virtnwfilterd"
    case .secrets: "virtsecretd"
    }
  }
}

extension LibvirtConnection {
  /// Asks whether the connection has a driver.
  ///
  /// A guest of an embedded root uses the daemon of its own that a driver may have on the host (measured with libvirt 9.0,
  /// which looks for that socket and not for libvirtd's); this is not a such connection, and its guests can nevertheless start.
  ///
  /// - Returns: nil where it has, or nobody knows; why it has not otherwise.
  /// - Throws: ``LibvirtError`` when the connection does not answer.
  public func obstacle(to driver: LibvirtDriver) async throws -> MissingDriver? {
    do {
      try await core.perform("ask for \(driver.rawValue)") { connection throws(LibvirtError) in
        let count =
          switch driver {
          case .networks: virConnectNumOfNetworks(connection)
          case .storagePools: virConnectNumOfStoragePools(connection)
          case .networkFilters: virConnectNumOfNWFilters(connection)
          case .secrets: virConnectNumOfSecrets(connection)
          }
        try check(count, "ask for \(driver.rawValue)")
      }
      return nil
    } catch let error as LibvirtError {
      if error.isUnsupported { return hasSocket(of: driver.daemon) ? nil : .unsupported }
      if error.isConnectionLost { throw error }
      // A user who may not ask may have guests all the same.
      return error.unreachableDaemon.map(MissingDriver.unreachable)
    }
  }

  /// Whether an embedded driver finds a daemon's socket.
  private func hasSocket(of daemon: String) -> Bool {
    guard embeddedRoot != nil else { return false }
    let folder = ThisProcess.isRoot ? "/run" : ThisProcess.environment("XDG_RUNTIME_DIR")
    return folder.map { FileNames.exists("\($0)/libvirt/\(daemon)-sock") } ?? false
  }
}

/// Why a connection does not have a driver.
public enum MissingDriver: Sendable, Hashable {
  /// There is none.
  case unsupported
  /// Its daemon does not run.
  case unreachable(UnreachableDaemon)
}
