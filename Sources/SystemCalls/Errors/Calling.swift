// How C's results become Swift's: a negative number is an error, and a call that a signal has interrupted is made again.

internal import Glibc
internal import SystemPackage

/// Makes a call that gives a negative number on failure; again when a signal interrupted it.
@discardableResult
func retrying<Result: FixedWidthInteger & SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
  while true {
    let result = call()
    if result >= 0 { return result }
    let code = Errno(rawValue: errno)
    if code != .interrupted { throw code }
  }
}

/// What the last failed call of this thread has left in `errno`.
var lastError: Errno { Errno(rawValue: errno) }

/// Makes a call of swift-system whose only error is an errno value, which its type does not say.
func typed<Result>(_ call: () throws -> Result) throws(Errno) -> Result {
  do {
    return try call()
  } catch let code as Errno {
    throw code
  } catch {
    // It throws nothing else.
    throw .invalidArgument
  }
}

/// What a function of C has allocated, as a text; it is freed.
func takeText(_ pointer: UnsafeMutablePointer<CChar>?) -> String? {
  guard let pointer else { return nil }
  defer { free(pointer) }
  return String(cString: pointer)
}
