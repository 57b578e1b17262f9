// The image engine inside of one process, as plan and apply use it: does one operation on many images and prints the seconds that it took.

import BlockingWork
import DiskImage
import Glibc

@main
enum ImageOperations {
  /// `image-operations OPERATION IMAGE …`
  static func main() async throws {
    let arguments = CommandLine.arguments
    guard arguments.count > 2, let operation = operations[arguments[1]] else {
      print("usage: image-operations \(operations.keys.sorted().joined(separator: "|")) <image> ...")
      exit(1)
    }
    // As many side by side as an apply does.
    let pool = BlockingPool(name: "operations", threads: 4)
    let clock = ContinuousClock()
    let start = clock.now
    let results = await pool.map(Array(arguments[2...])) { path in try operation(path) }
    let taken = clock.now - start
    for result in results { try result.get() }
    print(taken / .seconds(1))
  }

  private static let operations: [String: @Sendable (String) throws(ImageError) -> Void] = [
    "create": { (path) throws(ImageError) in
      try NewImage(ImageCreation(format: .qcow2, virtualSize: 20 << 30)).create(at: path)
    },
    // base.qcow2 and other.qcow2 are expected in the same folder.
    "overlay": { (path) throws(ImageError) in
      try NewImage(ImageCreation(format: .qcow2, backing: .init(name: "base.qcow2", format: .qcow2))).create(at: path)
    },
    "info": { (path) throws(ImageError) in _ = try ImageInfo.read(path: path, format: .qcow2) },
    "resize": { (path) throws(ImageError) in try ImageResize.resize(path: path, format: .qcow2, to: 21 << 30) },
    "shrink": { (path) throws(ImageError) in
      try ImageResize.resize(path: path, format: .qcow2, to: 1 << 30, shrinking: .unusedOnly)
    },
    "snapshot": { (path) throws(ImageError) in _ = try ImageSnapshots.create(named: "bench", path: path) },
    "apply": { (path) throws(ImageError) in try ImageSnapshots.apply(.name("bench"), path: path) },
    "delete": { (path) throws(ImageError) in try ImageSnapshots.delete(.name("bench"), path: path) },
    "rebase": { (path) throws(ImageError) in
      try ImageRebase.rebase(path: path, onto: .init(name: "other.qcow2", format: .qcow2))
    },
    "commit": { (path) throws(ImageError) in try ImageCommit.commit(path: path) },
    "map": { (path) throws(ImageError) in
      try ImageMap.read(path: path, format: .qcow2) { (_) throws(ImageError) in }
    },
    "compare": { (path) throws(ImageError) in
      let folder = path.split(separator: "/").dropLast().joined(separator: "/")
      let base = try GuestDisk.open(path: "/\(folder)/base.qcow2", format: .qcow2)
      _ = try ImageComparison().run(GuestDisk.open(path: path, format: .qcow2), base)
    },
    "check": { (path) throws(ImageError) in _ = try ImageCheck.check(path: path) },
  ]
}
