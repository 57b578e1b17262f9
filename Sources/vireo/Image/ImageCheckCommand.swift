// vireo image check: whether an image's metadata are sound, and mending what is not.

import ArgumentParser
import DiskImage
import Report

struct ImageCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Checks a qcow2 image for damage, and repairs it on request.",
    usage: "vireo image check [options] <image>",
    discussion: """
      Exit codes are qemu-img's: 0 for a sound image, 1 if the check failed, 2 for a damaged image, 3 if the only \
      problem are leaked clusters, 63 for raw images, which cannot be checked. After a repair they describe the \
      remaining problems.
      """)

  @Argument(help: ArgumentHelp("The image.", valueName: "image"), completion: .file())
  var image: String

  @Option(
    name: [.customShort("f"), .customLong("image-format")],
    help: ArgumentHelp("The format of the image, if its name does not end in it.", valueName: "format"))
  var imageFormat: ImageFormat?

  @Option(
    name: [.customShort("r"), .customLong("repair")],
    help: ArgumentHelp("Repairs leaked clusters, or all damage that can be repaired.", valueName: "leaks|all"),
    transform: parseRepair)
  var repair: ImageCheck.Repair = .none

  @Flag(help: "Also decompresses every compressed cluster.")
  var data = false

  @Flag(
    name: [.customShort("U"), .customLong("force-share")],
    help: "Reads an image that is in use. The findings may be wrong.")
  var isShared = false

  @Option(help: "The format of the result.")
  var format: ReportFormat = .text

  func validate() throws {
    guard repair == .none || !isShared else {
      throw ValidationError("An image that is in use cannot be repaired: leave out --repair or --force-share.")
    }
  }

  @OptionGroup var lock: LockOptions

  func run() throws {
    let result = try lock.changing(repair == .none ? nil : image, for: format) {
      () throws(ImageError) -> ImageCheck.Result? in
      guard try ImageNaming.format(of: image, given: imageFormat) == .qcow2 else { return nil }
      return try ImageCheck.check(path: image, repair: repair, decodingData: data, sharing: isShared)
    }
    guard let result else {
      try reportingImageErrors(code: 63, for: format) { () throws(ImageError) in
        throw .invalidRequest(path: image, what: "a raw image", reason: "has no metadata to check")
      }
      return
    }
    try Output.result(
      format == .json ? result.json(path: image) : result.text(path: image, width: Output.output.style(.never).width))
    if result.exitCode != 0 { throw ExitCode(result.exitCode) }
  }

  private static func parseRepair(_ text: String) throws -> ImageCheck.Repair {
    guard let repair = ImageCheck.Repair(rawValue: text), repair != .none else {
      throw ValidationError("write leaks or all")
    }
    return repair
  }
}
