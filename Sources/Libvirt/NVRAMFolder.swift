// Where libvirt's QEMU driver keeps the UEFI variables of guests whose definition does not say where they are.

import Glibc

extension LibvirtConnection {
  /// The file of a domain's UEFI variables, by the domain's name: `NAME_VARS.fd` (virQEMUDriverConfigNew in libvirt's
  /// qemu_conf.c has the folders). Nil on another host.
  public func defaultVariablesFile(ofDomain name: String) -> String? {
    Self.nvramFolder(uri: uri, isRoot: geteuid() == 0) { getenv($0).map { String(cString: $0) } }.map {
      "\($0)/\(name)_VARS.fd"
    }
  }

  static func nvramFolder(uri: String, isRoot: Bool, environment: (String) -> String?) -> String? {
    if let root = EmbeddedRoot(uri: uri) { return root.path + "/lib/qemu/nvram" }
    switch uri.prefix(while: { $0 != "?" }) {
    case "qemu:///system": return "/var/lib/libvirt/qemu/nvram"
    case "qemu:///session" where !isRoot:
      let settings = environment("XDG_CONFIG_HOME") ?? environment("HOME").map { $0 + "/.config" }
      return settings.map { $0 + "/libvirt/qemu/nvram" }
    case "qemu:///session": return "/var/lib/libvirt/qemu/nvram"
    default: return nil
    }
  }
}
