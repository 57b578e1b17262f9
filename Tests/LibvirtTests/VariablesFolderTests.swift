import Testing

@testable import Libvirt

@Suite("the folder of UEFI variables")
struct VariablesFolderTests {
  static let rows: [(uri: String, isRoot: Bool, folder: String?)] = [
    ("qemu:///system", true, "/var/lib/libvirt/qemu/nvram"),
    ("qemu:///system", false, "/var/lib/libvirt/qemu/nvram"),
    ("qemu:///session", true, "/var/lib/libvirt/qemu/nvram"),
    ("qemu:///session", false, "/home/me/.config/libvirt/qemu/nvram"),
    ("qemu:///session?socket=/run/x", false, "/home/me/.config/libvirt/qemu/nvram"),
    ("qemu:///embed?root=/srv/my%20root", true, "/srv/my root/lib/qemu/nvram"),
    ("qemu+ssh://other/system", true, nil),
    ("test:///default", true, nil),
  ]

  @Test("is libvirt's own for the connection", arguments: rows)
  func place(uri: String, isRoot: Bool, folder: String?) {
    let found = LibvirtConnection.variablesFolder(uri: uri, isRoot: isRoot) { $0 == "HOME" ? "/home/me" : nil }
    #expect(found == folder)
  }

  @Test("is where the user's settings are")
  func settings() {
    let found = LibvirtConnection.variablesFolder(uri: "qemu:///session", isRoot: false) {
      ["XDG_CONFIG_HOME": "/settings", "HOME": "/home/me"][$0]
    }
    #expect(found == "/settings/libvirt/qemu/nvram")
  }
}
