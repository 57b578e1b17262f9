// Memory that C libraries hand over to their callers.

internal import Glibc

/// Memory of C's allocator.
package enum CMemory {
  /// Frees what a C library has allocated with malloc(3) for its caller, such as libvirt's strings and lists.
  package static func free(_ memory: UnsafeMutableRawPointer?) { Glibc.free(memory) }

  /// Frees what a C library has allocated with malloc(3) for its caller.
  package static func free<Value>(_ memory: UnsafeMutablePointer<Value>?) { Glibc.free(memory) }

  /// Whether two ranges of memory of one length have the same bytes.
  package static func areEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    guard one.count == other.count else { return false }
    guard let first = one.baseAddress, let second = other.baseAddress else { return true }
    return memcmp(first, second, one.count) == 0
  }
}
