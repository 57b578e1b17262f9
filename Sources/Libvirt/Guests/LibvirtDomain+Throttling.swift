// Throttle groups of a running guest: calls of libvirt 11.2, which the library in this process may not have.

import CLibvirt
import SystemCalls

/// virDomainSetThrottleGroup.
private typealias SettingCall =
  @convention(c) (virDomainPtr?, UnsafePointer<CChar>?, virTypedParameterPtr?, Int32, UInt32) -> Int32
/// virDomainDelThrottleGroup.
private typealias DeletingCall = @convention(c) (virDomainPtr?, UnsafePointer<CChar>?, UInt32) -> Int32

extension LibvirtDomain {
  /// Makes a throttle group, or changes its limits: `total_bytes_sec` and so on; 0 means no limit
  /// (libvirt-domain.h, VIR_DOMAIN_BLOCK_IOTUNE_*). What is not named stays.
  ///
  /// - Throws: ``LibvirtError``, which ``LibvirtError/isUnsupported`` where the library in this process is older than 11.2.
  public func setThrottleGroup(
    _ name: String, _ parameters: [String: DomainParameter], scope: DomainChangeScope = []
  ) async throws {
    let set = try Self.symbol("virDomainSetThrottleGroup", SettingCall.self)
    // libvirt 11.3 keeps a new group without a name unless it is among the limits too, and then loses the running domain
    // when the driver starts again (measured).
    let named = parameters.merging(["group_name": .text(name)]) { $1 }
    try await change("limit throttle group \(name) of") { domain in
      named.withParameters { set(domain, name, $0, $1, scope.rawValue) }
    }
  }

  /// Deletes a throttle group that no disk uses.
  public func deleteThrottleGroup(_ name: String, scope: DomainChangeScope = []) async throws {
    let delete = try Self.symbol("virDomainDelThrottleGroup", DeletingCall.self)
    try await change("delete throttle group \(name) of") { delete($0, name, scope.rawValue) }
  }

  /// A libvirt function, by its name in the library that is loaded.
  private static func symbol<Call>(_ name: String, _ type: Call.Type) throws(LibvirtError) -> Call {
    guard let function = LoadedLibrary.function(name, as: type) else {
      throw LibvirtError(
        operation: "call \(name)", code: .noSupport, message: "the libvirt library of this program does not have it")
    }
    return function
  }
}
