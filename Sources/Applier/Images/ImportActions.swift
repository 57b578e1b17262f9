// Base images on their way into a pool: copied, hashed on the way, and published only under the checksum of the plan.

import Checksum
import DiskImage
import Inventory
import Planner
import SystemCalls

/// Copies base images into pools.
struct ImportActions: Sendable {
  let context: ApplyContext
  let places: PoolFolders

  /// Copies a base image. The name carries the checksum, and a file gets it only when it is complete; one that is there
  /// already is proved by its content, see `BaseCopies`.
  ///
  /// - Parameter object: what the copy is for, for its mark.
  func importImage(_ image: ImageImport, for object: ObjectReference, _ news: ActionNews) async throws {
    let progress = ProgressSteps(total: image.length) { done in news.progressed(done, of: image.length) }
    let (origin, stop, places) = (context.origin(of: object), context.stop, places)
    let copies = BaseCopies(of: context.connection)
    try await context.files.run {
      let place = try places.place(of: image.destination)
      if try isThere(image, place) {
        // Somebody may have put it there since the plan.
        return try copies.require(image.destination, sha256: image.sha256, format: image.format)
      }
      let source = try ImageInfo.read(path: image.source, format: image.format)
      guard source.fileLength == image.length else {
        throw ActionFailure(
          "\(image.source) changed since it was planned: it has \(source.fileLength) bytes, not \(image.length)",
          remedy: planAgain)
      }
      let isOwn = try copy(image, place, origin, progress, stop)
      guard try isThere(image, place) else {
        throw ActionFailure("\(image.destination) disappeared right after it was created", remedy: planAgain)
      }
      // What the copy made was hashed on the way; what another process published in its place is read.
      if isOwn { copies.remember(try OpenImage(at: place), sha256: image.sha256) }
      try copies.require(image.destination, sha256: image.sha256, format: image.format)
    }
  }
}

private func isThere(_ image: ImageImport, _ place: FilePlace) throws -> Bool {
  guard let status = try place.folder.status(place.name) else { return false }
  guard status.isRegular, status.length == image.length else {
    throw ActionFailure(
      status.isRegular
        ? "\(image.destination) exists and has \(status.length) bytes, not \(image.length)"
        : "\(image.destination) exists and is not a regular file", remedy: moveAway)
  }
  return true
}

/// - Returns: whether it was made here; false where somebody else has published it meanwhile.
private func copy(
  _ image: ImageImport, _ place: FilePlace, _ origin: String, _ progress: ProgressSteps, _ stop: StopRequest
) throws -> Bool {
  var progress = progress
  let checksum = Checksum()
  var copy = FileCopy(
    source: image.source, directory: place.folder.path, access: copyAccess(of: image.source))
  copy.preservesTime = true
  copy.origin = origin
  var found = ""
  do throws(ImageError) {
    try copy.copy(
      into: place.folder, update: { bytes throws(ImageError) in checksum.update(bytes) },
      progress: { state throws(ImageError) in
        progress.reach(state.done)
        // Nothing of it is published, so nothing is lost but time.
        if stop.isMade { throw .cancelled(path: image.destination) }
      },
      name: { () throws(ImageError) in
        found = hexadecimal(checksum.finish())
        guard found == image.sha256 else { throw ImageError.refused(path: image.source, reason: "") }
        return place.name
      })
    return true
  } catch {
    if let failure = copyFailure(error, image, found: found) { throw failure }
    return false
  }
}

/// Nobody writes to a copy, and nobody reads it who may not read its source. libvirt gives a running guest's images to the
/// user that QEMU runs as; another user than root keeps the right to read it by its group.
private func copyAccess(of source: String) -> FileAccess {
  let mode = ((try? FileStatus(of: source))?.mode ?? 0) & 0o444
  return FileAccess(mode: mode | (ThisProcess.isRoot ? 0o400 : 0o440))
}

/// Why a copy was not published; nil when somebody else has published it meanwhile.
private func copyFailure(_ error: ImageError, _ image: ImageImport, found: String) -> ActionFailure? {
  switch error {
  case .alreadyExists: nil
  case .cancelled: .interrupted
  case .refused:
    ActionFailure(
      "the SHA-256 checksum of \(image.source) is \(found), not \(image.sha256)",
      remedy:
        "the file is not the one that the spec names, or changed after the plan; correct `sha256`, or fetch the file again",
      field: "sha256")
  case .noSpace:
    ActionFailure(
      "no space left for \(image.destination), which needs up to \(image.length) bytes",
      remedy: "make room on the file system of \(folder(of: image.destination)), then apply again")
  default: ActionFailure(error)
  }
}

/// Passes on some of many small steps: about 200 of a whole.
struct ProgressSteps: Sendable {
  private let step: UInt64
  private let total: UInt64
  private var next: UInt64
  private let report: @Sendable (UInt64) -> Void

  init(total: UInt64, report: @escaping @Sendable (UInt64) -> Void) {
    self.total = total
    step = max(1, total / 200)
    next = step
    self.report = report
  }

  mutating func reach(_ done: UInt64) {
    guard done >= next || done >= total else { return }
    next = done + step
    report(done)
  }
}
