// Merging the overlay that a running guest writes to into the image below it (virDomainBlockCommit).

import CLibvirt

extension LibvirtDomain {
  /// Begins to merge what a disk's present image holds into an image that it stands on. The guest keeps running, and keeps the
  /// overlay until ``pivotBlockJob(_:)``.
  ///
  /// - Parameters:
  ///   - target: the disk's target (`vda`).
  ///   - base: the image that is merged into. Never left to libvirt, which would take the lowest of the chain; and named, so
  ///     that nothing happens to a disk that has left its overlay meanwhile.
  public func commitActiveImage(_ target: String, into base: String) async throws {
    let flags = UInt32(VIR_DOMAIN_BLOCK_COMMIT_ACTIVE.rawValue)
    try await change("merge the image of disk \(target) of") { virDomainBlockCommit($0, target, base, nil, 0, flags) }
  }

  /// Has the guest use the image that was merged into, from now on.
  public func pivotBlockJob(_ target: String) async throws {
    let flags = UInt32(VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT.rawValue)
    try await change("leave the merged image of disk \(target) of") { virDomainBlockJobAbort($0, target, flags) }
  }

  /// What is at work on a disk of a running guest; nil for nothing.
  public func blockJob(_ target: String) async throws -> DomainBlockJob? {
    try await call("look at the job on disk \(target) of") { domain, operation throws(LibvirtError) in
      var info = virDomainBlockJobInfo()
      guard try check(virDomainGetBlockJobInfo(domain, target, &info, 0), operation()) > 0 else { return nil }
      return DomainBlockJob(
        mergesActiveImage: info.type == Int32(VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT.rawValue),
        isReady: info.end > 0 && info.cur == info.end)
    }
  }
}

/// A job on a disk of a running guest (virDomainBlockJobInfo).
public struct DomainBlockJob: Hashable, Sendable {
  /// Whether it is one of ``LibvirtDomain/commitActiveImage(_:)``.
  public let mergesActiveImage: Bool
  /// Whether nothing is left to be copied; libvirt shows an end that is not reached until QEMU reports it.
  public let isReady: Bool
}
