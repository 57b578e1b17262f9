// A program that replaces this one when a signal comes (execve(2)): all that it takes is made beforehand.

internal import Glibc

/// This program, to be started over in its own place with other arguments.
///
/// The memory that it takes is never given back: a signal's handler may need it at any moment.
package struct Replacement: @unchecked Sendable {
  private let arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int
  private let environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

  /// Prepares the start: a last argument follows the given ones, a number of two digits.
  package init(arguments: [String]) {
    count = arguments.count
    self.arguments = .allocate(capacity: count + 2)
    for (place, argument) in arguments.enumerated() { self.arguments[place] = strdup(argument) }
    self.arguments[count] = strdup("00")
    self.arguments[count + 1] = nil
    environment = environ
  }

  /// Starts the program over. Returns only where that cannot be done. A signal's handler may call it.
  ///
  /// - Parameter number: the last argument, 0 to 99.
  package func start(_ number: Int32) {
    guard let digits = arguments[count] else { return }
    digits[0] = CChar(0x30 + number / 10)
    digits[1] = CChar(0x30 + number % 10)
    execve("/proc/self/exe", arguments, environment)
  }
}
