// Which overlay a running guest is being moved to, as an extended attribute of the image below it: a program that is killed
// meanwhile leaves an overlay that only QEMU knows of.

internal import SystemCalls
internal import SystemPackage

/// The mark on an image while a snapshot puts a running guest on an overlay of it.
///
/// It goes with the file, and belongs to that very file alone, as ``OriginMark`` does. File systems without extended
/// attributes have no marks.
public enum OverlayMark {
  private static let attribute = "user.vireo.overlay"

  /// The overlay in the mark on the file at `path`, symbolic links not followed; nil where no guest is being moved.
  public static func read(path: String) -> String? {
    OriginMark.read(path: path, attribute: attribute).flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Marks the file at `path`, where its file system can hold that.
  ///
  /// - Parameter overlay: the absolute path of the overlay; nil once the guest is on it, or is not to be any more.
  public static func put(_ overlay: String?, path: String) {
    guard overlay != nil || read(path: path) != nil else { return }
    guard let file = try? OpenFile(path, .readOnly, [.noFollow, .nonBlocking]) else { return }
    OriginMark.put(overlay ?? "", on: file.descriptor, attribute: attribute)
  }
}
