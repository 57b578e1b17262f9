// What a volume is: where its file is, what goes with its format, and which disks have it.

import Diagnostics
import Vocabulary

/// Checks volumes.
enum VolumeChecks {
  static func check(_ volume: ObjectSpec, in stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    if let path = volume.setting(.path), let pool = volume.setting(.pool) {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(volume.title) has both `path` and `pool`", at: path.range,
          suggestion: "leave out one of them: in a pool, the volume's name is the name of the file",
          notes: [.init("the pool", at: pool.range)]))
    }
    PoolChecks.checkHoldsFiles(volume, in: stack, into: &diagnostics)
    if !volume.says(.path) { PoolChecks.checkIsSaid(for: volume, in: stack, or: "`path:`", into: &diagnostics) }
    if !volume.says(.size), !volume.says(.image), !volume.says(.path) {
      diagnostics.append(
        Diagnostic(
          "missing-key", "\(volume.title) does not set its content", at: volume.range,
          suggestion: "add `size:` for a blank image, `image:` for an overlay, or `path:` for an existing file"))
    }
    DiskChecks.checkOverlay(volume, into: &diagnostics)
    if volume.fileFormat == .raw {
      checkRaw(volume, into: &diagnostics)
    } else {
      checkLayout(volume, into: &diagnostics)
    }
  }

  /// What only qcow2 has.
  private static func checkRaw(_ volume: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    for field in [volume.type[.clusterSize], volume.type[.extendedL2], volume.type[.lazyRefcounts]] {
      guard let setting = volume.settings[field] else { continue }
      diagnostics.append(
        Diagnostic(
          "conflict", "a raw image has no `\(field)`", at: setting.range,
          suggestion: "leave it out, or write `format: qcow2`"))
    }
    if let setting = volume.setting(.preallocation), volume[.preallocation] == .metadata {
      diagnostics.append(
        Diagnostic(
          "conflict", "a raw image has no metadata to preallocate", at: setting.range,
          suggestion: "write falloc, full or off"))
    }
    for snapshot in volume.members("snapshots") {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(volume.title) is raw, and only qcow2 images can have snapshots", at: snapshot.range,
          suggestion: "write `format: qcow2`, or leave out the snapshot"))
    }
  }

  /// The rules of a new qcow2 image (QEMU's qcow2 specification, "Header").
  private static func checkLayout(_ volume: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let hasSubclusters = volume[.extendedL2] == true
    if let setting = volume.setting(.clusterSize), let size = volume[.clusterSize] {
      if size.nonzeroBitCount != 1 || size > 2 << 20 {
        diagnostics.append(
          Diagnostic(
            "bad-value", "cluster-size: \(ByteCount.text(size)) is not a power of two from 512 B to 2 MiB",
            at: setting.range, suggestion: "write 64 KiB, 128 KiB and so on"))
      } else if hasSubclusters, size < 16 << 10 {
        diagnostics.append(
          Diagnostic(
            "conflict", "clusters of \(ByteCount.text(size)) are too small to be divided", at: setting.range,
            suggestion: "make them 16 KiB or more, or leave out `extended-l2`"))
      }
    }
    if let setting = volume.setting(.preallocation), volume[.preallocation] != .off, volume.says(.image),
      !hasSubclusters
    {
      diagnostics.append(
        Diagnostic(
          "conflict", "preallocation would hide the backing image of the overlay", at: setting.range,
          suggestion: "leave it out, or write `extended-l2: true` with it"))
    }
  }

  // MARK: Together

  /// No file is two volumes, and disks agree with the volumes that they are.
  static func checkTogether(_ stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    guard !stack.volumes.isEmpty else { return }
    var owners: [String: ObjectSpec] = [:]
    for volume in stack.volumes {
      guard let path = stack.path(ofVolume: volume) else { continue }
      guard let other = owners[path] else {
        owners[path] = volume
        continue
      }
      diagnostics.append(
        Diagnostic(
          "duplicate-value", "two volumes cannot be one file, \(path)",
          at: volume.place(of: .path),
          notes: [.init("the other one", at: other.place(of: .path))]))
    }
    for disk in stack.domains.flatMap({ $0.members("disks") }) {
      guard let path = disk[.source], let volume = owners[path] else { continue }
      checkAgreement(disk, with: volume, into: &diagnostics)
    }
  }

  /// A disk says of its volume what the volume says of itself, or nothing.
  private static func checkAgreement(
    _ disk: ObjectSpec, with volume: ObjectSpec, into diagnostics: inout [Diagnostic]
  ) {
    if let format = disk.setting(.format), disk[.format] != volume.fileFormat {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(disk.title) is \(format.value), and \(volume.title) is \(volume.fileFormat)", at: format.range,
          suggestion: "leave out `format` with `volume: \(volume.name)`"))
    }
    if let size = disk.setting(.size), !volume.says(.size) {
      diagnostics.append(
        Diagnostic(
          "missing-key", "\(disk.title) sets a size, but \(volume.title) does not", at: size.range,
          suggestion: "set it at the volume, and here only to grow the disk of a running guest"))
    }
    if let size = disk.setting(.size), let other = volume.setting(.size), size.value != other.value {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(disk.title) is \(size.value), and \(volume.title) is \(other.value)", at: size.range,
          suggestion: "write one size, or leave it out here", notes: [.init("the volume's size", at: other.range)]))
    }
  }
}
