// System calls on images and their folders, whose failures are the errors of images.

internal import SystemCalls
internal import SystemPackage

/// Makes system calls on an image or its folder.
///
/// - Parameters:
///   - operation: what is tried, as a verb phrase for the message.
///   - path: the file it is tried on.
@discardableResult
func systemCall<Result: ~Copyable>(
  _ operation: String, _ path: String, _ call: @autoclosure () throws(Errno) -> Result
) throws(ImageError) -> Result {
  do throws(Errno) {
    return try call()
  } catch {
    throw ImageError(operation, path: path, errno: error)
  }
}

/// Makes the names in a folder durable.
///
/// - Throws: ``ImageError`` when the folder cannot be opened or flushed.
public func flushFolder(_ path: String) throws(ImageError) {
  try OpenFolder(path).flush()
}
