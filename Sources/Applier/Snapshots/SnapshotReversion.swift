// Reverting to external snapshots: by libvirt, and by Vireo where libvirt has not done it.
//
// libvirt before 9.9 reverts to no external snapshot, some later versions not to those of a running guest's disks, and
// each reports that with another error code. So no code decides: what decides is what was asked for and what happened.

import DiskImage
import Failpoints
import Inventory
import Libvirt
import Planner
import SystemCalls
import Vocabulary
import XMLTree

/// libvirt has refused to revert a domain to a snapshot.
struct RefusedReversion {
  /// What a revert changes of a domain.
  struct Moment: Equatable {
    var definition: XMLElement
    var isActive: Bool
    var snapshots: [ObservedSnapshot]

    /// Whether what a failed revert may have changed is the same. libvirt reorders controllers by itself.
    func isSame(as other: Moment) -> Bool {
      isActive == other.isActive && snapshots == other.snapshots
        && definitionDifference(definition, other.definition).isEmpty
    }
  }

  /// What can be done about it.
  enum Remedy: Equatable {
    /// The disks can be reverted without libvirt: each is still the overlay of the snapshot.
    case revertDisks(overlays: [String])
    case impossible(ActionFailure)
  }

  var domain: String
  var snapshot: ObservedSnapshot
  var error: LibvirtError
  var before: Moment
  var after: Moment
  var hasSavedState: Bool

  /// Whether the error is about this attempt, and not about what was asked for: another attempt may succeed, or the same
  /// user may not do it at all. Whatever else libvirt says, it has not reverted the domain.
  private var isOfThisAttempt: Bool {
    switch error.code {
    case .operationDenied, .accessDenied, .authenticationFailed, .operationTimeout, .operationInvalid,
      .agentUnresponsive, .snapshotRevertRisky:
      true
    default: error.isConnectionLost || error.isNotFound
    }
  }

  /// Nil where libvirt's error is all there is to say.
  var remedy: Remedy? {
    guard snapshot.kind == .external, !isOfThisAttempt else { return nil }
    let refusal = "libvirt has not reverted domain \(domain) to \(snapshot.name) (\(plainMessage(error)))"
    guard after.isSame(as: before) else {
      return .impossible(
        ActionFailure(
          "\(refusal), but changed the domain",
          remedy: "look at it with `virsh dumpxml \(domain)` and `vireo snapshot list \(domain)` before you continue"))
    }
    guard !after.isActive else {
      return .impossible(
        ActionFailure(
          "\(refusal), and Vireo can do it only while the domain is stopped", remedy: "shut the guest down first"))
    }
    guard !hasSavedState else {
      return .impossible(
        ActionFailure(
          "\(refusal), and the guest's saved memory does not fit other disks",
          remedy: "start the guest and shut it down first"))
    }
    guard !snapshot.hasMemory else {
      return .impossible(
        ActionFailure(
          "\(refusal), and only libvirt can bring back the guest's memory",
          remedy: "use a newer libvirt, or take the disks' files from the snapshot by hand"))
    }
    guard snapshot.isCurrent, snapshot.children == 0 else {
      return .impossible(
        ActionFailure(
          "\(refusal), and Vireo can do it only for the latest snapshot", remedy: "delete the later snapshots first"))
    }
    var overlays: [String] = []
    let sources = after.definition.devices(Vocabulary.disk).reduce(into: [String: String]()) {
      if let target = $1.value(at: .diskTarget) { $0[target] = DiskSource.path(of: $1) }
    }
    for (target, overlay) in snapshot.disks.sorted(by: { $0.key < $1.key }) {
      guard let overlay, sources[target] == overlay else {
        return .impossible(
          ActionFailure(
            "\(refusal), and disk \(target) is no longer the overlay that the snapshot created",
            remedy:
              "put \(overlay ?? "the overlay") back as its source, or take the disk's file from the snapshot by hand"))
      }
      overlays.append(overlay)
    }
    return .revertDisks(overlays: overlays)
  }
}

