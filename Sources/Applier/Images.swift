// Image files: making them, growing them and taking snapshots inside of them, checked before and after.

import DiskImage
import Glibc
import Vocabulary

extension ApplyRun {
  /// Makes an image. One that is there already and is what would be made counts as done, anything else is left alone.
  ///
  /// - Parameter origin: the mark of a new file.
  func createImage(_ path: String, _ creation: ImageCreation, _ origin: String) async throws {
    var creation = creation
    creation.origin = origin
    let marked = creation
    let stop = stop
    try await files.run {
      if fileStatus(path) != nil { return try requireFresh(path, marked) }
      do throws(ImageError) {
        try marked.create(at: path, syncDirectory: false) { (_) throws(ImageError) in
          if stop.isMade { throw .cancelled(path: path) }
        }
      } catch {
        if case .cancelled = error { throw ActionFailure.interrupted }
        guard error == .alreadyExists(path: path) else { throw error }
        try requireFresh(path, marked)
      }
    }
    // A name that a killed run made may not be durable either, so this is done in any case.
    try await folders.flush(folder(of: path))
    try await files.run { try requireEqual(path, marked) }
  }

  /// Grows an image that no guest has open.
  func growImage(_ path: String, _ format: ImageFormat, from: UInt64, to: UInt64, followsLinks: Bool) async throws {
    try await files.run {
      if !followsLinks, fileStatus(path)?.isRegular == false {
        throw ActionFailure(
          "\(path) is not a regular file by now, and nothing that it leads to is changed", remedy: moveAway)
      }
      let before = try ImageInfo.read(path: path, format: format).virtualSize
      if before == to { return }
      guard before == from else {
        throw ActionFailure(
          "\(path) changed since it was planned: it has \(ByteCount.text(before)), not \(ByteCount.text(from))",
          remedy: planAgain, field: "size")
      }
      try ImageResize.resize(path: path, format: format, to: to, followsLinks: followsLinks)
      let after = try ImageInfo.read(path: path, format: format).virtualSize
      guard after == to else {
        throw ActionFailure(
          "\(path) has \(ByteCount.text(after)) after it was grown to \(ByteCount.text(to))", field: "size")
      }
    }
  }

  /// Takes a snapshot inside an image that no guest has open. One of the name that is there already counts as done.
  func takeImageSnapshot(_ path: String, _ name: String) async throws {
    try await files.run {
      func isTaken() throws(ImageError) -> Bool {
        try ImageSnapshots.list(path: path).contains { $0.name == StoredName(name) }
      }
      if try isTaken() { return }
      try ImageSnapshots.create(named: name, path: path)
      guard try isTaken() else {
        throw ActionFailure("\(path) has no snapshot \(name) after it was taken", field: "snapshots.\(name)")
      }
    }
  }
}

/// Throws unless the image at `path` is what `creation` makes, and holds nothing yet.
private func requireFresh(_ path: String, _ creation: ImageCreation) throws {
  guard fileStatus(path)?.isRegular == true else {
    throw ActionFailure("\(path) exists and is no regular file", remedy: moveAway)
  }
  try requireEqual(path, creation, otherwise: "\(path) exists and was left alone")
  let info = try ImageInfo.read(path: path, format: creation.format)
  guard info.qcow2?.snapshotCount ?? 0 == 0,
    try isBlank(path, creation.format, hasBacking: creation.backing != nil)
  else {
    throw ActionFailure("\(path) exists, holds data and was left alone", remedy: moveAway)
  }
}

/// Whether an image has no data of its own. Its tables say it: no length and no number of blocks does.
func isBlank(_ path: String, _ format: ImageFormat, hasBacking: Bool) throws(ImageError) -> Bool {
  var isEmpty = true
  try ImageMap.read(path: path, format: format, sharing: true) { extent throws(ImageError) in
    // Zeros hide what a backing file has in their place.
    if extent.depth == 0, extent.present, extent.data || (format == .qcow2 && hasBacking) { isEmpty = false }
  }
  return isEmpty
}

/// Throws unless the image at `path` is of the kind and size that `creation` makes.
private func requireEqual(_ path: String, _ creation: ImageCreation, otherwise lead: String? = nil) throws {
  let lead = lead ?? "\(path) is not what was made"
  let remedy = lead.hasSuffix("alone") ? moveAway : nil
  let chain: BackingChain
  do throws(ImageError) {
    chain = try BackingChain.read(path: path, format: creation.format)
  } catch {
    guard case .notA = error else { throw error }
    throw ActionFailure("\(lead): it is no \(creation.format.rawValue) image", remedy: remedy)
  }
  let info = chain.top
  let size = try creation.virtualSize ?? sizeOfBacking(path, chain)
  guard info.virtualSize == size else {
    throw ActionFailure(
      "\(lead): it has \(ByteCount.text(info.virtualSize)), not \(ByteCount.text(size))", remedy: remedy, field: "size")
  }
  guard info.backingFile?.string == creation.backing?.name,
    info.backingFormat?.string == creation.backing?.format.rawValue
  else {
    let stored = info.backingFile.map(\.description) ?? "no file"
    throw ActionFailure(
      "\(lead): it stands on \(stored), not on \(creation.backing?.name ?? "no file")", remedy: remedy, field: "image")
  }
  guard let qcow2 = info.qcow2 else { return }
  guard qcow2.clusterSize == creation.clusterSize, qcow2.extendedL2 == creation.extendedL2,
    qcow2.refcountBits == creation.refcountBits, qcow2.lazyRefcounts == creation.lazyRefcounts,
    !qcow2.hasExternalDataFile, qcow2.encryption == .none, !qcow2.dirty, !qcow2.corrupt
  else { throw ActionFailure("\(lead): it has other qcow2 features", remedy: remedy) }
}

private func sizeOfBacking(_ path: String, _ chain: BackingChain) throws -> UInt64 {
  guard chain.images.count > 1 else { throw ActionFailure("\(path) has no size of its own and no backing file") }
  return chain.images[1].virtualSize
}

/// What lstat(2) says.
struct FileStatus {
  let isRegular: Bool
  let length: UInt64
}

/// What is at `path` itself, symbolic links not followed; nil for nothing that can be seen.
func fileStatus(_ path: String) -> FileStatus? {
  var status = stat()
  guard lstat(path, &status) == 0 else { return nil }
  return FileStatus(isRegular: status.st_mode & S_IFMT == S_IFREG, length: UInt64(clamping: status.st_size))
}

let moveAway = "move it away or choose another name, then plan again"
