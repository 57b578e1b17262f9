// vireo image compare: whether two guests would see the same disk.

import ArgumentParser
import DiskImage
import Report

struct ImageCompareCommand: FailureCoding {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compares the content of two disks.",
    usage: "vireo image compare [options] <image> <other>",
    discussion: """
      A longer disk equals a shorter one if the rest of it is zeros, except with --strict.

      Exit codes are qemu-img's: 0 if the disks are equal, 1 if they differ, 2 if they could not be compared.
      """)

  @Argument(help: ArgumentHelp("One image.", valueName: "image"), completion: .file())
  var first: String

  @Argument(help: ArgumentHelp("The other.", valueName: "other"), completion: .file())
  var second: String

  @OptionGroup var access: ImageAccessOptions

  @Option(
    name: [.customShort("F"), .customLong("other-format")],
    help: ArgumentHelp("The format of the other image, if its name does not end in it.", valueName: "format"))
  var otherFormat: ImageFormat?

  @Flag(
    name: [.customShort("s"), .customLong("strict")], help: "Also compares sizes, and which parts hold data.")
  var isStrict = false

  @OptionGroup var reading: ImageReadingOptions

  @Option(help: "The format of the result.")
  var format: ReportFormat = .text

  /// For a comparison that could not be made; 1 says that the disks differ.
  static let failure: Int32 = 2

  func run() throws {
    let progress = ImageProgress("comparing", first)
    let result = try reportingImageErrors(code: Self.failure, for: format) {
      () throws(ImageError) -> ImageComparison.Outcome in
      defer { progress.end() }
      let one = try open(first, access.format(of: first))
      let other = try open(
        second, ImageNaming.format(of: second, given: otherFormat, option: "--other-format"))
      var comparison = ImageComparison()
      comparison.isStrict = isStrict
      return try comparison.run(one, other) { (step) throws(ImageError) in
        try progress.update(done: step.done, total: step.total)
      }
    }
    guard Output.write(format == .json ? result.json() : result.text(), to: .output) else {
      throw ExitCode(Self.failure)
    }
    if !result.isSame { throw ExitCode(1) }
  }

  private func open(_ path: String, _ format: ImageFormat) throws(ImageError) -> GuestDisk {
    try GuestDisk.open(
      path: path, format: format,
      references: access.references(of: path, allowingDataFiles: reading.allowsDataFile), sharing: reading.isShared)
  }
}
