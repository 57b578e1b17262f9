// Starting and stopping a guest, and the stored domain's name and existence.

import CLibvirt
import Failpoints

extension LibvirtDomain {
  /// Starts the stored domain, and returns once the guest runs. A managed save image is resumed, unless the options say
  /// otherwise. Fails with code 55 if the guest runs already.
  public func start(_ options: DomainStartOptions = []) async throws {
    try await change("start", .work) { virDomainCreateWithFlags($0, options.rawValue) }
  }

  /// Asks the guest to shut down, and returns at once. See ``waitUntilShutOff(timeout:)``.
  public func shutdown(_ options: DomainShutdownOptions = []) async throws {
    try await change("shut down") { virDomainShutdownFlags($0, options.rawValue) }
  }

  /// Ends the guest as if its power were cut; a transient domain is gone then.
  ///
  /// - Parameter graceful: give QEMU the time to flush its caches, and fail rather than kill it if that takes too long.
  public func destroy(graceful: Bool = false) async throws {
    let flags = graceful ? UInt32(VIR_DOMAIN_DESTROY_GRACEFUL.rawValue) : 0
    try await change("stop", .work) { virDomainDestroyFlags($0, flags) }
  }

  /// Stops the guest's vcpus.
  public func suspend() async throws {
    try await change("suspend") { virDomainSuspend($0) }
  }

  /// Lets a paused guest run on from where it was held. Fails with code 55 on a domain that is not paused.
  public func resume() async throws {
    try await change("resume") { virDomainResume($0) }
  }

  /// Removes the stored definition. A running guest goes on as a transient domain.
  public func undefine(_ options: DomainUndefineOptions = []) async throws {
    try await change("undefine") { virDomainUndefineFlags($0, options.rawValue) }
  }

  /// Sets whether the domain starts with the host. Fails with code 55 on a transient domain, which has no stored
  /// definition.
  public func setAutostart(_ autostart: Bool) async throws {
    try await change("set the autostart of") { virDomainSetAutostart($0, autostart ? 1 : 0) }
  }

  /// Gives the domain another name. Only while it is shut off and has no managed save image (code 55 otherwise). This
  /// handle keeps the old name; a file of UEFI variables does, too.
  public func rename(to name: String) async throws {
    try await change("rename to \(name)") { virDomainRename($0, name, 0) }
  }

  /// Deletes the saved memory of a stopped guest: its next start boots it instead of resuming it.
  public func removeManagedSave() async throws {
    try await change("remove the managed save image of") { virDomainManagedSaveRemove($0, 0) }
  }

  func change(
    _ verb: @autoclosure @escaping @Sendable () -> String, _ kind: CallLimits.Kind = .answer,
    _ body: @escaping @Sendable (DomainPointer?) -> Int32
  ) async throws {
    try await call(verb(), kind) { domain, operation throws(LibvirtError) in
      _ = try check(Failpoint.around(operation()) { body(domain) }, operation())
    }
  }
}
