// vireo image convert: a disk as a new image of its own.

import ArgumentParser
import DiskImage
import Report

struct ImageConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Copies a disk to a new image, in another format, compressed or flattened.",
    usage: "vireo image convert [options] <source> <destination>",
    discussion: """
      The new image contains everything that a guest sees of the old one, including its backing chain, and has no \
      backing file. It appears complete or not at all, and never replaces an existing file. Zeros use no space.

        vireo image convert disk.raw disk.qcow2
        vireo image convert --compress --compression-type zstd disk.qcow2 small.qcow2

      Exit codes: 0 for success, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The image to read.", valueName: "source"), completion: .file())
  var source: String

  @Argument(help: ArgumentHelp("The image to create.", valueName: "destination"), completion: .file())
  var destination: String

  @OptionGroup var access: ImageAccessOptions
  @OptionGroup var lock: LockOptions
  @OptionGroup var reading: ImageReadingOptions

  @Option(
    name: [.customShort("O"), .customLong("output-format")],
    help: ArgumentHelp("The format of the new image, if its name does not end in it.", valueName: "format"))
  var outputFormat: ImageFormat?

  @Option(help: ArgumentHelp("Reads an internal snapshot, by its name or id.", valueName: "snapshot"))
  var snapshot: String?

  @Option(
    name: .customLong("snapshot-id"),
    help: ArgumentHelp("Reads the internal snapshot with this id.", valueName: "id"))
  var snapshotID: String?

  @Option(
    name: .customLong("snapshot-name"),
    help: ArgumentHelp("Reads the internal snapshot with this name.", valueName: "name"))
  var snapshotName: String?

  @Flag(name: [.customShort("c"), .customLong("compress")], help: "Compresses the data; qcow2 only.")
  var compress = false

  @OptionGroup var layout: ImageLayoutOptions

  @Option(
    help: ArgumentHelp("Threads to use (default: what keeps all cores busy).", valueName: "number"))
  var jobs: Int?

  func validate() throws {
    guard [snapshot, snapshotID, snapshotName].compactMap({ $0 }).count <= 1 else {
      throw ValidationError("Give one of --snapshot, --snapshot-id and --snapshot-name.")
    }
    guard (1...64).contains(jobs ?? 1) else { throw ValidationError("--jobs requires a number from 1 to 64.") }
  }

  private var selector: SnapshotSelector? {
    snapshotID.map(SnapshotSelector.id) ?? snapshotName.map(SnapshotSelector.name)
      ?? snapshot.map(SnapshotSelector.either)
  }

  func run() throws {
    let progress = ImageProgress("converting", destination)
    let size = try lock.changing(destination) { () throws(ImageError) in
      defer { progress.end() }
      var creation = ImageCreation(
        format: try ImageNaming.format(of: destination, given: outputFormat, option: "--output-format"))
      try layout.set(&creation, path: destination)
      ImageLayoutOptions.narrow(&creation, to: source)
      var conversion = ImageConversion(
        .init(
          path: source, format: try access.format(of: source), snapshot: selector,
          references: access.references(of: source, allowingDataFiles: reading.allowsDataFile),
          sharing: reading.isShared), to: creation)
      conversion.compressed = compress
      if let jobs { conversion.jobs = jobs }
      return try conversion.convert(to: destination) { (step) throws(ImageError) in
        try progress.update(done: step.done, total: step.total)
      }
    }
    try Output.result(ImageMessage.created(destination, size: size))
  }
}
