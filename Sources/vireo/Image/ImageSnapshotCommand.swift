// vireo image snapshot: the internal snapshots of a qcow2 image that no guest uses.

import ArgumentParser
import DiskImage
import Report

struct ImageSnapshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Lists, takes, reverts to, renames and deletes internal snapshots.",
    discussion: """
      Name a snapshot by its name or its id. A word that matches two snapshots is refused; use --id or --name.

        vireo image snapshot take disk.qcow2 pristine
        vireo image snapshot revert disk.qcow2 pristine

      Exit codes: 0 for success, 1 otherwise.
      """,
    subcommands: [List.self, Take.self, Revert.self, Rename.self, Delete.self, FormerTake.self, FormerRevert.self])

  func run() throws { throw subcommandMissing(Self.self, "vireo image snapshot") }

  /// The image that a subcommand is about.
  struct Target: ParsableArguments {
    @Argument(help: ArgumentHelp("The image.", valueName: "image"), completion: .file())
    var image: String

    @Option(
      name: [.customShort("f"), .customLong("image-format")],
      help: ArgumentHelp("The format of the image, if its name does not end in it.", valueName: "format"))
    var imageFormat: ImageFormat?

    /// Does something to the snapshots of the image; a failure is reported.
    ///
    /// - Parameter lock: for what changes the image.
    func perform<Result>(
      _ lock: LockOptions? = nil, for format: ReportFormat = .text, _ work: (String) throws(ImageError) -> Result
    ) throws(ExitCode) -> Result {
      let work = { () throws(ImageError) -> Result in
        guard try ImageNaming.format(of: image, given: imageFormat) == .qcow2 else {
          throw .invalidRequest(
            path: image, what: "a raw image", reason: "has no internal snapshots; convert it to qcow2")
        }
        return try work(image)
      }
      return if let lock {
        try lock.changing(image, for: format, work: work)
      } else {
        try reportingImageErrors(for: format, work)
      }
    }
  }

  /// Which snapshot.
  struct Selection: ParsableArguments {
    @Argument(help: ArgumentHelp("The snapshot's name or id.", valueName: "snapshot"))
    var word: String?

    @Option(help: ArgumentHelp("The snapshot with this id.", valueName: "id"))
    var id: String?

    @Option(help: ArgumentHelp("The snapshot with this name.", valueName: "name"))
    var name: String?

    func validate() throws {
      guard [word, id, name].compactMap({ $0 }).count == 1 else {
        throw ValidationError("Name the snapshot: its name or id, or --id, or --name.")
      }
    }

    var selector: SnapshotSelector {
      if let id { return .id(id) }
      if let name { return .name(name) }
      return .either(word ?? "")
    }

    /// The snapshot in the words of the command line.
    var shown: String { id ?? name ?? word ?? "" }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the snapshots of an image.",
      usage: "vireo image snapshot list [options] <image>",
      discussion: "Exit codes: 0 for success, 1 otherwise.")

    @OptionGroup var target: Target

    @Flag(name: [.customShort("U"), .customLong("force-share")], help: "Reads an image that is in use.")
    var isShared = false

    @Option(help: "The format of the result.")
    var format: ReportFormat = .text

    func run() throws {
      let snapshots = try target.perform(for: format) { (image) throws(ImageError) in
        try ImageSnapshots.list(path: image, sharing: isShared)
      }
      switch format {
      case .json: try Output.result(ImageSnapshot.json(snapshots))
      case .text where snapshots.isEmpty: try Output.result(ImageMessage.noSnapshots(target.image))
      case .text: try Output.result(ImageSnapshot.table(snapshots))
      }
    }
  }

  struct Take: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "take",
      abstract: "Takes a snapshot of the disk.",
      usage: "vireo image snapshot take [options] <image> <name>",
      discussion: "Exit codes: 0 for success, 1 otherwise.")

    @OptionGroup var target: Target
    @OptionGroup var lock: LockOptions

    @Argument(help: ArgumentHelp("The snapshot's name.", valueName: "name"))
    var name: String

    func run() throws {
      try target.perform(lock) { (image) throws(ImageError) in _ = try ImageSnapshots.create(named: name, path: image) }
      try Output.result(ImageMessage.snapshot(target.image, name, "taken"))
    }
  }

  struct Revert: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "revert",
      abstract: "Restores the disk from a snapshot.",
      usage: "vireo image snapshot revert [options] <image> <snapshot>",
      discussion: """
        The current content of the disk is lost, unless another snapshot has it.

        Exit codes: 0 for success, 1 otherwise.
        """)

    @OptionGroup var target: Target
    @OptionGroup var lock: LockOptions
    @OptionGroup var selection: Selection

    func run() throws {
      try target.perform(lock) { (image) throws(ImageError) in try ImageSnapshots.apply(selection.selector, path: image)
      }
      try Output.result(ImageMessage.snapshot(target.image, selection.shown, "reverted to"))
    }
  }

  struct Rename: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Renames a snapshot.",
      usage: "vireo image snapshot rename [options] <image> <snapshot> --to <name>",
      discussion: "Exit codes: 0 for success, 1 otherwise.")

    @OptionGroup var target: Target
    @OptionGroup var lock: LockOptions
    @OptionGroup var selection: Selection

    @Option(help: ArgumentHelp("The new name.", valueName: "name"))
    var to: String

    func run() throws {
      try target.perform(lock) { (image) throws(ImageError) in
        try ImageSnapshots.rename(selection.selector, to: to, path: image)
      }
      try Output.result(ImageMessage.snapshot(target.image, selection.shown, "is '\(to)' now"))
    }
  }

  struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Deletes a snapshot. The disk does not change.",
      usage: "vireo image snapshot delete [options] <image> <snapshot>",
      discussion: "Exit codes: 0 for success, 1 otherwise.")

    @OptionGroup var target: Target
    @OptionGroup var lock: LockOptions
    @OptionGroup var selection: Selection

    func run() throws {
      try target.perform(lock) { (image) throws(ImageError) in
        try ImageSnapshots.delete(selection.selector, path: image)
      }
      try Output.result(ImageMessage.snapshot(target.image, selection.shown, "deleted"))
    }
  }

  /// What ``Take`` was called in 0.1.
  struct FormerTake: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", shouldDisplay: false)
    @OptionGroup var command: Take

    func run() throws { try command.run() }
  }

  /// What ``Revert`` was called in 0.1.
  struct FormerRevert: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "apply", shouldDisplay: false)
    @OptionGroup var command: Revert

    func run() throws { try command.run() }
  }
}
