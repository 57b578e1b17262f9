// vireo image commit: giving a backing file what its overlay holds.

import ArgumentParser
import DiskImage
import Report

struct ImageCommitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "commit",
    abstract: "Writes the data of an overlay into its backing file.",
    usage: "vireo image commit [options] <image>",
    discussion: """
      Do not use this while other overlays have the same backing file, because their content would change. The overlay \
      is emptied afterwards, except with --keep-data.

      Exit codes: 0 for success, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The overlay.", valueName: "image"), completion: .file())
  var image: String

  @Flag(name: .customLong("keep-data"), help: "Keeps the data in the overlay.")
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
