// Virtual networks, as far as guests need them: which there are, and which of them lead anywhere.

import CLibvirt

extension LibvirtConnection {
  /// The virtual networks by name, and whether each is active: a guest on one that is not does not start.
  ///
  /// Drivers without networks (`qemu:///embed`) answer with ``LibvirtError/isUnsupported``.
  public func networks() async throws -> [String: Bool] {
    try await core.perform("list the networks") { connection throws(LibvirtError) in
      let all = try networkNames(on: connection, 0)
      let active = Set(try networkNames(on: connection, UInt32(VIR_CONNECT_LIST_NETWORKS_ACTIVE.rawValue)))
      return Dictionary(all.map { ($0, active.contains($0)) }, uniquingKeysWith: { first, _ in first })
    }
  }
}

private func networkNames(on connection: OpaquePointer, _ filter: UInt32) throws(LibvirtError) -> [String] {
  let pointers = try takeList("list the networks") { virConnectListAllNetworks(connection, $0, filter) }
  defer { for pointer in pointers { virNetworkFree(pointer) } }
  return pointers.compactMap { virNetworkGetName($0).map { String(cString: $0) } }
}
