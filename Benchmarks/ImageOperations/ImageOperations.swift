// The image engine inside of one process, as plan and apply use it: does one operation on many images and prints the seconds that it took.

import DiskImage
import Glibc

@main
enum ImageOperations {
  /// `image-operations OPERATION IMAGE …`
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count > 2, let operation = operations[arguments[1]] else {
      print("usage: image-operations \(operations.keys.sorted().joined(separator: "|")) <image> ...")
      exit(1)
    }
    let clock = ContinuousClock()
    let taken = try clock.measure { for path in arguments[2...] { try operation(path) } }
    print(taken / .seconds(1))
  }

  private static let operations: [String: @Sendable (String) throws(ImageError) -> Void] = [
    "create": { (path) throws(ImageError) in
      try ImageCreation(format: .qcow2, virtualSize: 20 << 30).create(at: path)
    },
    // base.qcow2 is expected in the same folder.
    "overlay": { (path) throws(ImageError) in
      try ImageCreation(format: .qcow2, backing: .init(name: "base.qcow2", format: .qcow2)).create(at: path)
    },
    "info": { (path) throws(ImageError) in _ = try ImageInfo.read(path: path, format: .qcow2) },
    "resize": { (path) throws(ImageError) in try ImageResize.resize(path: path, format: .qcow2, to: 21 << 30) },
    "snapshot": { (path) throws(ImageError) in _ = try ImageSnapshots.create(named: "bench", path: path) },
    "check": { (path) throws(ImageError) in _ = try ImageCheck.check(path: path) },
  ]
}
