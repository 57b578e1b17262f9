// Where Vireo keeps what outlives a run: the machine's folder for root, or the user's own.

import SystemCalls

/// The folder for what Vireo keeps between runs (XDG Base Directory Specification, `$XDG_STATE_HOME`).
package enum StateFolder {
  /// The folder; it may not exist yet. Nil where the user has none.
  ///
  /// - Parameter isSystem: whether what is kept is the machine's, and not one user's.
  package static func path(isSystem: Bool, environment: (String) -> String?) -> String? {
    if isSystem { return "/var/lib/vireo" }
    let state = environment("XDG_STATE_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
    return (state ?? home(environment).map { $0 + "/.local/state" }).map { $0 + "/vireo" }
  }

  /// The user's home folder: as the environment says it, or else the account.
  package static func home(of user: UInt32 = ThisProcess.user, _ environment: (String) -> String?) -> String? {
    if let home = environment("HOME"), home.hasPrefix("/") { return home }
    return Accounts.home(of: user).flatMap { $0.hasPrefix("/") ? $0 : nil }
  }
}
