// Where libvirt's QEMU driver keeps the UEFI variables of guests whose definition does not say where they are.

import SystemCalls

extension LibvirtConnection {
  /// The folder of the files of UEFI variables that libvirt chooses, each `NAME_VARS.fd` after its domain
  /// (virQEMUDriverConfigNew in libvirt's qemu_conf.c). Nil on another host.
  public var variablesFolder: String? {
    Self.variablesFolder(uri: uri, isRoot: ThisProcess.isRoot, environment: ThisProcess.environment)
  }

  static func variablesFolder(uri: String, isRoot: Bool, environment: (String) -> String?) -> String? {
    if let root = EmbeddedRoot(uri: uri) { return root.path + "/lib/qemu/nvram" }
    switch uri.prefix(while: { $0 != "?" }) {
    case "qemu:///system": return "/var/lib/libvirt/qemu/nvram"
    // Root's session is the system's.
    case "qemu:///session" where isRoot: return "/var/lib/libvirt/qemu/nvram"
    case "qemu:///session":
      let settings = environment("XDG_CONFIG_HOME") ?? environment("HOME").map { $0 + "/.config" }
      return settings.flatMap { $0.hasPrefix("/") ? $0 + "/libvirt/qemu/nvram" : nil }
    default: return nil
    }
  }
}
