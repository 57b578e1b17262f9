// The table of everything that changes images in place. A new operation is one row here, and is cut and starved like the others.

import Foundation
import Testing

@testable import DiskImage

/// A change of an image in place, and what it is to do.
struct InPlaceOperation: CustomTestStringConvertible, Sendable {
  let name: String
  /// Which images it is tried on.
  var suits: @Sendable (CutImage) -> Bool = { _ in true }
  /// What QEMU's tools, or damage, make of the image beforehand.
  var prepare: @Sendable (Folder) throws -> Void = { _ in }
  /// The images that it may change, the one that is looked at first.
  var files = ["image"]
  /// Files that it changes bit by bit.
  var others: [String] = []
  let run: @Sendable (Folder, Journal) throws -> Void
  /// What is to be seen afterwards, by file.
  var change: @Sendable (inout [String: Visible]) -> Void = { _ in }

  var testDescription: String { name }
}

let inPlaceOperations = snapshotOperations + repairs + resizes + rebases + commits

/// The ones whose cuts tell most for their time.
private let telling: Set<String> = ["clusters of 512 bytes", "an overlay", "subclusters", "VM state"]

private let snapshotOperations: [InPlaceOperation] = [
  InPlaceOperation(name: "snapshot create", suits: { $0.hasSnapshots && !$0.options.contains("refcount_bits=2") }) {
    folder, journal in
    try Qcow2Change.run(image(folder, journal)) { (change) throws(ImageError) in
      _ = try change.takeSnapshot(
        Qcow2Snapshot(
          l1TableOffset: 0, l1Size: 0, id: StoredName("99"), name: StoredName("new"), seconds: 1, nanoseconds: 2,
          vmClock: 0, vmStateSize: 0))
    }
  } change: { files in
    files["image"]!.snapshots["new"] = files["image"]!.disk
  },
  InPlaceOperation(name: "snapshot apply", suits: { $0.hasSnapshots && $0.name != "dirty bitmaps" }) {
    folder, journal in
    try apply("one", folder, journal)
  } change: { files in
    files["image"]!.disk = files["image"]!.snapshots["one"]!
  },
  InPlaceOperation(name: "snapshot apply, with VM state", suits: { $0.name == "VM state" }) { folder, journal in
    try apply("vm", folder, journal)
  } change: { files in
    files["image"]!.disk = Array(files["image"]!.snapshots["vm"]!.prefix(files["image"]!.disk.count))
  },
  InPlaceOperation(
    name: "snapshot apply, of another size",
    suits: { telling.contains($0.name) },
    prepare: { try run("qemu-img", "resize", "-q", "-f", "qcow2", $0("image"), "+9M") }
  ) { folder, journal in
    try apply("one", folder, journal)
  } change: { files in
    files["image"]!.disk = files["image"]!.snapshots["one"]!
  },
  InPlaceOperation(name: "snapshot delete, the first", suits: \.hasSnapshots) { folder, journal in
    try Qcow2Change.run(image(folder, journal)) { (change) throws(ImageError) in try change.deleteSnapshot(at: 0) }
  } change: { files in
    files["image"]!.snapshots["one"] = nil
  },
  InPlaceOperation(
    name: "snapshot delete, the only one",
    suits: { $0.hasSnapshots && (telling.contains($0.name) || $0.name == "dirty bitmaps") },
    prepare: { folder in
      let names = try ImageSnapshots.list(path: folder("image")).map(\.name.description)
      for name in names where name != "two" { try run("qemu-img", "snapshot", "-d", name, folder("image")) }
    }
  ) { folder, journal in
    try Qcow2Change.run(image(folder, journal)) { (change) throws(ImageError) in try change.deleteSnapshot(at: 0) }
  } change: { files in
    files["image"]!.snapshots = [:]
  },
  InPlaceOperation(name: "snapshot rename", suits: \.hasSnapshots) { folder, journal in
    try Qcow2Change.run(image(folder, journal)) { (change) throws(ImageError) in
      try change.renameSnapshot(at: 0, to: StoredName("renamed, to a name that is a good deal longer"))
    }
  } change: { files in
    files["image"]!.snapshots["renamed, to a name that is a good deal longer"] = files["image"]!.snapshots["one"]
    files["image"]!.snapshots["one"] = nil
  },
]

private let repairs: [InPlaceOperation] = [
  InPlaceOperation(name: "repair leaks", prepare: leak) { folder, journal in
    _ = try ImageCheck.check(image(folder, journal), repair: .leaks)
  },
  InPlaceOperation(name: "repair all", prepare: damage) { folder, journal in
    _ = try ImageCheck.check(image(folder, journal), repair: .all)
  },
  InPlaceOperation(
    name: "repair all, marked dirty and corrupt", suits: { telling.contains($0.name) },
    prepare: { folder in
      try damage(folder)
      try patch(folder("image")) { $0[79] |= 3 }
    }
  ) { folder, journal in
    _ = try ImageCheck.check(image(folder, journal), repair: .all)
  },
]

