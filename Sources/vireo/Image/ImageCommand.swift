// vireo image: the image engine for people, without any spec or host.

import ArgumentParser
import Diagnostics
import DiskImage

struct ImageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "image",
    abstract: "Shows and changes raw and qcow2 disk images.",
    discussion: """
      Vireo never changes an image that a running guest uses: it respects and takes QEMU's own locks. An interrupted \
      change happens completely or not at all.

      --image-format or the end of the name (.qcow2, .raw) sets the format. Vireo does not guess it from the content, \
      which a guest could have written. It follows backing files in the image's own folder and in folders that you \
      name with --allow.

      Exit codes: 0 for success, 1 for any failure; check and compare have more.
      """,
    subcommands: [
      ImageInfoCommand.self, ImageCheckCommand.self, ImageMapCommand.self, ImageCreateCommand.self,
      ImageResizeCommand.self, ImageSnapshotCommand.self, ImageConvertCommand.self, ImageRebaseCommand.self,
      ImageCommitCommand.self, ImageCompareCommand.self, ImageVerifyCommand.self,
    ])

  func run() throws { throw subcommandMissing(Self.self, "vireo image") }
}

/// Complains about a command line that ends before it says what to do.
///
/// - Parameter words: the command as it is written.
func subcommandMissing(_ command: any ParsableCommand.Type, _ words: String) -> ExitCode {
  let names = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }.map(CommandWords.name)
  return Messages.plain.fail([
    Diagnostic(
      "missing-command", "`\(words)` needs a command: \(names.joined(separator: ", "))",
      suggestion: "see `\(words) --help`")
  ])
}
