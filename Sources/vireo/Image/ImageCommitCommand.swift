// vireo image commit: giving a backing file what its overlay holds.

import ArgumentParser
import DiskImage
import Report

struct ImageCommitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "commit",
    abstract: "Writes what an overlay holds into its backing file.",
    usage: "vireo image commit [options] <image>",
    discussion: """
      Other overlays on the same backing file would see it change under them: that is for who runs this to know. The \
      overlay is emptied then, unless --keep-data says otherwise.

      Exit codes: 0 when the backing file holds all of it, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The overlay.", valueName: "image"), completion: .file())
  var image: String

  @Flag(name: .customLong("keep-data"), help: "Leaves the overlay as it is.")
  var keepsData = false

  @OptionGroup var access: ImageAccessOptions
  @OptionGroup var lock: LockOptions

  func run() throws {
    let progress = ImageProgress("committing", image)
    try lock.changing(image) { () throws(ImageError) in
      defer { progress.end() }
      try access.requireQcow2(image, "has no backing file to commit to")
      try ImageCommit.commit(path: image, emptying: !keepsData, references: access.references(of: image)) {
        (step) throws(ImageError) in
        try progress.update(done: step.done, total: step.total)
      }
    }
    try Output.result(ImageMessage.committed(image))
  }
}
