// How a new qcow2 image is laid out, for the commands that make one.

import ArgumentParser
import DiskImage
import SystemCalls

/// Options of new qcow2 images, in qemu-img's words.
struct ImageLayoutOptions: ParsableArguments {
  @Option(
    name: .customLong("cluster-size"),
    help: ArgumentHelp("Cluster size of qcow2, from 512B to 2MiB (default: 64KiB).", valueName: "size"),
    transform: SizeArgument.parse)
  var clusterSize: UInt64?

  @Option(
    help: ArgumentHelp(
      "The version of qcow2: 1.1, or 0.10 for programs older than 2013 (default: 1.1).", valueName: "version"))
  var compat: Qcow2Compatibility?

  @Option(
    name: .customLong("refcount-bits"),
    help: ArgumentHelp("Width of qcow2's reference counts: 1, 2, 4 … 64 (default: 16).", valueName: "bits"))
  var refcountBits: Int?

  @Option(
    name: .customLong("compression-type"),
    help: ArgumentHelp("How clusters of qcow2 are compressed (default: zlib).", valueName: "type"))
  var compressionType: Qcow2Info.Compression?

  @Flag(name: .customLong("extended-l2"), help: "Divides clusters of qcow2 into 32 subclusters.")
  var extendedL2 = false

  @Flag(
    name: .customLong("lazy-refcounts"),
    help: "Lets QEMU postpone refcount updates. Requires a repair after a crash.")
  var lazyRefcounts = false

  /// Enters what was asked for.
  ///
  /// - Parameter path: the new image.
  func set(_ creation: inout ImageCreation, path: String) throws(ImageError) {
    if creation.format == .raw, let first = asked.first {
      throw .invalidRequest(path: path, what: "a raw image", reason: "has no \(first); use qcow2")
    }
    if let clusterSize { creation.clusterSize = clusterSize }
    if let compat { creation.compatibility = compat }
    if let refcountBits { creation.refcountBits = refcountBits }
    if let compressionType { creation.compression = compressionType }
    creation.extendedL2 = extendedL2
    creation.lazyRefcounts = lazyRefcounts
    // The process's umask, as people expect of files that they make.
    creation.access = FileAccess(mode: 0o666 & ~ThisProcess.creationMask)
  }

  /// Gives an image no wider permissions than what it is made from: nobody may read a copy, or an overlay, who may not read
  /// its source. Its owner can always read and write it.
  static func narrow(_ creation: inout ImageCreation, to source: String) {
    guard let mode = (try? OpenImage(stated: source, links: .all))?.mode else { return }
    creation.access.mode &= mode & 0o666 | 0o600
  }

  /// The options that were given.
  private var asked: [String] {
    [
      ("--cluster-size", clusterSize != nil), ("--compat", compat != nil), ("--refcount-bits", refcountBits != nil),
      ("--compression-type", compressionType != nil), ("--extended-l2", extendedL2),
      ("--lazy-refcounts", lazyRefcounts),
    ].filter(\.1).map(\.0)
  }
}
