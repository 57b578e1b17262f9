// Where a guest's UEFI variables are: in a file that libvirt may choose and name nowhere until the guest runs.

import Glibc
import Libvirt
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
    return ["fd", "qcow2", "img", "raw"].map { "\(folder)/\(name)_VARS.\($0)" }.first { access($0, F_OK) == 0 }
  }

  /// The names of other domains under which the file with the UEFI variables is there, too: a renaming that was cut off
  /// leaves it under the old name.
  func findFormerNames() -> Set<String> {
    var file = stat()
    guard let variables, lstat(variables, &file) == 0, file.st_nlink > 1 else { return [] }
    let ending = "_VARS.fd"
    let folder = variables[..<(variables.lastIndex(of: "/") ?? variables.startIndex)]
    guard variables == "\(folder)/\(name)\(ending)", let directory = opendir(String(folder)) else { return [] }
    defer { closedir(directory) }
    var names: Set<String> = []
    while let entry = readdir(directory) {
      guard entry.pointee.d_ino == file.st_ino else { continue }
      let found = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if found.hasSuffix(ending) { names.insert(String(found.dropLast(ending.count))) }
    }
    return names.subtracting([name])
  }
}
