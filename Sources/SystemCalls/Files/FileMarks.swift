// What a file carries beside its content: mode, owner, times, and extended attributes.

internal import Glibc
package import SystemPackage

extension FileDescriptor {
  /// Sets the permission bits, exactly.
  package func setMode(_ mode: UInt32) throws(Errno) { try retrying { fchmod(rawValue, mode) } }

  /// Sets the owner by numbers.
  package func setOwner(user: UInt32, group: UInt32) throws(Errno) { try retrying { fchown(rawValue, user, group) } }

  /// Sets the modification time, in nanoseconds since 1970; the access time stays.
  package func setModified(_ nanoseconds: Int64) throws(Errno) {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let borrow = rest < 0 ? 1 : 0
    let times = [
      timespec(tv_sec: 0, tv_nsec: 0x3FFF_FFFE),  // UTIME_OMIT
      timespec(tv_sec: Int(seconds) - borrow, tv_nsec: Int(rest) + borrow * 1_000_000_000),
    ]
    try retrying { futimens(rawValue, times) }
  }

  // The header of these calls is one that the overlay does not have.
  private typealias Get = @convention(c) (Int32, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
  private typealias Set = @convention(c) (Int32, UnsafePointer<CChar>, UnsafeRawPointer, Int, Int32) -> Int32
  private static let getAttribute = LoadedLibrary.function("fgetxattr", as: Get.self)
  private static let setAttribute = LoadedLibrary.function("fsetxattr", as: Set.self)

  /// The value of an extended attribute of at most 4096 bytes; nil where there is none.
  package func attribute(_ name: String) -> [UInt8]? {
    Self.getAttribute.flatMap { get in readAttribute { get(rawValue, name, $0, $1) } }
  }

  /// Sets an extended attribute.
  package func setAttribute(_ name: String, to value: [UInt8]) throws(Errno) {
    guard let set = Self.setAttribute else { throw .noFunction }
    try retrying { set(rawValue, name, value, value.count, 0) }
  }
}

extension FileNames {
  private typealias Get =
    @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
  private static let getAttribute = LoadedLibrary.function("lgetxattr", as: Get.self)

  /// The value of an extended attribute of the file itself at `path`, links not followed; nil where there is none.
  package static func attribute(_ name: String, of path: String) -> [UInt8]? {
    getAttribute.flatMap { get in readAttribute { get(path, name, $0, $1) } }
  }
}

private func readAttribute(_ get: (UnsafeMutableRawPointer, Int) -> Int) -> [UInt8]? {
  var bytes = [UInt8](repeating: 0, count: 4096)
  let count = bytes.withUnsafeMutableBytes { get($0.baseAddress!, $0.count) }
  return count >= 0 ? Array(bytes[..<count]) : nil
}
