// Which files an image may lead to. Names inside images come from strangers, so they are checked before anything is opened.

internal import SystemCalls
internal import SystemPackage

/// The files that a backing or data file's name may lead to.
///
/// Checked on the real path (symbolic links resolved) of an already held file, so a file cannot be swapped in between.
public struct ReferencePolicy: Sendable, Equatable {
  /// Folders that references may lead into, at any depth; nil means anywhere.
  public var allowedFolders: [String]?
  /// Whether block devices are followed; regular files always are.
  public var allowsBlockDevices: Bool
  /// Whether guest data may be read from an external data file, which is gated as a backing file is. Without, an image
  /// that has one is refused: it can make a file of this machine look like a disk (CVE-2024-32498).
  public var allowsDataFiles: Bool

  /// References anywhere, to regular files only.
  public static let anywhere = ReferencePolicy(allowedFolders: nil)

  /// References into `allowedFolders` only (nil: anywhere).
  public init(allowedFolders: [String]?, allowsBlockDevices: Bool = false, allowsDataFiles: Bool = false) {
    self.allowedFolders = allowedFolders
    self.allowsBlockDevices = allowsBlockDevices
    self.allowsDataFiles = allowsDataFiles
  }

  /// Opens a referenced file, if it may be.
  ///
  /// - Parameters:
  ///   - path: the resolved reference.
  ///   - reference: the name as stored, for messages.
  ///   - referrer: the image that has it.
  ///   - access: what it is opened for.
  ///   - role: what the file is to the image, for messages.
  func open(
    _ path: String, reference: StoredName, referrer: String, access: LocalFile.Access = .read,
    role: String = "backing file"
  ) throws(ImageError) -> LocalFile {
    // O_PATH finds the file without opening it: no FIFO hangs, no device notices.
    let held = try systemCall("find the \(role)", path, OpenFile(path, .readOnly, .pathOnly))
    let (descriptor, link) = (held.descriptor, held.ownPath)
    if let allowedFolders {
      let real = try realPath(link, for: path)
      let inside = allowedFolders.contains { folder in
        guard let root = FileNames.real(folder) else { return false }
        return root == "/" || real.hasPrefix(root + "/")
      }
      guard inside else {
        throw .referenceNotAllowed(path: referrer, reference: reference, resolved: real, allowed: allowedFolders)
      }
    }
    let status = try systemCall("look at", path, FileStatus(descriptor))
    guard status.kind == .regularFile || (allowsBlockDevices && status.kind == .blockDevice) else {
      throw .notAnImageFile(path: path, kind: status.kind)
    }
    return try LocalFile(path: path, access: access, opening: link)
  }

  private func realPath(_ link: String, for path: String) throws(ImageError) -> String {
    try systemCall("find the real path of", path, FileNames.linkTarget(link))
  }

}
