// Which files an image may lead to. Names inside images come from strangers, so they are checked before anything is opened.

internal import Glibc

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
    let held = try systemCall("find the \(role)", path) {
      Glibc.open(path, Linux.openPathOnly | O_CLOEXEC)
    }
    defer { close(held) }
    let link = "/proc/self/fd/\(held)"
    if let allowedFolders {
      let real = try realPath(link, for: path)
      let inside = allowedFolders.contains { folder in
        guard let root = resolved(folder) else { return false }
        return root == "/" || real.hasPrefix(root + "/")
      }
      guard inside else {
        throw .referenceNotAllowed(path: referrer, reference: reference, resolved: real, allowed: allowedFolders)
      }
    }
    let status = try FileStatus(descriptor: held, path: path, measuringDevices: false)
    guard status.kind == .regularFile || (allowsBlockDevices && status.kind == .blockDevice) else {
      throw .notAnImageFile(path: path, kind: status.kind)
    }
    return try LocalFile(path: path, access: access, opening: link)
  }

  private func realPath(_ link: String, for path: String) throws(ImageError) -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try systemCall("find the real path of", path) { readlink(link, &buffer, buffer.count) }
    guard let text = String(validating: buffer[..<Int(count)], as: UTF8.self) else {
      throw .io(operation: "find the real path of", path: path, errno: EILSEQ)
    }
    return text
  }

  private func resolved(_ folder: String) -> String? {
    guard let pointer = realpath(folder, nil) else { return nil }
    defer { free(pointer) }
    return String(validatingCString: pointer)
  }
}

/// How a stored backing name becomes a path (QEMU: `path_combine` and `path_has_protocol` in block.c).
enum BackingName {
  /// The path that `name`, stored in the image at `referrer`, means; nil for an empty name.
  static func resolve(_ name: StoredName, referrer: String) throws(ImageError) -> String? {
    guard !name.bytes.isEmpty else { return nil }
    guard var text = name.string else {
      throw .referenceUnsupported(path: referrer, reference: name, reason: "the stored bytes are not a path")
    }
    if let json = try json(name, referrer: referrer) { return json.path }
    if text.hasPrefix("file:") {
      text.removeFirst("file:".count)
      guard text.isEmpty || text.hasPrefix("/") else {
        // QEMU takes such a name from its current folder, not from the image's: it means no certain file.
        throw .referenceUnsupported(path: referrer, reference: name, reason: "'file:' with a relative name")
      }
    } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
      !text.utf8[..<colon].contains(UInt8(ascii: "/"))
    {
      let scheme = escapedForDisplay(String(text[..<colon]))
      throw .referenceUnsupported(path: referrer, reference: name, reason: "'\(scheme):' is not a file name")
    }
    guard !text.isEmpty else {
      throw .referenceUnsupported(path: referrer, reference: name, reason: "it names no file")
    }
    if text.hasPrefix("/") { return text }
    let folder = directoryPart(of: referrer)
    return folder == "/" ? "/" + text : folder + "/" + text
  }

  /// A `json:` name taken apart; nil for names of other forms.
  static func json(_ name: StoredName, referrer: String) throws(ImageError) -> JSONBackingName? {
    guard name.bytes.starts(with: JSONBackingName.prefix.utf8) else { return nil }
    do throws(JSONBackingName.Refusal) {
      return try JSONBackingName(name.bytes)
    } catch {
      throw .referenceUnsupported(path: referrer, reference: name, reason: error.reason)
    }
  }
}
