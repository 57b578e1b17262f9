// What can be asked of the guest itself: its agent, and its addresses.

import CLibvirt
import SystemCalls

/// Who knows a guest's addresses (virDomainInterfaceAddressesSource).
public enum DomainAddressSource: Sendable {
  /// The DHCP servers of libvirt's networks.
  case lease
  /// The agent in the guest.
  case agent

  fileprivate var number: UInt32 {
    switch self {
    case .lease: UInt32(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE.rawValue)
    case .agent: UInt32(VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT.rawValue)
    }
  }
}

extension LibvirtDomain {
  /// The IP addresses of the guest's interfaces, without those of its loopback interface.
  ///
  /// - Throws: ``LibvirtError``, also where the driver, or the guest, has no such source.
  public func addresses(from source: DomainAddressSource) async throws -> [String] {
    try await call("ask for the addresses of") { domain, operation throws(LibvirtError) in
      var list: UnsafeMutablePointer<virDomainInterfacePtr?>?
      let count = try check(virDomainInterfaceAddresses(domain, &list, source.number, 0), operation())
      defer { CMemory.free(list) }
      var addresses: [String] = []
      for index in 0..<Int(count) {
        guard let interface = list?[index] else { continue }
        defer { virDomainInterfaceFree(interface) }
        if interface.pointee.name.map({ String(cString: $0) }) == "lo" { continue }
        for place in 0..<Int(interface.pointee.naddrs) {
          guard let address = interface.pointee.addrs?[place].addr else { continue }
          addresses.append(String(cString: address))
        }
      }
      return addresses
    }
  }

  /// Whether the agent in the guest answers: it is asked for the time (virDomainGetTime), which changes nothing.
  ///
  /// Takes a few seconds where there is an agent that does not answer.
  public func agentAnswers() async throws -> Bool {
    do {
      try await call("ask the agent of") { domain, operation throws(LibvirtError) in
        var (seconds, nanoseconds) = (Int64(0), UInt32(0))
        try check(virDomainGetTime(domain, &seconds, &nanoseconds, 0), operation())
      }
      return true
    } catch let error as LibvirtError where !error.isConnectionLost && !error.isNotFound {
      return false
    }
  }
}
