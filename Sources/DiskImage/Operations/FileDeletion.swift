// Deleting a file that nobody has in use: under the locks that QEMU takes, and only the very file that was looked at.

internal import Failpoints
public import SystemCalls
internal import SystemPackage

/// A file to be deleted.
public struct FileDeletion: Sendable, Equatable {
  /// The path of the file. A link in its place is not followed.
  public var path: String
  /// The file that it must still be; nil for whichever has the name.
  public var identity: FileIdentity?
  /// Also refuses a file that any process has open, with QEMU's locks or without (a lease, fcntl(2)).
  public var requiresClosed = false

  /// The deletion of whatever has a name.
  public init(path: String, identity: FileIdentity? = nil) {
    self.path = path
    self.identity = identity
  }

  /// Deletes the file.
  ///
  /// - Returns: false when there is none (any more).
  /// - Throws: ``ImageError/locked(path:by:)`` when some process uses it, ``ImageError/refused(path:reason:)`` when it is
  ///   another file now, ``ImageError/notAnImageFile(path:kind:)`` for what is not a regular file.
  @discardableResult
  public func delete() throws(ImageError) -> Bool {
    let place: FilePlace
    do throws(ImageError) {
      place = try FilePlace(path, links: .own)
    } catch .notFound {
      return false
    }
    guard let status = try place.folder.status(place.name) else { return false }
    // A device is not a file to delete, and a link is not what it leads to.
    guard status.kind == .regularFile else { throw .refused(path: path, reason: "it is not a regular file") }
    let found = status.identity
    guard identity == nil || identity == found else {
      throw .refused(path: path, reason: "it is now another file")
    }
    let file: LocalFile
    do throws(ImageError) {
      file = try LocalFile(at: place)
    } catch .notFound {
      // Somebody else has deleted it since.
      return false
    }
    guard file.status.identity == found else { throw .refused(path: path, reason: "it is now another file") }
    try ImageLock.take(.delete, on: file)
    if requiresClosed {
      do throws(Errno) {
        try file.descriptor.takeWriteLease()
      } catch {
        throw error == .resourceTemporarilyUnavailable
          ? .locked(path: path, by: []) : .refused(path: path, reason: "it is unknown whether a process has it open")
      }
    }
    try Failpoint.around("delete \(path)") { () throws(ImageError) in
      // The name may be another file's now.
      guard try place.folder.status(place.name)?.identity == found else {
        throw ImageError.refused(path: path, reason: "it is now another file")
      }
      try place.folder.remove(place.name)
    }
    withExtendedLifetime(file) {}
    return true
  }
}
