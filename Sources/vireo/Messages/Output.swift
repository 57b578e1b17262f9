// Standard output and standard error: writing whole texts, and what kind of place they are.

import ArgumentParser
import Glibc
import Report

/// One of the process's output streams.
enum Output: Int32 {
  case output = 1
  case error = 2

  var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Keeps the numbers of streams that are closed, so that no file that is opened later gets one, and with it what was
  /// meant for a reader. Writing to them fails still.
  static func occupyClosedStreams() {
    for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
  }

  /// Writes a text with as few calls as it takes.
  ///
  /// - Returns: whether all of it was written; not, for one, when the reader has gone.
  @discardableResult
  static func write(_ text: String, to stream: Output) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(stream.rawValue, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        if count < 0, errno == EAGAIN {
          var waiting = pollfd(fd: stream.rawValue, events: Int16(POLLOUT), revents: 0)
          _ = poll(&waiting, 1, -1)
          continue
        }
        guard count > 0 else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return true
    }
  }

  /// Writes a command's result. A result that nobody gets is a failure: without a word when the reader has gone, as
  /// with `vireo plan | head`.
  static func result(_ text: String) throws(ExitCode) {
    guard !write(text, to: .output) else { return }
    if errno != EPIPE {
      write("error: cannot write the result: \(String(cString: strerror(errno)))\n", to: .error)
    }
    throw ExitCode(1)
  }

  /// The looks of texts on this stream.
  func style(_ color: ColorOptions.Choice) -> TextStyle {
    TextStyle(
      color: Self.usesColor(color, isTerminal: isTerminal) { getenv($0).map { String(cString: $0) } },
      // Places stand at the right edge; on a very wide terminal nobody would find them.
      width: isTerminal ? min(size.width, 120) : 80)
  }

  static func usesColor(
    _ choice: ColorOptions.Choice, isTerminal: Bool, environment: (String) -> String?
  ) -> Bool {
    switch choice {
    case .always: true
    case .never: false
    case .auto: isTerminal && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
    }
  }

  /// Whether moving pictures work here.
  var canMoveCursor: Bool {
    guard isTerminal, let term = getenv("TERM") else { return false }
    return strcmp(term, "dumb") != 0
  }

  /// Columns and rows of the terminal; 80 and 24 where it does not say.
  var size: (width: Int, height: Int) {
    var size = winsize()
    guard ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }
}
