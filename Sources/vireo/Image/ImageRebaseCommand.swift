// vireo image rebase: changing what an overlay stands on.

import ArgumentParser
import DiskImage
import Report

struct ImageRebaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebase",
    abstract: "Changes the backing file of an overlay. The guest sees the same disk.",
    usage: "vireo image rebase [options] <image> (--backing <image> | --no-backing)",
    discussion: """
      Where the old and the new backing file differ, the overlay gets the old content. --metadata-only compares \
      nothing and changes only the name, for a backing file that was moved or renamed.

        vireo image rebase overlay.qcow2 --backing newer.qcow2
        vireo image rebase overlay.qcow2 --no-backing

      Exit codes: 0 for success, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The overlay.", valueName: "image"), completion: .file())
  var image: String

  @Option(
    name: [.customShort("b"), .customLong("backing")],
    help: ArgumentHelp(
      "The new backing file. A relative name starts at the overlay's folder.",
      valueName: "image"),
    completion: .file())
  var backing: String?

  @Option(
    name: [.customShort("F"), .customLong("backing-format")],
    help: ArgumentHelp("The format of the backing file, if its name does not end in it.", valueName: "format"))
  var backingFormat: ImageFormat?

  @Flag(name: .customLong("no-backing"), help: "Removes the backing file.")
  var noBacking = false

  @Flag(
    name: [.customShort("u"), .customLong("metadata-only")], help: "Changes the recorded name and compares nothing.")
  var metadataOnly = false

  @OptionGroup var access: ImageAccessOptions
  @OptionGroup var lock: LockOptions

  func validate() throws {
    guard (backing != nil) != noBacking else { throw ValidationError("Give --backing IMAGE or --no-backing.") }
    guard backing != nil || backingFormat == nil else {
      throw ValidationError("--backing-format requires --backing; write --backing FILE.")
    }
  }

  func run() throws {
    let progress = ImageProgress("rebasing", image)
    try lock.changing(image, backing.map { ImageNaming.path(ofBacking: $0, of: image) }) { () throws(ImageError) in
      defer { progress.end() }
      try access.requireQcow2(image, "has no backing file; create a qcow2 overlay on it")
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
