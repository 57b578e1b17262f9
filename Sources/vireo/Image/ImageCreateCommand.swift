// vireo image create: a new image, with or without something to stand on.

import ArgumentParser
import DiskImage
import Report

struct ImageCreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Makes an empty image, or an overlay on another one.",
    usage: "vireo image create [options] <image> [<size>]",
    discussion: """
      The image appears complete or not at all, and never replaces an existing file.

        vireo image create disk.qcow2 20GiB
        vireo image create overlay.qcow2 --backing base.qcow2
        vireo image create disk.raw 10GiB --preallocation falloc

      Exit codes: 0 for success, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The new image.", valueName: "image"), completion: .file())
  var image: String

  @Argument(
    help: ArgumentHelp(
      "The size of the disk, such as 20GiB. Without it, an overlay has the size of its backing file.", valueName: "size"
    ),
    transform: SizeArgument.parse)
  var size: UInt64?

  @Option(
    name: [.customShort("f"), .customLong("image-format")],
    help: ArgumentHelp("The format of the image, if its name does not end in it.", valueName: "format"))
  var imageFormat: ImageFormat?

  @Option(
    name: [.customShort("b"), .customLong("backing")],
    help: ArgumentHelp(
      "The backing file of an overlay. A relative name starts at the overlay's folder.",
      valueName: "image"),
    completion: .file())
  var backing: String?

  @Option(
    name: [.customShort("F"), .customLong("backing-format")],
    help: ArgumentHelp("The format of the backing file, if its name does not end in it.", valueName: "format"))
  var backingFormat: ImageFormat?

  @Option(help: ArgumentHelp("How space is preallocated.", valueName: "mode"))
  var preallocation: Preallocation = .off

  @OptionGroup var layout: ImageLayoutOptions
  @OptionGroup var lock: LockOptions

  func validate() throws {
    guard backing != nil || backingFormat == nil else {
      throw ValidationError("--backing-format requires --backing; write --backing FILE.")
    }
  }

  func run() throws {
    let progress = ImageProgress("making", image)
    let made = try lock.changing(image, backing.map { ImageNaming.path(ofBacking: $0, of: image) }) {
      () throws(ImageError) in
      defer { progress.end() }
      var creation = ImageCreation(
        format: try ImageNaming.format(of: image, given: imageFormat), virtualSize: size)
      if let backing {
        creation.backing = .init(
          name: backing,
          format: try ImageNaming.format(of: backing, given: backingFormat, option: "--backing-format"))
      }
      try layout.set(&creation, path: image)
      if let backing { ImageLayoutOptions.narrow(&creation, to: ImageNaming.path(ofBacking: backing, of: image)) }
      creation.preallocation = preallocation
      let total = size ?? 0
      return try NewImage(creation).create(at: image) { (done) throws(ImageError) in
        try progress.update(done: min(done, total), total: total)
      }
    }
    try Output.result(ImageMessage.created(image, size: made))
  }
}
