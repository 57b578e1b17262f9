// Which hypervisor a run works on.

/// Chooses a connection.
enum ConnectionChoice {
  /// The first that is given of: the option, `VIREO_CONNECT`, `LIBVIRT_DEFAULT_URI`, the spec; else the user's own.
  ///
  /// - Parameters:
  ///   - environment: looks up an environment variable; an empty one counts as none.
  ///   - isRoot: whether the process may use the system's hypervisor without being asked.
  static func uri(
    option: String?, environment: (String) -> String?, spec: String?, isRoot: Bool
  ) -> String {
    func given(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }
    return given(option) ?? given(environment("VIREO_CONNECT")) ?? given(environment("LIBVIRT_DEFAULT_URI"))
      ?? given(spec) ?? (isRoot ? "qemu:///system" : "qemu:///session")
  }

  /// Whether a URI names another host (libvirt, uri.html: one without a host is this host).
  static func isRemote(_ uri: String) -> Bool {
    uri.contains("://") && !uri.contains(":///") && !uri.contains("://localhost/")
  }
}
