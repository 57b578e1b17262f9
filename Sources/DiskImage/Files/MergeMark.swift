// How far the merging of an overlay is, as an extended attribute of the overlay itself: whoever finds the overlay after a
// run that was cut off knows what may become of it.

internal import SystemCalls
internal import SystemPackage

/// The mark on an overlay that is being merged into the image that it stands on, to be deleted then.
///
/// It goes with the file, and belongs to that very file alone, as ``OriginMark`` does. File systems without extended
/// attributes have no marks.
public enum MergeMark: String, Sendable {
  /// It was decided that the overlay goes. What it holds may not be in the image below it yet, and the guest was not told to
  /// leave it.
  case begun
  /// QEMU is being told to put the guest on the image below, and may have done so: what the guest has written last is in one of
  /// the two.
  case leaving
  /// All that it holds is in the image below it, and nothing is written to it any more.
  case done

  private static let attribute = "user.vireo.merge"

  /// The mark on the file at `path`, symbolic links not followed.
  public static func read(path: String) -> MergeMark? {
    OriginMark.read(path: path, attribute: attribute).flatMap(MergeMark.init)
  }

  /// Marks the file at `path`, where its file system can hold that.
  public func put(path: String) {
    guard let file = try? OpenFile(path, .readOnly, [.noFollow, .nonBlocking]) else { return }
    OriginMark.put(rawValue, on: file.descriptor, attribute: Self.attribute)
  }
}
