// The qemu.conf of a new embedded root: libvirt's defaults suppose daemons and users that such a root does not have.

import Glibc

extension EmbeddedRoot {
  /// Writes `ROOT/etc/qemu.conf` when there is none; one that is there is the user's and stays.
  ///
  /// Without `stdio_handler` every start of a guest looks for virtlogd; and as root, QEMU's own user can enter neither
  /// the root's folders nor, often, `/dev/kvm`, which makes each definition wait half a minute (measured with libvirt
  /// 9.0).
  func configureWhenNew() {
    let folder = makeFolder("etc")
    let descriptor = open(folder + "/qemu.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    // An error is libvirt's to report: it meets the same one a moment later.
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let text = Self.configuration(asRoot: geteuid() == 0)
    _ = text.withCString { write(descriptor, $0, strlen($0)) }
  }

  static func configuration(asRoot: Bool) -> String {
    var text = """
      # Written because this root had no configuration. Change it as you like; it is not written again.
      # There is no virtlogd here that could keep the output of guests.
      stdio_handler = "file"

      """
    if asRoot {
      text += """
        # Guests run as the user whose root this is.
        user = "root"
        group = "root"
        # So do their TPMs: the user of its own that libvirt has for them cannot enter this folder.
        swtpm_user = "root"
        swtpm_group = "root"

        """
    }
    return text
  }
}