extension DomainSnapshots {
  /// Makes the domain what it was: its disks, the memory where that was taken, and its definition. What was written since
  /// is lost, unless another snapshot holds it.
  ///
  /// Where libvirt does not revert to an external snapshot and leaves the domain as it is, Vireo reverts the disks of a
  /// stopped domain to the last snapshot that was taken: an empty overlay takes the place of the one that was written to
  /// since. The definition stays unchanged.
  func revert(to name: String) async throws {
    try await revert(to: name) { try await domain.revert(toSnapshot: $0) }
  }

  /// - Parameter attempt: libvirt's own way.
  func revert(to name: String, by attempt: (String) async throws -> Void) async throws {
    guard let snapshot = try await list().first(where: { $0.name == name }) else { throw unknown(name) }
    let lock = try await lockFolders(of: try await connection.storedDefinition(of: domain), .exclusive)
    defer { withExtendedLifetime(lock) {} }
    if !connection.isRemote {
      try await SnapshotProof(of: domain, on: connection).require(snapshot, for: .revert)
    }
    try await requireNobodyElse(onWhatChanges: snapshot, .revert)
    lock?.share()
    try await LeftOverlays(domain: domain, connection: connection).mend()
    let before = try await moment()
    do {
      try await attempt(name)
    } catch let error as LibvirtError where !error.isConnectionLost {
      let refused = RefusedReversion(
        domain: domain.name, snapshot: snapshot, error: error, before: before, after: try await moment(),
        hasSavedState: try await domain.hasManagedSave())
      switch refused.remedy {
      case .revertDisks(let overlays): try Self.empty(overlays)
      case .impossible(let failure): throw failure
      case nil: throw error
      }
    }
  }

  private func moment() async throws -> RefusedReversion.Moment {
    RefusedReversion.Moment(
      definition: try await connection.storedDefinition(of: domain), isActive: try await domain.isActive(),
      snapshots: try await list())
  }

  /// Replaces overlays by empty ones on the same backing files. All are locked, and all that replaces them is made, before
  /// the first is replaced. A run that is cut off in between is finished by the next: an empty overlay is emptied again.
  static func empty(_ overlays: [String]) throws {
    let places = try overlays.map { try FilePlace($0, links: .own) }
    let images = try places.map { try OpenImage(at: $0, writing: true) }
    for image in images { try image.lock(.write) }
    defer { withExtendedLifetime(images) {} }
    let fresh = try zip(places, images).map { try emptyCopy(of: $1, at: $0) }
    for (place, new) in zip(places, fresh) {
      try Failpoint.around("rename \(new)") { () throws(ImageError) in
        try place.folder.rename(new, to: place.name, replacing: true)
      }
    }
    for place in places { try place.folder.flush() }
  }

  /// An overlay on the same backing file, without what was written, beside the one that it is to replace.
  ///
  /// - Returns: its name.
  private static func emptyCopy(of overlay: OpenImage, at place: FilePlace) throws -> String {
    let chain = try overlay.chain(format: .qcow2)
    guard chain.images.count > 1, let name = chain.top.backingFile?.string else {
      throw ActionFailure("\(overlay.path) no longer has a backing file")
    }
    let new = FilePlace(in: place.folder, place.name + ".new")
    // A leftover of a run that was cut off.
    try new.folder.remove(new.name)
    var creation = ImageCreation(
      format: .qcow2, virtualSize: chain.images[1].virtualSize,
      backing: .init(name: name, format: chain.images[1].format, path: chain.images[1].path))
    creation.clusterSize = chain.top.qcow2?.clusterSize ?? creation.clusterSize
    creation.access = FileAccess(mode: overlay.mode & 0o777, owner: ThisProcess.isRoot ? try overlay.owner() : nil)
    try NewImage(creation).create(at: new)
    return new.name
  }
}
