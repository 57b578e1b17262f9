// vireo image check: whether an image's metadata are sound, and mending what is not.

import ArgumentParser
import DiskImage
import Report

struct ImageCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Looks for damage in a qcow2 image, and repairs it when asked.",
    usage: "vireo image check [options] <image>",
    discussion: """
      Exit codes are qemu-img's: 0 when the image is sound, 2 when it is damaged, 3 when clusters are leaked and nothing \
      else, 1 when the check could not be done, 63 for raw images, which have nothing to check. After a repair they tell \
      what is left.
      """)

  @Argument(help: ArgumentHelp("The image.", valueName: "image"), completion: .file())
  var image: String

  @Option(
    name: [.customShort("f"), .customLong("image-format")],
    help: ArgumentHelp("The image's format, where its name does not end in it.", valueName: "format"))
  var imageFormat: ImageFormat?

  @Option(
    name: [.customShort("r"), .customLong("repair")],
    help: ArgumentHelp("Repairs leaked clusters, or all damage that can be.", valueName: "leaks|all"),
    transform: parseRepair)
  var repair: ImageCheck.Repair = .none

  @Flag(help: "Decompresses every compressed cluster too.")
  var data = false

  @Flag(
    name: [.customShort("U"), .customLong("force-share")],
    help: "Reads an image that is in use; what is found then may be false.")
  var isShared = false

  @Option(help: "The form of the result.")
  var format: ReportFormat = .text

  func validate() throws {
    guard repair == .none || !isShared else {
      throw ValidationError("An image that is in use is not repaired: leave out --repair or --force-share.")
    }
  }

  @OptionGroup var lock: LockOptions

  func run() throws {
    let result = try lock.changing(repair == .none ? nil : image) { () throws(ImageError) -> ImageCheck.Result? in
      guard try ImageNaming.format(of: image, given: imageFormat) == .qcow2 else { return nil }
      return try ImageCheck.check(path: image, repair: repair, decodingData: data, sharing: isShared)
    }
    guard let result else {
      tell(.invalidRequest(path: image, what: "a raw image", reason: "has nothing that could be checked"))
      throw ExitCode(63)
    }
    try Output.result(
      format == .json ? result.json(path: image) : result.text(path: image, width: Output.output.style(.never).width))
    if result.exitCode != 0 { throw ExitCode(result.exitCode) }
  }

  private static func parseRepair(_ text: String) throws -> ImageCheck.Repair {
    guard let repair = ImageCheck.Repair(rawValue: text), repair != .none else {
      throw ValidationError("say leaks or all")
    }
    return repair
  }
}
