// Functions that are found by their names while the program runs: those that an older system may lack, and those of
// libraries that another library has brought along.

internal import Glibc

/// The libraries in this process.
package enum LoadedLibrary {
  /// A function by its name; nil where no library has it.
  ///
  /// - Parameters:
  ///   - name: the function's name.
  ///   - type: its type, `@convention(c)`.
  ///   - library: the file name of a library, which is loaded if it is not yet; nil searches all libraries of the process in
  ///     the order in which they were loaded.
  package static func function<Function>(
    _ name: String, as type: Function.Type = Function.self, in library: String? = nil
  ) -> Function? {
    var handle: UnsafeMutableRawPointer?
    if let library {
      handle = dlopen(library, RTLD_NOW)
      guard handle != nil else { return nil }
    }
    // A null handle is RTLD_DEFAULT.
    return dlsym(handle, name).map { unsafeBitCast($0, to: Function.self) }
  }
}
