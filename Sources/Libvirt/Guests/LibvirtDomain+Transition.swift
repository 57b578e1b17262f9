// Guests on their way from one state to another: libvirt calls them paused meanwhile, and they are not there to be resumed.

import CLibvirt

/// Why a guest is between two states.
public enum DomainTransition: Hashable, Sendable {
  /// libvirt starts it, saves or dumps its memory, takes a snapshot, moves it to another host, or shuts it down
  /// (virDomainPausedReason).
  case starting, saving, dumping, snapshotting, migrating, shuttingDown
  /// Its kernel has panicked; it stays until somebody resets or ends it.
  case crashed

  /// Whether the state ends by itself within seconds or minutes.
  public var isShort: Bool {
    switch self {
    case .starting, .saving, .dumping, .snapshotting, .shuttingDown: true
    case .migrating, .crashed: false
    }
  }

  /// From virDomainPausedReason; nil for a guest that is paused and stays so until somebody resumes it.
  init?(pausedReason reason: Int32) {
    switch virDomainPausedReason(UInt32(bitPattern: reason)) {
    case VIR_DOMAIN_PAUSED_STARTING_UP: self = .starting
    case VIR_DOMAIN_PAUSED_SAVE: self = .saving
    case VIR_DOMAIN_PAUSED_DUMP: self = .dumping
    case VIR_DOMAIN_PAUSED_SNAPSHOT: self = .snapshotting
    case VIR_DOMAIN_PAUSED_MIGRATION, VIR_DOMAIN_PAUSED_POSTCOPY, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED: self = .migrating
    case VIR_DOMAIN_PAUSED_SHUTTING_DOWN: self = .shuttingDown
    case VIR_DOMAIN_PAUSED_CRASHED: self = .crashed
    default: return nil
    }
  }
}

extension LibvirtDomain {
  /// What keeps a paused guest from being one that can be resumed; nil for every other guest.
  public func transition() async throws -> DomainTransition? {
    try await call("read the state of") { domain, operation throws(LibvirtError) in
      var (state, reason) = (Int32(0), Int32(0))
      try check(virDomainGetState(domain, &state, &reason, 0), operation())
      guard DomainState(state) == .paused else { return nil }
      return DomainTransition(pausedReason: reason)
    }
  }

  /// Waits until the guest is not between two states any more, as far as that ends by itself.
  ///
  /// - Returns: what it is still in, after `timeout` or where no waiting helps; nil for nothing. A domain that is gone is in
  ///   nothing.
  public func waitUntilSettled(timeout: Duration) async throws -> DomainTransition? {
    let deadline = ContinuousClock.now + timeout
    var pause = Duration.milliseconds(10)
    do {
      while let transition = try await transition() {
        guard transition.isShort, ContinuousClock.now < deadline else { return transition }
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(250))
      }
    } catch let error as LibvirtError where error.isNotFound {
      return nil
    }
    return nil
  }

  /// Waits until no other call is at work on the guest.
  ///
  /// A call outlives the program that made it where a daemon carries it out.
  ///
  /// - Returns: whether that was so within `timeout`; a guest that is not there is at rest.
  public func waitUntilAtRest(timeout: Duration) async throws -> Bool {
    let deadline = ContinuousClock.now + timeout
    var pause = Duration.milliseconds(5)
    while true {
      let isAtRest = try await call("look for calls at work on") { domain, _ throws(LibvirtError) in
        var info = virDomainControlInfo()
        guard virDomainGetControlInfo(domain, &info, 0) == 0 else { return true }
        var job = virDomainJobInfo()
        guard virDomainGetJobInfo(domain, &job) < 0 || job.type == Int32(VIR_DOMAIN_JOB_NONE.rawValue) else {
          return false
        }
        return info.state == VIR_DOMAIN_CONTROL_OK.rawValue
          || info.state == VIR_DOMAIN_CONTROL_ERROR.rawValue
            && info.details != VIR_DOMAIN_CONTROL_ERROR_REASON_INTERNAL.rawValue
      }
      if isAtRest { return true }
      guard ContinuousClock.now < deadline else { return false }
      try await Task.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(250))
    }
  }
}