private let resizes: [InPlaceOperation] = [
  InPlaceOperation(name: "grow", suits: { $0.isResizable && !$0.hasLongBase }) { folder, journal in
    try resize(folder, journal) { $0 + 70 * 1024 + 512 }
  } change: { files in
    files["image"]!.resize { $0 + 70 * 1024 + 512 }
  },
  InPlaceOperation(name: "grow over a longer backing file", suits: \.hasLongBase) { folder, journal in
    try resize(folder, journal) { $0 / 4 * 5 }
  } change: { files in
    files["image"]!.resize { $0 / 4 * 5 }
  },
  InPlaceOperation(
    name: "grow by far", suits: { telling.contains($0.name) || $0.name == "refcounts of 64 bits, many blocks" }
  ) { folder, journal in
    try resize(folder, journal) { $0 + 10 << 20 }
  } change: { files in
    files["image"]!.resize { $0 + 10 << 20 }
  },
  InPlaceOperation(
    name: "shrink what is unused", suits: { $0.isResizable && $0.stride == 1 },
    prepare: { folder in
      let size = try ImageInfo.read(path: folder("image")).virtualSize
      try qemuIO(folder("image"), "write -z -u \(size / 4 * 3) \(size / 4)")
    }
  ) { folder, journal in
    try resize(folder, journal, .unusedOnly) { $0 / 4 * 3 }
  } change: { files in
    files["image"]!.resize { $0 / 4 * 3 }
  },
  InPlaceOperation(name: "shrink and lose data", suits: \.isResizable) { folder, journal in
    try resize(folder, journal, .discarding) { $0 / 8 * 5 + 512 }
  } change: { files in
    files["image"]!.resize { $0 / 8 * 5 + 512 }
  },
]

private let rebases: [InPlaceOperation] = [
  InPlaceOperation(name: "flatten", suits: { $0.base != nil }, prepare: dropSnapshots) { folder, journal in
    try rebase(folder, journal, onto: nil)
  },
  InPlaceOperation(
    name: "rebase onto another file", suits: { $0.base != nil },
    prepare: { folder in
      try dropSnapshots(folder)
      try makeQcow2(folder("other"), "200k")
      try qemuIO(folder("other"), "write -P 0x77 0 100k", "write -P 0x99 100k 100k")
    }
  ) { folder, journal in
    try rebase(folder, journal, onto: "other")
  },
  InPlaceOperation(
    name: "rebase onto another file with a long name", suits: { $0.name == "an overlay" },
    prepare: { folder in
      try dropSnapshots(folder)
      try run("cp", folder("base"), folder("other"))
    }
  ) { folder, journal in
    try rebase(folder, journal, onto: longName)
  },
  InPlaceOperation(
    name: "rebase from a long name onto a short one", suits: { $0.name == "an overlay" },
    prepare: { folder in
      try dropSnapshots(folder)
      try run("cp", folder("base"), folder("other"))
      try run("qemu-img", "rebase", "-q", "-u", "-F", "qcow2", "-b", longName, folder("image"))
    }
  ) { folder, journal in
    try rebase(folder, journal, onto: "base")
  },
  InPlaceOperation(
    name: "rebase to another name of the same file", suits: { $0.base != nil },
    prepare: { try run("cp", $0("base"), $0("other")) }
  ) { folder, journal in
    try Qcow2Change.run(image(folder, journal)) { (change) throws(ImageError) in
      change.header.setBacking((StoredName("other"), .qcow2))
    }
  },
]

private let longName = String(repeating: "./", count: 250) + "other"

private let commits: [InPlaceOperation] = [
  InPlaceOperation(
    name: "commit", suits: { $0.base != nil }, prepare: dropSnapshots, files: ["image", "base"]
  ) { folder, journal in
    try commit(folder, journal, format: .qcow2)
  } change: { files in
    files["base"]!.takeOver(files["image"]!)
  },
  InPlaceOperation(
    name: "commit into a smaller image with a snapshot", suits: { $0.base != nil },
    prepare: { folder in
      try dropSnapshots(folder)
      try makeQcow2(folder("base"), "100k", ["cluster_size=512"])
      try qemuIO(folder("base"), "write -P 0x61 1k 96k")
      try run("qemu-img", "snapshot", "-c", "kept", folder("base"))
    }, files: ["image", "base"]
  ) { folder, journal in
    try commit(folder, journal, format: .qcow2)
  } change: { files in
    files["base"]!.takeOver(files["image"]!)
  },
  InPlaceOperation(
    name: "commit into a smaller image with an old tail", suits: { $0.base != nil },
    prepare: { folder in
      try dropSnapshots(folder)
      try makeQcow2(folder("base"), "104k", ["cluster_size=4k"])
      try qemuIO(folder("base"), "write -P 0x61 1k 103k")
      try run("qemu-img", "resize", "-q", "--shrink", "-f", "qcow2", folder("base"), "101888")
    }, files: ["image", "base"]
  ) { folder, journal in
    try commit(folder, journal, format: .qcow2)
  } change: { files in
    files["base"]!.takeOver(files["image"]!)
  },
  InPlaceOperation(
    name: "commit into a raw file", suits: { $0.base != nil },
    prepare: { folder in
      try dropSnapshots(folder)
      try run("qemu-img", "convert", "-O", "raw", folder("base"), folder("raw"))
      try run("qemu-img", "rebase", "-q", "-u", "-F", "raw", "-b", "raw", folder("image"))
    }, others: ["raw"]
  ) { folder, journal in
    try commit(folder, journal, format: .raw)
  },
]

