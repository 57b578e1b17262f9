// The UEFI variables of a guest, kept while it tries a new definition: firmware writes to them as it starts.

import DiskImage
import Failpoints
import Glibc
import Inventory
import Libvirt
import XMLTree

/// What the file of a guest's UEFI variables held.
struct UEFIVariables: Sendable {
  let path: String
  /// Nil where there was no file: libvirt makes it from a template when the guest starts.
  private let content: [UInt8]?
  private let status: stat

  /// No firmware has more.
  private static let limit = 64 << 20

  /// Reads the file.
  ///
  /// - Throws: ``ActionFailure``, also for a file that is too long to be one of variables.
  init(at path: String) throws(ActionFailure) {
    self.path = path
    (content, status) = try Self.read(path)
  }

  /// Makes the file what it was.
  ///
  /// - Returns: whether it had changed.
  func putBack() throws(ActionFailure) -> Bool {
    guard try Self.read(path).content != content else { return false }
    guard let content else {
      Failpoint.pass("delete \(path)")
      guard unlink(path) == 0 else { throw .file("delete", path, errno) }
      return true
    }
    let owner = FileAccess.Owner(user: status.st_uid, group: status.st_gid)
    do throws(ImageError) {
      try WholeFile.publish(
        content, as: path, access: FileAccess(mode: status.st_mode & 0o777, owner: owner), replacing: true)
    } catch {
      throw ActionFailure(error)
    }
    return true
  }

  private static func read(_ path: String) throws(ActionFailure) -> (content: [UInt8]?, status: stat) {
    var status = stat()
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      guard errno == ENOENT else { throw .file("read", path, errno) }
      return (nil, status)
    }
    defer { close(descriptor) }
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
      throw ActionFailure("\(path) is no file of UEFI variables")
    }
    var content = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < content.count {
      let count = content.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + done, $0.count - done) }
      guard count > 0 else { throw .file("read", path, count == 0 ? EIO : errno) }
      done += count
    }
    return (content, status)
  }
}

extension LibvirtConnection {
  /// The file of the UEFI variables of a domain with this definition; nil for one without UEFI, and on another host.
  ///
  /// - Parameter name: the domain's, which decides where the definition leaves the path to libvirt.
  func variablesFile(of definition: XMLElement, named name: String) -> String? {
    if let path = definition.variablesFile { return path }
    guard definition.value(at: "os/@firmware") == "efi" || definition.value(at: "os/loader/@type") == "pflash" else {
      return nil
    }
    return variablesFolder.map { "\($0)/\(name)_VARS.fd" }
  }
}
