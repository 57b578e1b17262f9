// The qemu.conf of a new embedded root: libvirt's defaults suppose daemons and users that such a root does not have.

internal import CEmbeddedDriver
import SystemCalls

extension EmbeddedRoot {
  /// Writes `ROOT/etc/qemu.conf` when there is none; one that is there is the user's and stays.
  ///
  /// Without `stdio_handler` every start of a guest looks for virtlogd; and as root, QEMU's own user can enter neither
  /// the root's folders nor, often, `/dev/kvm`, which makes each definition wait half a minute (measured with libvirt
  /// 9.0).
  func configureWhenNew() {
    let folder = makeFolder("etc")
    let text = Self.configuration(asRoot: ThisProcess.isRoot, isChrooted: embedded_driver_root_is_changed() != 0)
    // An error is libvirt's to report: it meets the same one a moment later.
    try? SmallFile.make(Array(text.utf8), folder + "/qemu.conf", mode: 0o644)
  }

  /// Runs `body`, which opens a root's driver.
  ///
  /// As root, the driver wants QEMU's own user and group to exist even where its configuration names others. Where it
  /// does, a machine without them is none the worse; where it does not, guests would run as them, and their lack is an
  /// error.
  static func withStandInAccounts<Result>(for root: EmbeddedRoot?, _ body: () -> Result) -> Result {
    guard let root, root.configures("user"), root.configures("group") else { return body() }
    embedded_driver_let_accounts_stand_in(1)
    defer { embedded_driver_let_accounts_stand_in(0) }
    return body()
  }

  /// Whether `ROOT/etc/qemu.conf` has a line for a setting.
  private func configures(_ setting: String) -> Bool {
    guard let text = SmallFile.text(path + "/etc/qemu.conf", limit: 16 << 20, []) else { return false }
    return text.split(whereSeparator: \.isNewline).contains { line in
      line.prefix { $0 != "=" }.filter { !$0.isWhitespace } == setting
    }
  }

  static func configuration(asRoot: Bool, isChrooted: Bool) -> String {
    var text = """
      # Written because this root had no configuration. Change it as you like; it is not written again.
      # There is not a virtlogd here that could keep the output of guests.
      stdio_handler = "file"
      # Not every process may leave a core file, and libvirt 11 starts no guest where it cannot allow one.
      max_core = 0

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
    if isChrooted {
      text += """
        # Made under chroot(2), where libvirt cannot give guests a /dev of their own.
        namespaces = []

        """
    }
    return text
  }
}