extension CutImage {
  fileprivate var isResizable: Bool { name != "dirty bitmaps" && !(hasSnapshots && options.contains("compat=0.10")) }
  fileprivate var hasLongBase: Bool { base != nil && size < 512 << 10 }
}

extension Visible {
  fileprivate mutating func resize(_ size: (Int) -> Int) {
    let new = size(disk.count)
    if new < disk.count { disk.removeLast(disk.count - new) }
    disk += [UInt8](repeating: 0, count: new - disk.count)
  }

  /// The disk of an overlay, as far as it goes.
  fileprivate mutating func takeOver(_ overlay: Visible) {
    disk = overlay.disk + disk.dropFirst(overlay.disk.count)
  }
}

@Sendable private func dropSnapshots(_ folder: Folder) throws {
  for snapshot in try ImageSnapshots.list(path: folder("image")) {
    try run("qemu-img", "snapshot", "-d", snapshot.name.description, folder("image"))
  }
}

private func resize(
  _ folder: Folder, _ journal: Journal, _ shrinking: ImageResize.Shrinking = .refused, _ size: (UInt64) -> UInt64
) throws {
  let info = try ImageInfo.read(path: folder("image"))
  let below = try GuestDisk.open(below: info, references: .anywhere)
  _ = try ImageResize.resize(
    image(folder, journal), to: size(info.virtualSize), shrinking: shrinking, below: below)
}

private func rebase(_ folder: Folder, _ journal: Journal, onto name: String?) throws {
  let old = try GuestDisk.open(below: ImageInfo.read(path: folder("image")), references: .anywhere)
  let new = try name.map { try GuestDisk.open(path: folder($0), format: .qcow2, sharing: true) }
  try ImageRebase.rebase(
    image(folder, journal), onto: name.map { (StoredName($0), .qcow2) }, from: old, to: new)
}

private func commit(_ folder: Folder, _ journal: Journal, format: ImageFormat) throws {
  let name = format == .raw ? "raw" : "base"
  let base = try JournalStorage(path: folder(name), journal: journal)
  let layer: any ImageLayer =
    try format == .raw ? RawLayer(base) : Qcow2Layer(Qcow2Header(from: base), of: base)
  try ImageCommit.commit(
    image(folder, journal), into: base, format: format, below: GuestDisk(layers: [layer]), emptying: true)
}

private func image(_ folder: Folder, _ journal: Journal) throws -> JournalStorage {
  try JournalStorage(path: folder("image"), journal: journal)
}

private func apply(_ name: String, _ folder: Folder, _ journal: Journal) throws {
  try Qcow2Change.run(image(folder, journal)) { (change) throws(ImageError) in
    try change.header.checkHasNoBitmaps(path: folder("image"), changing: "reverting")
    try change.revert(to: SnapshotSelector.name(name).one(of: change.references.snapshots, path: "").snapshot)
  }
}

/// Counts clusters that nothing uses: behind the end, and where one more fits.
@Sendable private func leak(_ folder: Folder) throws {
  try ImageBytes.edit(folder("image")) { image in
    for cluster in image.clusterCount + 1..<image.clusterCount + 4 { try image.setRefcount(cluster, 1) }
    let data = image.hostCluster(2)
    if image.geometry.refcountBits > 2, data != 0 { try image.setRefcount(data, image.refcount(data) + 1) }
  }
}

/// Leaks, counts that are too low, and flags that are wrong.
@Sendable private func damage(_ folder: Folder) throws {
  try leak(folder)
  try ImageBytes.edit(folder("image")) { image in
    try image.setRefcount(image.l2Table(0) >> UInt64(image.geometry.clusterBits), 0)
    image[word: image.l1Place(0)] ^= Qcow2Entry.copied
    image[word: image.l2Place(1)] ^= Qcow2Entry.copied
  }
}
