// How C results become Swift values: -1 and NULL become errors, strings and lists are copied and freed.

import CLibvirt
import SystemCalls

/// -1 is a failure everywhere in libvirt's API.
@discardableResult
func check(_ result: Int32, _ operation: @autoclosure () -> String) throws(LibvirtError) -> Int32 {
  guard result >= 0 else { throw .last(doing: operation()) }
  return result
}

/// NULL is a failure.
func check<T>(_ result: T?, _ operation: @autoclosure () -> String) throws(LibvirtError) -> T {
  guard let result else { throw .last(doing: operation()) }
  return result
}

/// A string that the caller owns.
func takeString(
  _ result: UnsafeMutablePointer<CChar>?, _ operation: @autoclosure () -> String
) throws(LibvirtError) -> String {
  guard let result else { throw .last(doing: operation()) }
  defer { CMemory.free(result) }
  return String(cString: result)
}

/// XML that the caller owns, of the stored definition if the flag for it is given.
///
/// Drivers with one definition per object refuse the flag as an invalid argument; theirs is the stored one then.
func takeXML(
  inactive flag: UInt32?, _ operation: @autoclosure () -> String, _ read: (UInt32) -> UnsafeMutablePointer<CChar>?
) throws(LibvirtError) -> String {
  guard let flag else { return try takeString(read(0), operation()) }
  do {
    return try takeString(read(flag), operation())
  } catch  where error.code == .invalidArgument {
    return try takeString(read(0), operation())
  }
}

/// The result of a `virConnectListAll…` function: an array of `count` references that the caller owns.
///
/// Returns the references; each is now the caller's to free.
func takeList<Object>(
  _ operation: @autoclosure () -> String,
  _ list: (UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<Object>?>?>) -> Int32
) throws(LibvirtError) -> [UnsafeMutablePointer<Object>] {
  var array: UnsafeMutablePointer<UnsafeMutablePointer<Object>?>?
  let count = try check(list(&array), operation())
  guard let array else { return [] }
  defer { CMemory.free(array) }
  return (0..<Int(count)).compactMap { array[$0] }
}

/// libvirt's buffer sizes: VIR_UUID_BUFLEN is 16 raw bytes, VIR_UUID_STRING_BUFLEN their text with its NUL.
func uuidText<Object>(
  _ pointer: UnsafeMutablePointer<Object>,
  _ read: (UnsafeMutablePointer<Object>?, UnsafeMutablePointer<CChar>?) -> Int32
) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(VIR_UUID_STRING_BUFLEN)) { buffer in
    guard let text = buffer.baseAddress, read(pointer, text) == 0 else { return "" }
    return String(cString: text)
  }
}

/// The results of reading listed objects, without those that vanished in between.
func presentOnly<R>(_ results: [Result<R, any Error>]) throws -> [R] {
  try results.compactMap { result in
    do {
      return try result.get()
    } catch let error as LibvirtError where error.isNotFound {
      return nil
    }
  }
}
