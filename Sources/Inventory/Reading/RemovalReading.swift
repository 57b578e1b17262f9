// Looking for the files that a removed domain needs: nothing is changed, and the answer is a value.

import DiskImage
import SystemCalls
import SystemPackage
import Vocabulary
import XMLTree

extension RemovedDomain {
  /// A file that a removed domain had and that no longer exists.
  public struct MissingFile: Sendable, Hashable, Codable {
    /// What needs a file.
    public enum Need: Sendable, Hashable, Codable {
      /// A disk, by its target; the file is its own, or one that it stands on.
      case disk(String)
      /// A CD-ROM or a floppy, which a guest does without.
      case medium(String)
      /// The firmware, which begins with new variables.
      case variables
    }

    /// The absolute path.
    public var path: String
    /// What needs it.
    public var need: Need
    /// Whether it is what a disk stands on, and not its own file.
    public var isBelow: Bool

    /// A file that is not there.
    public init(_ path: String, for need: Need, isBelow: Bool = false) {
      self.path = path
      self.need = need
      self.isBelow = isBelow
    }
  }

  /// Looks for the files of the disks, with all that they stand on, and for the UEFI variables.
  public func findMissingFiles() -> [MissingFile] {
    var missing: [MissingFile] = []
    for disk in definition.devices(Vocabulary.disk) {
      guard let path = DiskSource.path(of: disk) else { continue }
      let target = disk.value(at: .diskTarget) ?? "?"
      let isMedium = ["cdrom", "floppy"].contains(disk[attribute: "device"])
      var waiting = [FileReference(path, format: disk.value(at: .diskFormat) ?? "raw")]
      var seen: Set<String> = []
      while let next = waiting.popLast(), seen.insert(next.path).inserted {
        if Self.isMissing(next.path) {
          missing.append(
            MissingFile(next.path, for: isMedium ? .medium(target) : .disk(target), isBelow: next.path != path))
        } else if let below = try? next.references() {
          waiting += below
        }
      }
    }
    for file in files where file.role == .nvram && !FileNames.exists(file.path) {
      missing.append(MissingFile(file.path, for: .variables))
    }
    return missing
  }

  /// Whether there is nothing of a name, for sure.
  private static func isMissing(_ path: String) -> Bool {
    do throws(Errno) {
      try FileNames.requireExisting(path)
      return false
    } catch {
      return error == .noSuchFileOrDirectory
    }
  }
}
