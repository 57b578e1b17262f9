// Moves between an overlay and the image below it that were cut off, of guests that have ended or started since: where the
// last of what the guest wrote is.
//
// Before QEMU moves a running guest from an overlay to the image below it, the stored definition names that image. A guest that
// ends in between has written last to the overlay, and the next start would be on the image below. So whoever starts the guest
// merges the overlay first. The marks on the overlay tell how far QEMU was; where they and the files do not, nothing is
// touched. A snapshot that was cut off after QEMU had moved the guest up is the same the other way round: only the mark on the
// image below shows that there is an overlay.

import BlockingWork
import DiskImage
import Inventory
import Libvirt
import Planner
import SystemCalls
import Vocabulary
import XMLTree

/// An overlay that is to be merged into the image below it, and that the domain is not on.
struct LeftOverlay: Sendable {
  var domain: String
  var target: String
  var overlay: String
  var below: String
  /// The format of the image below; nil for raw.
  var format: String?
  /// Whether it comes from a snapshot that was cut off, and libvirt does not know of it.
  var isForgotten = false

  /// Where what the guest wrote last is.
  enum Rest: Equatable {
    /// All is in the image below.
    case below
    /// Some of it is in the overlay alone, and nobody has written to the image below since.
    case above
    /// Nobody can tell.
    case unclear
  }

  /// Whether the overlay is one on the very image that is below.
  var stands: Bool {
    guard let chain = try? BackingChain.read(path: overlay, format: .qcow2, followsLinks: false) else { return false }
    return chain.images.count > 1 && isOneFile(chain.images[1].path, below)
  }

  /// - Parameter isActive: whether the guest runs, on the image below.
  /// - Returns: nil where the overlay is not part of a merge that was cut off.
  func rest(isActive: Bool) -> Rest? {
    guard fileStatus(overlay) != nil else { return .below }
    guard stands else { return nil }
    switch MergeMark.read(path: overlay) {
    case .done: return .below
    // The guest that was asked to leave the overlay has left it, if it is this one.
    case .leaving where isActive: return .below
    case .leaving: return isSame ? .below : .unclear
    case .begun where isSame: return .below
    // It was never asked to. A guest that was started on the image below has gone on without what is above.
    case .begun: return !isActive && isWrittenLast ? .above : .unclear
    // QEMU made it for the guest, or had not come to that.
    case nil where isForgotten: return isSame ? .below : !isActive && isWrittenLast ? .above : .unclear
    case nil: return isSame ? .below : nil
    }
  }

  private var isSame: Bool {
    guard let upper = try? GuestDisk.open(path: overlay, format: .qcow2, sharing: true),
      let lower = try? GuestDisk.open(path: below, format: .init(rawValue: format ?? "raw"), sharing: true)
    else { return false }
    return (try? ImageComparison().run(upper, lower)) == .identical
  }

  /// Whether the image below was not written to after the overlay, but by QEMU as it merged: what the guest writes comes to both
  /// within the same moment. A guest that was started on the image below writes to it later.
  private var isWrittenLast: Bool {
    guard let upper = fileStatus(overlay), let lower = try? FileStatus(of: below) else { return false }
    return lower.modified < upper.modified + 2_000_000_000
  }

  /// What is said where nobody can tell.
  var doubt: ActionFailure {
    let (old, new) = isForgotten ? (below, overlay) : (overlay, below)
    return ActionFailure(
      "disk \(target) of domain \(domain) was being moved from \(old) to \(new) when the guest ended; the two differ, and "
        + "Vireo cannot know which of them the guest wrote to last",
      remedy: "to keep what \(overlay) has, run `vireo image commit \(overlay)`; to keep \(below) as it is, delete "
        + "\(overlay); then run the command again")
  }
}

/// The merges of one domain.
struct UnfinishedMerges {
  let domain: LibvirtDomain
  let connection: LibvirtConnection
  private static let files = BlockingPool(name: "unfinished merges", threads: 1)

  /// Overlays that a definition's disks stand below of: of snapshots, and of one that was cut off.
  private func overlays(below definition: XMLElement) async throws -> [LeftOverlay] {
    guard !connection.isRemote else { return [] }
    var sources: [String: (path: String, format: String?)] = [:]
    for disk in definition.devices(Vocabulary.disk) {
      if let target = disk.value(at: .diskTarget), let path = DiskSource.path(of: disk) {
        sources[target] = (path, disk.value(at: .diskFormat))
      }
    }
    let snapshots = try await domain.snapshots().map(ObservedSnapshot.init).filter { $0.kind == .external }
    let forgotten = sources.compactMap { target, source -> LeftOverlay? in
      guard let overlay = OverlayMark.read(path: source.path), source.path != overlay,
        !snapshots.contains(where: { $0.disks.values.contains(overlay) })
      else { return nil }
      return LeftOverlay(
        domain: domain.name, target: target, overlay: overlay, below: source.path, format: source.format,
        isForgotten: true)
    }
    return forgotten
      + snapshots.flatMap { snapshot in
        snapshot.disks.compactMap { target, overlay in
          guard let overlay, let source = sources[target], source.path != overlay,
            [.begun, .leaving].contains(MergeMark.read(path: overlay))
          else { return nil }
          return LeftOverlay(
            domain: domain.name, target: target, overlay: overlay, below: source.path, format: source.format)
        }
      }
  }

  /// Merges what a guest that is about to start has written to overlays that it would not have any more.
  ///
  /// - Throws: ``ActionFailure`` where it cannot be known what the guest has written last.
  func finish() async throws {
    let stored = try await connection.storedDefinition(of: domain)
    let overlays = try await overlays(below: stored)
    guard !overlays.isEmpty else { return }
    try await Self.files.run {
      for overlay in overlays {
        switch overlay.rest(isActive: false) {
        case .unclear: throw overlay.doubt
        case .above:
          do throws(ImageError) {
            try ImageCommit.commit(path: overlay.overlay, emptying: false)
          } catch {
            throw ActionFailure(error)
          }
          MergeMark.done.put(path: overlay.overlay)
        case .below: MergeMark.done.put(path: overlay.overlay)
        case nil: break
        }
        if overlay.isForgotten { OverlayMark.put(nil, path: overlay.below) }
      }
    }
  }

  /// Notes on which image a guest is that is about to be stopped: afterwards nobody can tell.
  func settle() async throws {
    let stored = try await connection.storedDefinition(of: domain)
    let overlays = try await overlays(below: stored).filter { MergeMark.read(path: $0.overlay) == .leaving }
    guard !overlays.isEmpty else { return }
    let files: [String]
    do {
      files = try await GuestMonitor(domain: domain).media().map(\.file)
    } catch let error as LibvirtError where error.isUnsupported {
      // Without the library nobody knows better than the files will tell.
      return
    }
    for overlay in overlays {
      if files.contains(where: { isOneFile($0, overlay.overlay) }) {
        MergeMark.begun.put(path: overlay.overlay)
      } else if files.contains(where: { isOneFile($0, overlay.below) }) {
        MergeMark.done.put(path: overlay.overlay)
      }
    }
  }
}
