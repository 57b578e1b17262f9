// vireo image: the image engine for people, without any spec or host.

import ArgumentParser
import Diagnostics
import DiskImage

struct ImageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "image",
    abstract: "Looks at disk images and changes them: raw and qcow2.",
    discussion: """
      Images that a running guest uses are never changed: QEMU's own locks are honoured and held. A change is whole or \
      has not happened, whenever it is cut off.

      The format is what --image-format says, or what the name ends in (.qcow2, .raw); it is never guessed \
      from content, which a guest could have written. Backing files are followed within the image's own folder; --allow \
      names others.

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
