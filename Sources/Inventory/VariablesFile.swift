// Where a guest's UEFI variables are: in a file that libvirt may choose and name nowhere until the guest runs.

import Glibc
import Libvirt
package import XMLTree

extension ObservedDomain {
  /// The file with the UEFI variables; nil for a guest that has none yet.
  ///
  /// libvirt writes down the file of a guest that runs. Of a stopped one whose firmware it chooses itself it says nothing
  /// (measured with libvirt 9.0), and has the file in a folder of its own under the domain's name.
  ///
  /// - Parameter folder: that folder; see `LibvirtConnection.variablesFolder`.
  func findVariables(in folder: String?) -> String? {
    for definition in [inactive, running].compactMap(\.self) {
      if let path = definition.variablesFile { return path }
    }
    guard inactive.value(at: "os/@firmware") == "efi", let folder else { return nil }
    return ["fd", "qcow2", "img", "raw"].map { "\(folder)/\(name)_VARS.\($0)" }.first { access($0, F_OK) == 0 }
  }
}

extension XMLElement {
  /// The file with the UEFI variables that a domain's definition names; nil where it leaves the file to libvirt.
  package var variablesFile: String? {
    [value(at: "os/nvram/source/@file"), value(at: "os/nvram")].compactMap(\.self).first { $0.hasPrefix("/") }
  }
}
