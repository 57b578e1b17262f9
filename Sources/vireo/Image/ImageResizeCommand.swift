// vireo image resize: larger, or smaller where nothing is lost.

import ArgumentParser
import DiskImage
import Report

struct ImageResizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resize",
    abstract: "Makes a disk larger, or smaller.",
    usage: "vireo image resize [options] <image> <size>",
    discussion: """
      A larger disk reads as zeros behind its old end. A smaller one has to be asked for with --shrink, which is refused \
      while there is data in what would be cut off, or with --discard-data, which gives it up.

        vireo image resize disk.qcow2 20GiB

      Exit codes: 0 when the disk has the size, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The image.", valueName: "image"), completion: .file())
  var image: String

  @Argument(help: ArgumentHelp("The new size, such as 20GiB.", valueName: "size"), transform: SizeArgument.parse)
  var size: UInt64

  @OptionGroup var access: ImageAccessOptions
  @OptionGroup var lock: LockOptions

  @Flag(help: "Allows a size below the present one, when no data is lost.")
  var shrink = false

  @Flag(name: .customLong("discard-data"), help: "Allows it whatever there is: data behind the new end is lost.")
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
          reason: "is \(from) bytes, more than the \(to) asked for; --shrink makes it smaller when no data is lost")
      }
    }
    try Output.result(ImageMessage.resized(image, from: old, to: size))
  }
}
