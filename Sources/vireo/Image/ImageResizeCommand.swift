// vireo image resize: larger, or smaller where nothing is lost.

import ArgumentParser
import DiskImage
import Report

struct ImageResizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resize",
    abstract: "Grows or shrinks a disk.",
    usage: "vireo image resize [options] <image> <size>",
    discussion: """
      A grown disk reads as zeros behind its old end. To shrink a disk, use --shrink, which is refused if data would \
      be lost, or --discard-data, which discards the data.

        vireo image resize disk.qcow2 20GiB

      Exit codes: 0 for success, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The image.", valueName: "image"), completion: .file())
  var image: String

  @Argument(help: ArgumentHelp("The new size, such as 20GiB.", valueName: "size"), transform: SizeArgument.parse)
  var size: UInt64

  @OptionGroup var access: ImageAccessOptions
  @OptionGroup var lock: LockOptions

  @Flag(help: "Allows a smaller size if no data is lost.")
  var shrink = false

  @Flag(name: .customLong("discard-data"), help: "Allows a smaller size. Data behind the new end is lost.")
  var discardData = false

  func run() throws {
    let old = try lock.changing(image) { () throws(ImageError) in
      do throws(ImageError) {
        return try ImageResize.resize(
          path: image, format: access.format(of: image), to: size,
          shrinking: discardData ? .discarding : shrink ? .unusedOnly : .refused,
          references: access.references(of: image))
      } catch .wouldShrink(let path, let from, let to) where !shrink && !discardData {
        throw .refused(
          path: path,
          reason: "is \(from) bytes, more than the requested \(to); --shrink makes it smaller if no data is lost")
      }
    }
    try Output.result(ImageMessage.resized(image, from: old, to: size))
  }
}
