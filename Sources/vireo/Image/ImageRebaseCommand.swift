// vireo image rebase: changing what an overlay stands on.

import ArgumentParser
import DiskImage
import Report

struct ImageRebaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebase",
    abstract: "Puts an overlay on another backing file; the guest sees the same disk.",
    usage: "vireo image rebase [options] <image> (--backing <image> | --no-backing)",
    discussion: """
      Where old and new backing file differ, the overlay gets the old content. With --metadata-only nothing is compared \
      and only the name is changed: for a backing file that was moved or renamed.

        vireo image rebase overlay.qcow2 --backing newer.qcow2
        vireo image rebase overlay.qcow2 --no-backing

      Exit codes: 0 when the overlay stands on it, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The overlay.", valueName: "image"), completion: .file())
  var image: String

  @Option(
    name: [.customShort("b"), .customLong("backing")],
    help: ArgumentHelp(
      "The new backing file, as the overlay shall name it: a relative name is from the overlay's folder.",
      valueName: "image"),
    completion: .file())
  var backing: String?

  @Option(
    name: [.customShort("F"), .customLong("backing-format")],
    help: ArgumentHelp("The backing file's format, where its name does not end in it.", valueName: "format"))
  var backingFormat: ImageFormat?

  @Flag(name: .customLong("no-backing"), help: "Makes it an image of its own.")
  var noBacking = false

  @Flag(
    name: [.customShort("u"), .customLong("metadata-only")], help: "Changes the recorded name and compares nothing.")
  var metadataOnly = false

  @OptionGroup var access: ImageAccessOptions
  @OptionGroup var lock: LockOptions

  func validate() throws {
    guard (backing != nil) != noBacking else { throw ValidationError("Say --backing IMAGE or --no-backing.") }
    guard backing != nil || backingFormat == nil else {
      throw ValidationError("--backing-format says something about --backing, which is missing.")
    }
  }

  func run() throws {
    let progress = ImageProgress("rebasing", image)
    try lock.changing(image, backing.map { ImageNaming.path(ofBacking: $0, of: image) }) { () throws(ImageError) in
      defer { progress.end() }
      try access.requireQcow2(image, "stands on nothing; make a qcow2 overlay on it")
      var target: ImageCreation.Backing?
      // Whoever names a backing file allows its folder.
      var references = access.references(of: image)
      if let backing {
        target = .init(
          name: backing, format: try ImageNaming.format(of: backing, given: backingFormat, option: "--backing-format"))
        references = access.references(of: image, ImageNaming.path(ofBacking: backing, of: image))
      }
      try ImageRebase.rebase(path: image, onto: target, metadataOnly: metadataOnly, references: references) {
        (step) throws(ImageError) in
        try progress.update(done: step.done, total: step.total)
      }
    }
    try Output.result(ImageMessage.rebased(image, onto: backing))
  }
}
