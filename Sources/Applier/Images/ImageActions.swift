// Image files and their folders: making them, growing images and taking snapshots inside of them, checked before and after.

import DiskImage
import Inventory
import Planner
import SystemCalls
import Vocabulary

/// Makes folders and images, and changes images.
struct ImageActions: Sendable {
  private let context: ApplyContext
  private let places: PoolFolders
  private let folders: FolderFlush

  init(context: ApplyContext, places: PoolFolders) {
    self.context = context
    self.places = places
    folders = FolderFlush(files: context.files)
  }

  /// Makes a folder and what is missing above it. The folder itself may be passed by everybody and listed by nobody but
  /// its owner: QEMU runs as another user.
  func createDirectory(_ path: String) async throws {
    try await context.files.run { try makeFolders(path) }
  }

  /// Makes an image. One that is there already and is what would be made counts as done, anything else is left alone.
  ///
  /// - Parameter object: what the image is for, for the mark of a new file.
  func create(_ path: String, _ creation: ImageCreation, for object: ObjectReference) async throws {
    var creation = creation
    creation.origin = context.origin(of: object)
    let marked = creation
    let (stop, places, copies) = (context.stop, places, BaseCopies(of: context.connection))
    // Held until the end: what is checked in it is what was made in it.
    let place = try await context.files.run { try places.place(of: path) }
    try await context.files.run {
      if let base = marked.backing?.path, let (sha256, format) = CopyName.parts(of: base) {
        // Somebody may have put another file in its place since the plan.
        try copies.require(base, sha256: sha256, format: format)
      }
      if try place.folder.status(place.name) != nil { return try requireFresh(place, marked) }
      do throws(ImageError) {
        try NewImage(marked).create(at: place, syncDirectory: false) { (_) throws(ImageError) in
          if stop.isMade { throw .cancelled(path: path) }
        }
      } catch {
        if case .cancelled = error { throw ActionFailure.interrupted }
        guard error == .alreadyExists(path: path) else { throw error }
        try requireFresh(place, marked)
      }
    }
    // A name that a killed run made may not be durable either, so this is done in any case.
    try await folders.flush(folder(of: path))
    try await context.files.run { try requireEqual(OpenImage(at: place), marked) }
  }

  /// Grows an image that no guest has open: the very file that was looked at.
  func grow(
    _ path: String, _ format: ImageFormat, from: UInt64, to: UInt64, _ file: PlannedImage
  ) async throws {
    let places = places
    try await context.files.run {
      let image = try open(path, file, in: places)
      let before = try image.info(format: format).virtualSize
      if before == to { return }
      guard before == from else {
        throw ActionFailure(
          "\(path) changed since it was planned: it has \(ByteCount.text(before)), not \(ByteCount.text(from))",
          remedy: planAgain, field: "size")
      }
      try image.resize(format, to: to)
      let after = try image.info(format: format).virtualSize
      guard after == to else {
        throw ActionFailure(
          "\(path) has \(ByteCount.text(after)) after it was grown to \(ByteCount.text(to))", field: "size")
      }
    }
  }

  /// Takes a snapshot inside an image that no guest has open: the very file that was looked at. One of the name that is
  /// there already counts as done.
  func takeSnapshot(of path: String, _ name: String, _ file: PlannedImage) async throws {
    let places = places
    try await context.files.run {
      let image = try open(path, file, in: places)
      func isTaken() throws(ImageError) -> Bool { try image.snapshots().contains { $0.name == StoredName(name) } }
      if try isTaken() { return }
      try image.takeSnapshot(named: name)
      guard try isTaken() else {
        throw ActionFailure("\(path) has no snapshot \(name) after it was taken", field: "snapshots.\(name)")
      }
    }
  }

  /// Takes permissions from a file: the very file that was looked at. It gets none that it has not.
  func narrowMode(of path: String, to mode: UInt32, _ file: PlannedImage) async throws {
    let places = places
    try await context.files.run {
      let image = try OpenImage(at: places.place(of: path))
      try image.require(file.identity)
      try FileMode.narrow(image, to: image.mode & mode)
    }
  }
}

/// Opens an image to change it, if it is the file that the plan has seen.
private func open(_ path: String, _ file: PlannedImage, in places: PoolFolders) throws(ImageError) -> OpenImage {
  let image =
    try file.isStated ? OpenImage(stated: path, writing: true) : OpenImage(at: places.place(of: path), writing: true)
  try image.require(file.identity)
  return image
}

/// Throws unless the image at a place is what `creation` makes, and holds nothing yet.
private func requireFresh(_ place: FilePlace, _ creation: ImageCreation) throws {
  guard let status = try place.folder.status(place.name), status.isRegular else {
    throw ActionFailure("\(place.path) exists and is not a regular file", remedy: moveAway)
  }
  let image = try OpenImage(at: place)
  try image.requireOneName()
  try requireEqual(image, creation, otherwise: "\(place.path) exists and was left alone")
  let info = try image.info(format: creation.format)
  guard info.qcow2?.snapshotCount ?? 0 == 0,
    try image.isBlank(creation.format, hasBacking: creation.backing != nil)
  else {
    throw ActionFailure("\(place.path) exists, holds data and was left alone", remedy: moveAway)
  }
}

/// Throws unless an image is of the kind and size that `creation` makes.
private func requireEqual(_ image: OpenImage, _ creation: ImageCreation, otherwise lead: String? = nil) throws {
  let path = image.path
  let lead = lead ?? "\(path) is not what was made"
  let remedy = lead.hasSuffix("alone") ? moveAway : nil
  let chain: BackingChain
  do throws(ImageError) {
    chain = try image.chain(format: creation.format)
  } catch {
    guard case .notA = error else { throw error }
    throw ActionFailure("\(lead): it is not a \(creation.format.rawValue) image", remedy: remedy)
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
      "\(lead): its backing file is \(stored), not \(creation.backing?.name ?? "no file")", remedy: remedy,
      field: "image")
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

/// What is at `path` itself, symbolic links not followed; nil for nothing that can be seen.
func fileStatus(_ path: String) -> FileStatus? { try? FileStatus(of: path, followingLinks: false) }

let moveAway = "move it away or choose another name, then plan again"
