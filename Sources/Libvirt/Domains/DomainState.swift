// What a domain is doing. Source: virDomainState in libvirt/libvirt-domain.h.

/// What a domain is doing (virDomainState).
public enum DomainState: Int32, Hashable, Sendable, CaseIterable {
  /// The hypervisor does not say.
  case noState = 0
  /// The guest's processors run.
  case running = 1
  /// Waiting for a resource (not with QEMU).
  case blocked = 2
  /// The guest is held; its memory and its QEMU process stay.
  case paused = 3
  /// The guest is going down, and has not ended yet.
  case shuttingDown = 4
  /// There is no guest. The next start boots it, or resumes a managed save image.
  case shutOff = 5
  /// Crashed, and kept for inspection (`on_crash` is `preserve`).
  case crashed = 6
  /// Suspended by the guest's own power management.
  case pmSuspended = 7

  init(_ raw: Int32) { self = DomainState(rawValue: raw) ?? .noState }
}
