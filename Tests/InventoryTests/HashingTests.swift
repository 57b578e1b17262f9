import Foundation
import Synchronization
import Testing

@testable import DiskImage
@testable import Inventory

@Suite("working out a checksum")
struct HashingTests {
  @Test("reports how much is read, to the end, and then that it is done")
  func reports() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "vireo-hashing-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "base.raw").path
    let length = 5 << 20
    try Data(count: length).write(to: URL(filePath: path))
    let amounts = Mutex<[(UInt64, UInt64)]>([])
    let isDone = Mutex(false)
    let image = InventoryRequest.BaseImage(
      source: path, format: .raw, sha256: nil, copy: .init(folder: folder.path, name: "base"))
    let observed = BaseImageReader(image: image, references: .anywhere, copies: BaseCopies(folder: nil)) { progress in
      switch progress {
      case .hashing(let file, let done, let total):
        #expect(file == path)
        amounts.withLock { $0.append((done, total)) }
      case .hashed(let file):
        #expect(file == path)
        isDone.withLock { $0 = true }
      }
    }.observe()
    #expect(observed.sha256?.count == 64)
    amounts.withLock { amounts in
      #expect(amounts.map(\.0) == amounts.map(\.0).sorted() && amounts.last?.0 == UInt64(length))
      #expect(amounts.allSatisfy { $0.1 == UInt64(length) } && amounts.count >= 5)
    }
    #expect(isDone.withLock { $0 })
  }

  @Test("of a FIFO or a device without an end is refused, not waited for", .timeLimit(.minutes(1)))
  func endless() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "vireo-hashing-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "base.raw").path
    try #require(mkfifo(path, 0o600) == 0)
    for path in [path, "/dev/zero", folder.path] {
      #expect(throws: ImageError.self) { try FileChecksum.sha256(of: path) }
    }
  }
}
