// The process itself: its user, its environment, its number, and other processes by theirs.

internal import Glibc

/// What the program asks the kernel about itself.
package enum ThisProcess {
  /// Its number.
  package static var id: Int32 { getpid() }
  /// The user that it acts as.
  package static var user: UInt32 { geteuid() }
  /// Whether it acts as root.
  package static var isRoot: Bool { geteuid() == 0 }
  /// How many processors the machine has for it.
  package static var processors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

  /// The bits that are taken from the modes of files that it makes (umask(2)).
  package static var creationMask: UInt32 {
    let mask = umask(0o077)
    _ = umask(mask)
    return mask
  }

  // MARK: Environment

  /// The value of an environment variable; nil for one that is not set.
  package static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// Sets an environment variable; nil takes it away. No other thread may read the environment meanwhile.
  package static func setEnvironment(_ name: String, _ value: String?) {
    if let value { setenv(name, value, 1) } else { unsetenv(name) }
  }

  // MARK: The end

  /// Ends the process in good order.
  package static func end(_ code: Int32) -> Never { exit(code) }

  /// Ends the process at once, with nothing flushed and nothing called. A signal's handler may do that.
  package static func endAtOnce(_ code: Int32) -> Never { _exit(code) }

  // MARK: Children

  /// Waits until the processes that this one has started have ended, at most so long.
  package static func waitForChildren(milliseconds: Int) {
    for _ in 0..<max(1, milliseconds / 10) {
      let child = waitpid(-1, nil, WNOHANG)
      if child < 0 { break }
      if child == 0 { SystemClock.sleep(microseconds: 10_000) }
    }
  }
}

/// Other processes.
package enum OtherProcess {
  /// Ends a process by force, and waits until it is gone, at most so long.
  package static func end(_ id: Int32, milliseconds: Int) {
    guard kill(id, SIGKILL) == 0 else { return }
    for _ in 0..<max(1, milliseconds / 10) where kill(id, 0) == 0 { SystemClock.sleep(microseconds: 10_000) }
  }
}

/// Users and groups of this machine.
package enum Accounts {
  /// The home folder of a user; nil for a user that the machine does not know.
  package static func home(of user: UInt32) -> String? {
    guard let entry = getpwuid(user), let home = entry.pointee.pw_dir else { return nil }
    return String(cString: home)
  }

  /// The number of a group; nil for a group that the machine does not know.
  package static func group(named name: String) -> UInt32? { getgrnam(name).map { $0.pointee.gr_gid } }
}
