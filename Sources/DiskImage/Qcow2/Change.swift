// The frame of every change in place: lock, look at everything, change in a transaction, switch.

enum Qcow2Change {
  /// Opens an image for changing and runs `body` on its next state.
  ///
  /// - Throws: what `body` throws, with the image untouched; see ``Qcow2Transaction``.
  static func run<Result>(
    path: String, _ body: (Qcow2Transaction) throws(ImageError) -> Result
  ) throws(ImageError) -> Result {
    let file = try LocalFile(path: path, access: .readWrite)
    try ImageLock.take(.write, on: file)
    return try run(file, body)
  }

  /// As ``run(path:_:)``, of an image that is open and locked.
  static func run<Result>(
    _ storage: any ImageStorage, _ body: (Qcow2Transaction) throws(ImageError) -> Result
  ) throws(ImageError) -> Result {
    let header = try Qcow2Header(from: storage)
    try header.checkChangeable(path: storage.name)
    let change = try Qcow2Transaction(Qcow2References(header, of: storage), of: storage)
    let result: Result
    do throws(ImageError) {
      result = try body(change)
    } catch {
      change.takeBack()
      throw error
    }
    try change.commit()
    return result
  }
}
