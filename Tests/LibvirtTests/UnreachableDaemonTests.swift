import Testing

@testable import Libvirt

@Suite("A daemon that does not answer")
struct UnreachableDaemonTests {
  private func error(_ socket: String, _ reason: String, root: String? = nil) -> LibvirtError {
    var error = LibvirtError(
      operation: "start domain web", code: .systemError,
      message: "Failed to connect socket to '\(socket)': \(reason)")
    error.embeddedRoot = root
    return error
  }

  @Test(
    "is named with how it is started",
    arguments: [
      ("libvirt-sock", "libvirtd"), ("libvirt-sock-ro", "libvirtd"), ("libvirt-admin-sock", "libvirtd"),
      ("virtlogd-sock", "virtlogd"), ("virtlockd-sock", "virtlockd"), ("virtnetworkd-sock", "virtnetworkd"),
      ("virtstoraged-sock", "virtstoraged"), ("virtsecretd-sock", "virtsecretd"),
      ("virtnwfilterd-sock", "virtnwfilterd"), ("virtqemud-sock", "virtqemud"), ("virtlogd-admin-sock", "virtlogd"),
    ])
  func named(socket: String, name: String) throws {
    for folder in ["/var/run/libvirt/", "/run/user/1000/libvirt/"] {
      for reason in ["No such file or directory", "Connection refused"] {
        let daemon = try #require(error(folder + socket, reason).unreachableDaemon)
        #expect(daemon.name == name && daemon.socket == folder + socket)
        #expect(daemon.remedy.contains("start \(name)"))
      }
    }
  }

  @Test(
    "is what an embedded root can do without",
    arguments: [
      ("virtlogd", "stdio_handler = \"file\""), ("virtlockd", "lock_manager"), ("virtnetworkd", "type: user"),
      ("virtnwfilterd", "filter"), ("virtstoraged", "`source`"), ("virtsecretd", "secret"),
    ])
  func embedded(name: String, remedy: String) throws {
    let daemon = try #require(
      error("/var/run/libvirt/\(name)-sock", "No such file or directory", root: "/srv/root").unreachableDaemon)
    #expect(daemon.remedy.contains(remedy))
    if name.hasPrefix("virtlo") { #expect(daemon.remedy.contains("/srv/root/etc/qemu.conf")) }
  }

  @Test(
    "is not seen in other failures",
    arguments: [
      "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied",
      "Failed to connect socket to '/srv/swtpm-sock': No such file or directory",
      "Cannot access storage file '/srv/virtlogd-sock': No such file or directory", "connect socket to '/",
      "Failed to connect socket to '/x': No such file or directory",
    ])
  func others(message: String) {
    let error = LibvirtError(operation: "start domain web", code: .systemError, message: message)
    #expect(error.unreachableDaemon == nil)
  }
}
