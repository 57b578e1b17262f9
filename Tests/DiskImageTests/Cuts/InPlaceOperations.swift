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
  /// The files that it may change.
  var files = ["image"]
  let run: @Sendable (Folder, Journal) throws -> Void
  /// What is to be seen afterwards, by file.
  var change: @Sendable (inout [String: Visible]) -> Void = { _ in }

  var testDescription: String { name }
}

let inPlaceOperations = snapshotOperations + repairs

private let snapshotOperations: [InPlaceOperation] = [
  InPlaceOperation(name: "snapshot create", suits: { $0.hasSnapshots && !$0.options.contains("refcount_bits=2") }) { folder, journal in
    try Qcow2Change.run(image(folder, journal)) { (change) throws(ImageError) in
      _ = try change.takeSnapshot(
        Qcow2Snapshot(
          l1TableOffset: 0, l1Size: 0, id: StoredName("99"), name: StoredName("new"), seconds: 1, nanoseconds: 2,
          vmClock: 0, vmStateSize: 0))
    }
  } change: { files in
    files["image"]!.snapshots["new"] = files["image"]!.disk
  },
  InPlaceOperation(name: "snapshot apply", suits: { $0.hasSnapshots && $0.name != "dirty bitmaps" }) { folder, journal in
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
    suits: { $0.hasSnapshots && $0.name != "dirty bitmaps" && !$0.options.contains("compat=0.10") },
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
    name: "snapshot delete, the only one", suits: \.hasSnapshots,
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
    name: "repair all, marked dirty and corrupt", suits: { !$0.options.contains("compat=0.10") },
    prepare: { folder in
      try damage(folder)
      try patch(folder("image")) { $0[79] |= 3 }
    }
  ) { folder, journal in
    _ = try ImageCheck.check(image(folder, journal), repair: .all)
  },
]

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
