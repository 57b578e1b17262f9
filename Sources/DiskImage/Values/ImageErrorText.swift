// The sentences for ImageError: what, where, what to do.

internal import SystemPackage

extension ImageError: CustomStringConvertible {
  /// One line for people: what happened, to which file, and what helps. Foreign text is escaped.
  public var description: String {
    switch self {
    case .notFound(let path): "\(shown(path)): no such file or folder"
    case .permissionDenied(let path, let operation):
      "\(shown(path)): cannot \(operation): permission denied; check the owner and mode of the file and its folders"
    case .alreadyExists(let path):
      "\(shown(path)): already exists and was left alone; choose another name, or remove it first"
    case .notAnImageFile(let path, let kind): "\(shown(path)): is \(kind.rawValue), not a disk image"
    case .locked(let path, let holders):
      "\(shown(path)): is in use\(Self.naming(holders)); stop the domain or tool that uses it, then try again"
    case .locksUnavailable(let path, let code):
      "\(shown(path)): the file system has no byte-range locks (\(Self.text(code))), so Vireo could not "
        + "detect a running guest; move the image to a file system that has them"
    case .notA(let format, let path, let seen):
      "\(shown(path)): is not a \(format.rawValue) image"
        + (seen.map { "; it looks like \($0.displayName); \($0.remedy(path: shown(path)))" }
          ?? "; correct the recorded format")
    case .foreign(let path, let seen):
      "\(shown(path)): is a \(seen.displayName) file, which Vireo does not read; \(seen.remedy(path: shown(path)))"
    case .malformed(let path, let field, let reason, let offset):
      "\(shown(path)): damaged image: \(field) (byte \(offset)): \(reason); fetch or restore the image again"
    case .unsupported(let path, let feature, let remedy):
      "\(shown(path)): not supported: \(feature)" + (remedy.map { "; \($0)" } ?? "")
    case .needsRepair(let path, let reason):
      "\(shown(path)): \(reason); check it with 'vireo image check', and repair it before you change it"
    case .wouldShrink(let path, let from, let to):
      "\(shown(path)): is \(from) bytes, more than the requested \(to); shrinking would cut off data; request at least \(from)"
    case .shrinkLosesData(let path, let to, let bytes):
      "\(shown(path)): \(bytes) bytes of data lie behind the new end at \(to); move them before it, for example by shrinking "
        + "the guest's file systems and partitions and discarding what they leave"
    case .invalidRequest(let path, let what, let reason): "\(shown(path)): \(what) \(reason)"
    case .ambiguousSnapshot(let path, let snapshot, let candidates):
      "\(shown(path)): the snapshot \(snapshot) matches \(candidates); give only its id or only its name"
    case .noSpace(let path, let operation):
      "\(shown(path)): cannot \(operation): no space left on the file system, or quota used up; make room and try again"
    case .backingFormatMissing(let path, let backing):
      "\(shown(path)): names the backing file '\(backing)' without its format, which Vireo does not guess; record it with "
        + "'vireo image rebase --metadata-only --backing FILE --backing-format FORMAT IMAGE'"
    case .referenceNotAllowed(let path, let reference, let resolved, let allowed):
      "\(shown(path)): refers to '\(reference)'" + (resolved.map { " (\(shown($0)))" } ?? "")
        + ", outside the folders it may use (\(allowed.map(shown).joined(separator: ", ")))"
    case .referenceUnsupported(let path, let reference, let reason):
      "\(shown(path)): refers to '\(reference)': \(reason); Vireo follows only plain files"
    case .chainLoop(let path):
      "\(shown(path)): its backing files form a loop: they lead back to this file; name another backing file with "
        + "'vireo image rebase --metadata-only'"
    case .chainTooLong(let path, let limit):
      "\(shown(path)): has a backing chain of more than \(limit) images; flatten it"
    case .refused(let path, let reason): "\(shown(path)): \(reason)"
    case .cancelled(let path): "\(shown(path)): cancelled"
    case .io(let operation, let path, let code): "\(shown(path)): cannot \(operation): \(Self.text(code))"
    }
  }

  private static func text(_ code: Errno) -> String { "\(code) (errno \(code.rawValue))" }

  private static func naming(_ holders: [LockHolder]) -> String {
    guard !holders.isEmpty else { return " by another process" }
    return " by " + holders.map { "\($0.program) (process \($0.pid))" }.joined(separator: ", ")
  }
}

private func shown(_ path: String) -> String { escapedForDisplay(path) }
