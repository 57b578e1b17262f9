// Waiting for other processes: an option of every command that changes anything.

import Applier
import ArgumentParser
import Diagnostics
import DiskImage
import Vocabulary

/// How long a command waits for what another process has locked.
struct LockOptions: ParsableArguments {
  @Option(
    name: .customLong("lock-timeout"),
    help: ArgumentHelp(
      """
      How long to wait for another process that changes the same stack or folder, such as 30s or 5min. The default is \
      not to wait for a stack, and to wait a minute for a folder.
      """, valueName: "duration"),
    transform: Self.patience)
  var patience: LockPatience?

  /// For a stack: another apply may wait for its user.
  var ofStacks: LockPatience { patience ?? .none }
  /// For a folder, which nobody keeps for long.
  var ofFolders: LockPatience { patience ?? .ofFolders }

  private static func patience(_ text: String) throws -> LockPatience {
    do throws(ValueProblem) {
      return LockPatience(seconds: Double(try ValueType.duration.parse(text).seconds ?? 0))
    } catch {
      throw ValidationError("--lock-timeout: \(error.message); write a number and a unit, such as 30s or 5min.")
    }
  }

  /// Runs the work of an image command that changes files: nobody removes files from their folders meanwhile.
  ///
  /// - Parameter paths: the image, and what it is going to stand on.
  func changing<Result>(
    _ paths: String?..., for format: ReportFormat = .text, work: () throws(ImageError) -> Result
  ) throws(ExitCode) -> Result {
    let folders = paths.compactMap(\.self).map { $0.contains("/") ? folder(of: $0) : "." }
    let lock: FolderLock
    do throws(ActionFailure) {
      lock = try FolderLock.taking(folders, .shared, ofFolders)
    } catch {
      throw Messages(color: .auto, format: format).fail([
        Diagnostic("locked", error.message, suggestion: error.remedy)
      ])
    }
    defer { withExtendedLifetime(lock) {} }
    return try reportingImageErrors(for: format) { () throws(ImageError) in try work() }
  }
}
