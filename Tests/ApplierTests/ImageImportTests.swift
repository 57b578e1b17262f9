// Base images on their way into a pool.

import Checksum
import DiskImage
import Foundation
import Planner
import Testing

@testable import Applier

@Suite("Importing a base image")
struct ImageImportTests {
  /// A raw source of 3 MiB and a bit, with a hole, and its import.
  private func source(_ folder: Folder) throws -> ImageImport {
    let path = folder("source.raw")
    var data = Data((0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
    data.append(Data(count: 1 << 20))
    data.append(Data((0..<600_512).map { UInt8(truncatingIfNeeded: $0) }))
    try write(data, to: path)
    try FileManager.default.createDirectory(atPath: folder("pool"), withIntermediateDirectories: true)
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1_600_000_000)], ofItemAtPath: path)
    let sum = hexadecimal(Checksum.of(Array(data)))
    return ImageImport(
      source: path, destination: folder("pool/debian-\(sum).raw"), format: .raw, sha256: sum, length: UInt64(data.count)
    )
  }

  private func published(_ folder: Folder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder("pool"))
  }

  @Test("gives an equal file, read-only, as old as its source, and tells how far it is")
  func copied() async throws {
    let folder = try Folder()
    let image = try source(folder)
    let applied = try await apply(.importImage(image))
    #expect(applied.isComplete)
    let (copy, original) = (try contents(of: image.destination), try contents(of: image.source))
    #expect(copy == original)
    #expect(mode(of: image.destination) == 0o444)
    let date = try FileManager.default.attributesOfItem(atPath: image.destination)[.modificationDate] as? Date
    #expect(date == Date(timeIntervalSince1970: 1_600_000_000))
    let steps = applied.events.compactMap { event in
      if case .progressed(0, let done, image.length) = event { done } else { nil }
    }
    #expect(steps == steps.sorted() && steps.last == image.length)
    #expect(applied.events.first == .started(0) && applied.events.last == .finished(0, .done))
  }

  @Test("is done when the file is there")
  func repeated() async throws {
    let folder = try Folder()
    let image = try source(folder)
    #expect(try await apply(.importImage(image)).isComplete)
    // The source need not even exist any more.
    try FileManager.default.removeItem(atPath: image.source)
    #expect(try await apply(.importImage(image)).isComplete)
  }

  @Test("publishes nothing when the checksum is another one")
  func checksum() async throws {
    let folder = try Folder()
    var image = try source(folder)
    let found = image.sha256
    image.sha256 = String(repeating: "0", count: 64)
    let failure = try #require(try await apply(.importImage(image)).failure)
    #expect(failure.message == "the SHA-256 checksum of \(image.source) is \(found), not \(image.sha256)")
    #expect(failure.field == "sha256")
    #expect(try published(folder).isEmpty)
  }

  @Test("does not begin when the source has another length than planned")
  func length() async throws {
    let folder = try Folder()
    var image = try source(folder)
    image.length += 1
    #expect(try await apply(.importImage(image)).failure?.message.contains("changed since it was planned") == true)
    #expect(try published(folder).isEmpty)
  }

  @Test("leaves alone what has the name and is something else", arguments: ["file", "link", "folder"])
  func taken(kind: String) async throws {
    let folder = try Folder()
    let image = try source(folder)
    switch kind {
    case "file": try write(Data("mine".utf8), to: image.destination)
    case "link": symlink(image.source, image.destination)
    default: mkdir(image.destination, 0o700)
    }
    let failure = try #require(try await apply(.importImage(image)).failure)
    #expect(failure.message.hasPrefix("\(image.destination) exists"))
    if kind == "file" { #expect(try contents(of: image.destination) == Data("mine".utf8)) }
  }

  @Test("refuses a source that a guest writes to")
  func locked() async throws {
    let folder = try Folder()
    let image = try source(folder)
    try await withWriter(of: image.source, format: "raw") { pid in
      let failure = try await apply(.importImage(image)).failure
      #expect(failure?.message == "\(image.source) is in use by qemu-io (process \(pid))")
    }
    #expect(try published(folder).isEmpty)
  }
}
