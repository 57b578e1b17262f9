// Permission bits of files that are there already, made no wider than what they derive from.

package import DiskImage
import Failpoints
import SystemCalls

/// Narrows who may use a file. It never lets anybody in.
package enum FileMode {
  /// Gives an overlay no wider mode than the image has that it stands on. One that libvirt has given to another user, and
  /// that is not this user's to change, stays as it is, and so does one that is not there.
  static func narrow(overlay path: String) throws(ActionFailure) {
    do throws(ImageError) {
      let image = try OpenImage(at: FilePlace(path, links: .own))
      let chain = try? image.chain(format: .qcow2)
      let below = chain.flatMap { $0.images.count > 1 ? $0.images[1].mode : nil }
      try narrow(image, to: image.mode & ((below ?? 0) & 0o666 | 0o600))
    } catch .notFound, .permissionDenied {
      return
    } catch {
      throw ActionFailure(error)
    }
  }

  /// Gives a copy of a base image no wider mode than its source has.
  ///
  /// - Returns: the mode that it was given; nil where it had no wider one, and for a file of another folder than `folder`.
  package static func narrow(copy path: String, in folder: String, of source: String) throws(ImageError) -> UInt32? {
    let place = try FilePlace(path, links: .own)
    guard let pool = try? OpenFolder(folder, links: .own), pool.identity == place.folder.identity else { return nil }
    let image = try OpenImage(at: place)
    let most = try OpenImage(stated: source).mode | (ThisProcess.isRoot ? 0 : 0o040)
    let mode = image.mode & ~(0o044 & ~most)
    guard mode != image.mode else { return nil }
    try narrow(image, to: mode)
    return mode
  }

  /// - Parameter mode: a part of what it has.
  static func narrow(_ image: OpenImage, to mode: UInt32) throws(ImageError) {
    guard mode != image.mode else { return }
    try image.requireOneName()
    Failpoint.pass("set the mode of \(image.path)")
    try image.setMode(mode)
  }
}
