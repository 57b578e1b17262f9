// Terminals and the process's three streams.

internal import Glibc
package import SystemPackage

extension FileDescriptor {
  /// Whether it is a terminal.
  package var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Columns and rows of a terminal; nil where it does not say.
  package var terminalSize: (width: Int, height: Int)? {
    var size = winsize()
    guard ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
    return (Int(size.ws_col), Int(size.ws_row))
  }
}

/// Standard input, output and error.
package enum StandardStreams {
  /// Keeps the numbers of streams that are closed, so that no file that is opened later gets one, and with it what was
  /// meant for a reader. Writing to them fails still.
  package static func occupyClosed() {
    for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
  }
}
