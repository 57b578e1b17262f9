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
    given(option: option, environment: environment)
      ?? nonEmpty(spec) ?? (isRoot ? "qemu:///system" : "qemu:///session")
  }

  /// What the option or the environment say, which come before what the spec says; nil where they say nothing.
  static func given(option: String?, environment: (String) -> String?) -> String? {
    nonEmpty(option) ?? nonEmpty(environment("VIREO_CONNECT")) ?? nonEmpty(environment("LIBVIRT_DEFAULT_URI"))
  }

  private static func nonEmpty(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }

  /// Whether a URI names another host (libvirt, uri.html: one without a host is this host).
  static func isRemote(_ uri: String) -> Bool {
    uri.contains("://") && !uri.contains(":///") && !uri.contains("://localhost/")
  }
}
