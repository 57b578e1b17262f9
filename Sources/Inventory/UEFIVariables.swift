// Where a guest's UEFI variables are: in a file that libvirt may choose and name nowhere until the guest runs.

import Glibc
import Libvirt
import XMLTree

extension ObservedDomain {
  /// The file with the UEFI variables; nil for a guest that has none yet.
  ///
  /// libvirt writes down the file of a guest that runs. Of a stopped one whose firmware it chooses itself it says nothing
  /// (measured with libvirt 9.0), and has the file in a folder of its own under the domain's name.
  ///
  /// - Parameter folder: that folder; see ``variablesFolder(of:)``.
  func findVariables(in folder: String?) -> String? {
    for definition in [inactive, running].compactMap(\.self) {
      if let path = definition.value(at: "os/nvram/source/@file") ?? definition.value(at: "os/nvram"),
        path.hasPrefix("/")
      {
        return path
      }
    }
    guard inactive.value(at: "os/@firmware") == "efi", let folder else { return nil }
    return ["fd", "qcow2", "img", "raw"].map { "\(folder)/\(name)_VARS.\($0)" }.first { access($0, F_OK) == 0 }
  }

  /// libvirt's folder for UEFI variables (virQEMUDriverConfigNew).
  static func variablesFolder(of connection: LibvirtConnection) -> String? {
    if let root = connection.embeddedRoot { return root + "/lib/qemu/nvram" }
    if connection.uri.hasSuffix("/system") { return "/var/lib/libvirt/qemu/nvram" }
    guard connection.uri.hasSuffix("/session") else { return nil }
    let variable = { (name: String) in getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
    }
    return (variable("XDG_CONFIG_HOME") ?? variable("HOME").map { $0 + "/.config" }).map { $0 + "/libvirt/qemu/nvram" }
  }
}
