// Whether a copy of a base image is what its name says: proved by its content, once, and remembered until the file changes.

public import DiskImage
import SystemCalls
public import Libvirt

/// Proves copies of base images.
///
/// A name is not proof: anybody who may write to a pool can give a file any name, length and time. A copy is a plain file of
/// its own, stands on nothing, and has the content whose SHA-256 is in its name. The content is read when the copy is first
/// met. That it was is kept in a folder of the user's own, for this very file: its device and inode, its length, and the
/// moment at which anything of it last changed, which no program can set. The file itself cannot vouch for itself.
public struct BaseCopies: Sendable {
  /// Where it is kept; nil for nowhere, and then every copy is read every time.
  let folder: String?

  /// Keeps what is proved for the user and the host of a connection: below the embedded root, the system's state folder
  /// for root, and the user's own otherwise; nowhere for libvirt's test driver.
  public init(of connection: LibvirtConnection) {
    // libvirt's test driver has no host.
    if connection.uri.hasPrefix("test:") {
      self.init(folder: nil)
      return
    }
    self.init(embeddedRoot: connection.embeddedRoot, isRoot: ThisProcess.isRoot, environment: ThisProcess.environment)
  }

  init(embeddedRoot: String?, isRoot: Bool, environment: (String) -> String?) {
    if let embeddedRoot {
      folder = embeddedRoot + "/lib/vireo/verified"
    } else {
      folder = StateFolder.path(isSystem: isRoot, environment: environment).map { $0 + "/verified" }
    }
  }

  init(folder: String?) {
    self.folder = folder
  }

  /// Throws unless the file at `path` is the copy that it is named for.
  ///
  /// - Parameters:
  ///   - isReadAgain: whether the content is read although it is known.
  ///   - report: hears how many bytes have been read.
  /// - Throws: ``ImageError``: ``ImageError/refused(path:reason:)`` for what is not the copy.
  public func require(
    _ path: String, sha256: String, format: ImageFormat, isReadAgain: Bool = false, report: (UInt64) -> Void = { _ in }
  ) throws(ImageError) {
    let place = try FilePlace(path, links: .own)
    let image: OpenImage
    do throws(ImageError) {
      image = try OpenImage(at: place)
    } catch .refused, .notAnImageFile {
      throw .refused(path: path, reason: Self.isNoFile)
    }
    guard try place.folder.status(place.name)?.kind == .regularFile else {
      throw .refused(path: path, reason: Self.isNoFile)
    }
    let before = try image.stamp()
    // QEMU would open whatever a header names.
    do throws(ImageError) {
      let chain = try image.chain(format: format, references: ReferencePolicy(allowedFolders: []))
      guard chain.images.count == 1, chain.top.qcow2?.hasExternalDataFile != true else {
        throw .refused(path: path, reason: Self.refersElsewhere)
      }
    } catch .referenceNotAllowed {
      throw .refused(path: path, reason: Self.refersElsewhere)
    }
    if !isReadAgain, isKnown(before, sha256) { return }
    let found = try FileChecksum.sha256(of: image, report: report)
    guard found == sha256 else {
      forget(sha256)
      throw .refused(
        path: path,
        reason:
          "its content has the SHA-256 \(found), which is not the one in its name; someone has changed or planted it: "
          + "move it away, then plan again")
    }
    // Only what was the same all the time was read.
    guard try image.stamp() == before else {
      throw .refused(path: path, reason: "it changed while it was read; plan again")
    }
    remember(before, sha256)
  }

  /// Keeps that a copy which was just made, and hashed on the way, has its content.
  package func remember(_ copy: OpenImage, sha256: String) {
    if let stamp = try? copy.stamp() { remember(stamp, sha256) }
  }

  private static let isNoFile = "it is not a regular file, so Vireo did not create it; remove it, then plan again"

  private static let refersElsewhere =
    "it refers to another file, which no copy of a base image does; someone has planted it: move it away, then plan again"

  // MARK: What is known

  private func isKnown(_ state: String, _ sha256: String) -> Bool { lines(of: sha256).contains(state) }

  private func lines(of sha256: String) -> [String] {
    guard let folder, isOwn(folder) else { return [] }
    guard let file = try? OpenFile("\(folder)/\(sha256)", .readOnly, [.noFollow, .nonBlocking]),
      let status = try? FileStatus(file.descriptor), status.kind == .regularFile, status.owner == ThisProcess.user,
      let bytes = try? file.descriptor.content(limit: 8192)
    else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Best effort: what could not be kept is read again.
  private func remember(_ state: String, _ sha256: String) {
    guard let folder else { return }
    var path = ""
    for part in folder.split(separator: "/") {
      path += "/\(part)"
      _ = try? FileNames.makeFolder(path, mode: path == folder ? 0o700 : 0o755)
    }
    guard isOwn(folder) else { return }
    var known = lines(of: sha256).filter { $0 != state }
    known.insert(state, at: 0)
    let draft = "\(folder)/.\(sha256).\(ThisProcess.id).\(UInt32.random(in: 0...UInt32.max))"
    do {
      try SmallFile.make(Array((known.prefix(16).joined(separator: "\n") + "\n").utf8), draft, mode: 0o600)
      try FileNames.rename(draft, to: "\(folder)/\(sha256)")
    } catch {
      _ = try? FileNames.remove(draft)
    }
  }

  private func forget(_ sha256: String) {
    if let folder, isOwn(folder) { _ = try? FileNames.remove("\(folder)/\(sha256)") }
  }

  private func isOwn(_ folder: String) -> Bool {
    guard let status = try? FileStatus(of: folder, followingLinks: false) else { return false }
    return status.kind == .directory && status.owner == ThisProcess.user && status.mode & 0o022 == 0
  }
}
