// The UEFI variables of a guest, kept while it tries a new definition: firmware writes to them as it starts.

import DiskImage
import Failpoints
import Inventory
import Libvirt
import Vocabulary
import XMLTree

/// What the file of a guest's UEFI variables held.
struct UEFIVariables: Sendable {
  let path: String
  /// Nil where there was no file: libvirt makes it from a template when the guest starts.
  private let content: [UInt8]?
  private let access: FileAccess

  /// No firmware has more.
  private static let limit = 64 << 20

  /// Reads the file.
  ///
  /// - Throws: ``ActionFailure``, also for a file that is too long to be one of variables.
  init(at path: String) throws(ActionFailure) {
    self.path = path
    (content, access) = try Self.read(path)
  }

  /// Makes the file what it was.
  ///
  /// - Returns: whether it had changed.
  func putBack() throws(ActionFailure) -> Bool {
    guard try Self.read(path).content != content else { return false }
    do throws(ImageError) {
      let place = try FilePlace(path, links: .own)
      guard let content else {
        Failpoint.pass("delete \(path)")
        try place.folder.remove(place.name)
        return true
      }
      try WholeFile.publish(content, as: place, access: access, replacing: true)
    } catch {
      throw ActionFailure(error)
    }
    return true
  }

  /// QEMU's user may write to libvirt's folder of variables: another user's link in it is not followed.
  private static func read(_ path: String) throws(ActionFailure) -> (content: [UInt8]?, access: FileAccess) {
    do throws(ImageError) {
      let file = try OpenImage(stated: path)
      guard let length = file.length, length <= limit else {
        throw ImageError.refused(path: path, reason: "is not a file of UEFI variables")
      }
      return (try file.start(Int(length)), FileAccess(mode: file.mode & 0o777, owner: try file.owner()))
    } catch .notFound {
      return (nil, FileAccess())
    } catch {
      throw ActionFailure(error)
    }
  }
}

extension LibvirtConnection {
  /// The file of the UEFI variables of a domain with this definition; nil for one without UEFI, and on another host.
  ///
  /// - Parameter name: the domain's, which decides where the definition leaves the path to libvirt.
  func variablesFile(of definition: XMLElement, named name: String) -> String? {
    if let path = definition.variablesFile { return path }
    guard definition.value(at: .firmware) == "efi" || definition.value(at: .loaderType) == "pflash" else {
      return nil
    }
    return variablesFolder.map { "\($0)/\(name)_VARS.fd" }
  }
}
