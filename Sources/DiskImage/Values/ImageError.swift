// Every way in which an image operation can fail, as cases that a caller can act on; the text is in ImageErrorText.swift.

public import SystemCalls
public import SystemPackage

/// Why an image operation did not happen.
///
/// Whatever is thrown, no existing file was replaced; in-place operations leave the image as it was before or, after a
/// failed write, with leaked clusters at worst.
public enum ImageError: Error, Sendable, Equatable {
  /// There is not a file (or no folder) of that name.
  case notFound(path: String)
  /// The process may not do `operation` on the file.
  case permissionDenied(path: String, operation: String)
  /// The file to be made is there already; it was left alone.
  case alreadyExists(path: String)
  /// A directory, FIFO, socket or character device where an image is expected.
  case notAnImageFile(path: String, kind: FileKind)
  /// Another process uses the image in a way that forbids this operation. The list may be empty: naming the holders
  /// takes the right to look into other processes.
  case locked(path: String, by: [LockHolder])
  /// The file system does not offer the locks that keep a running guest's disk safe.
  case locksUnavailable(path: String, errno: Errno)
  /// The file is not of the format that it was said to have.
  case notA(ImageFormat, path: String, looksLike: RecognisedFormat?)
  /// The file is of a format that is known by sight only, and nobody said that it is to be taken for another.
  case foreign(path: String, RecognisedFormat)
  /// The image contradicts its format: `field` at byte `offset` of the file.
  case malformed(path: String, field: String, reason: String, offset: UInt64)
  /// The image is valid, but asks for something that the engine does not do.
  case unsupported(path: String, feature: String, remedy: String?)
  /// The image is marked corrupt or dirty, or its metadata contradict each other where the operation would write.
  case needsRepair(path: String, reason: String)
  /// The requested size is below the present one (bytes).
  case wouldShrink(path: String, from: UInt64, to: UInt64)
  /// Behind the requested size (bytes) lies data, so many bytes of it by the image's map.
  case shrinkLosesData(path: String, to: UInt64, bytes: UInt64)
  /// The caller asked for something that no image can have.
  case invalidRequest(path: String, what: String, reason: String)
  /// A word that is one snapshot's id and another one's name, or the name of several; `candidates` in words.
  case ambiguousSnapshot(path: String, snapshot: String, candidates: String)
  /// The file system is full, or the quota used up.
  case noSpace(path: String, operation: String)
  /// An image names a backing file but not its format; the format is never guessed.
  case backingFormatMissing(path: String, backing: StoredName)
  /// The backing or data file lies outside the folders that may be used.
  case referenceNotAllowed(path: String, reference: StoredName, resolved: String?, allowed: [String])
  /// The backing or data file is named in a way that the engine does not follow (a protocol, `json:`, bytes that are not path).
  case referenceUnsupported(path: String, reference: StoredName, reason: String)
  /// Following backing files leads back to `path`.
  case chainLoop(path: String)
  /// The backing chain has more than `limit` images.
  case chainTooLong(path: String, limit: Int)
  /// A caller's own check said no (for example: the SHA-256 differs). For closures that callers pass in.
  case refused(path: String, reason: String)
  /// The caller asked to stop. For closures that callers pass in.
  case cancelled(path: String)
  /// Any other failed system call.
  case io(operation: String, path: String, errno: Errno)

  /// Sorts a failed system call into the cases above.
  ///
  /// - Parameter operation: what was tried, as a verb phrase ("open", "write the L1 table").
  init(_ operation: String, path: String, errno code: Errno) {
    if code.saysAbsence {
      self = .notFound(path: path)
    } else if code.saysDenial {
      self = .permissionDenied(path: path, operation: operation)
    } else if code == .fileExists {
      self = .alreadyExists(path: path)
    } else if code.saysFull {
      self = .noSpace(path: path, operation: operation)
    } else {
      self = .io(operation: operation, path: path, errno: code)
    }
  }
}

/// A process that holds locks on an image.
public struct LockHolder: Sendable, Hashable {
  /// The process id.
  public let pid: Int32
  /// The short name of its program (`/proc/PID/comm`), escaped for display.
  public let program: String

  /// A holder with a known process id and program name.
  public init(pid: Int32, program: String) {
    self.pid = pid
    self.program = program
  }
}
