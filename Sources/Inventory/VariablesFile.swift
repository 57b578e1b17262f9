// Where a guest's UEFI variables are: in a file that libvirt may choose and name nowhere until the guest runs.

import Libvirt
import SystemCalls
import Vocabulary
import XMLTree

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
    guard inactive.value(at: .firmware) == "efi", let folder else { return nil }
    return ["fd", "qcow2", "img", "raw"].map { "\(folder)/\(name)_VARS.\($0)" }.first { FileNames.exists($0) }
  }

  /// The names of other domains under which the file with the UEFI variables is there, too: a renaming that was cut off
  /// leaves it under the old name.
  func findFormerNames() -> Set<String> {
    guard let variables, let file = try? FileStatus(of: variables, followingLinks: false), file.names > 1 else {
      return []
    }
    let ending = "_VARS.fd"
    let folder = variables[..<(variables.lastIndex(of: "/") ?? variables.startIndex)]
    guard variables == "\(folder)/\(name)\(ending)", let entries = try? FileNames.entries(of: String(folder)) else {
      return []
    }
    let others = entries.filter { $0.inode == file.identity.inode && $0.name.hasSuffix(ending) }
    return Set(others.map { String($0.name.dropLast(ending.count)) }).subtracting([name])
  }
}
