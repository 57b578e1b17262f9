// System calls through their one module: what they give back, and how a failure reads.

import Foundation
import SystemPackage
import Testing

@testable import SystemCalls

/// A folder that goes with this value.
private final class Scratch {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "calls-\(UInt64.random(in: 0...UInt64.max))").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }
}

@Suite("system calls")
struct SystemCallsTests {
  // MARK: Failures

  @Test("a failure has the call, the path and the system's reason in one sentence")
  func sentence() {
    let failure = SystemError("open", "/no/such/file", .noSuchFileOrDirectory)
    #expect("\(failure)" == "cannot open /no/such/file: No such file or directory")
    #expect(throws: failure) { try attempt("open", on: "/no/such/file", FileStatus(of: "/no/such/file")) }
    #expect(SystemReason.text(13) == "Permission denied")
  }

  @Test(
    "reasons that callers act on have names",
    arguments: [
      (Errno.noSuchFileOrDirectory, "absence"), (.notDirectory, "absence"), (.permissionDenied, "denial"),
      (.notPermitted, "denial"), (.noSpace, "full"), (.diskQuotaExceeded, "full"), (.noFunction, "unsupported"),
      (.notSupportedOnSocket, "unsupported"), (.ioError, ""),
    ])
  func reasons(_ code: Errno, _ meaning: String) {
    #expect(code.saysAbsence == (meaning == "absence"))
    #expect(code.saysDenial == (meaning == "denial"))
    #expect(code.saysFull == (meaning == "full"))
    #expect(code.saysUnsupported == (meaning == "unsupported"))
  }

  // MARK: Files

  @Test("an open file is closed once, with its value's life")
  func closing() throws {
    let scratch = try Scratch()
    try SmallFile.make([1], scratch("a"), mode: 0o600)
    let number: Int32
    do {
      let file = try OpenFile(scratch("a"))
      number = file.descriptor.rawValue
      #expect(try FileStatus(file.descriptor).length == 1)
    }
    #expect((try? FileStatus(of: "/proc/self/fd/\(number)"))?.identity != (try FileStatus(of: scratch("a"))).identity)
    let given = try OpenFile(scratch("a")).released()
    #expect(try FileStatus(given).isRegular)
    try given.close()
  }

  @Test("bytes come back as they were written, holes as zeros, and a file ends where it ends")
  func bytes() throws {
    let scratch = try Scratch()
    let file = try OpenFile(scratch("a"), .readWrite, [.create, .exclusiveCreate], mode: 0o600)
    try file.descriptor.writeAll([1, 2, 3], at: 1 << 20)
    try file.descriptor.flush()
    var buffer = [UInt8](repeating: 9, count: 8)
    let count = try buffer.withUnsafeMutableBytes { try file.descriptor.fill($0, at: 1 << 20 - 2) }
    #expect(count == 5)
    #expect(buffer == [0, 0, 1, 2, 3, 9, 9, 9])
    #expect(try buffer.withUnsafeMutableBytes { try file.descriptor.fill($0, at: UInt64(Int64.max)) } == 0)
    #expect(throws: Errno.fileTooLarge) { try file.descriptor.writeAll([1], at: .max) }
    #expect(try SmallFile.read(scratch("a"), limit: 10) == [UInt8](repeating: 0, count: 10))
    #expect(throws: Errno.fileExists) { try SmallFile.make([], scratch("a"), mode: 0o600) }
  }

  @Test("a status says what a name is, and links are followed where asked")
  func status() throws {
    let scratch = try Scratch()
    try SmallFile.make(Array("text".utf8), scratch("file"), mode: 0o640)
    try FileNames.makeFolder(scratch("folder"), mode: 0o755)
    try FileManager.default.createSymbolicLink(atPath: scratch("link"), withDestinationPath: scratch("file"))
    try FileManager.default.createSymbolicLink(atPath: scratch("gone"), withDestinationPath: scratch("nothing"))
    #expect(try FileStatus(of: scratch("link")).kind == .regularFile)
    #expect(try FileStatus(of: scratch("link"), followingLinks: false).kind == .symbolicLink)
    #expect(try FileStatus(of: scratch("folder")).kind == .directory)
    #expect(FileStatus.areOne(scratch("link"), scratch("file")))
    #expect(FileStatus.isTaken(scratch("gone")) && !FileNames.exists(scratch("gone")))
    #expect(try FileNames.linkTarget(scratch("link")) == scratch("file"))
    let folder = try OpenFile(scratch.path, .readOnly, .directory)
    #expect(try FileStatus(of: "link", in: folder.descriptor).kind == .symbolicLink)
    #expect(throws: Errno.tooManySymbolicLinkLevels) {
      _ = try OpenFile("link", in: folder.descriptor, .readOnly, .noFollow)
    }
  }

  @Test("a folder has its names, and a failure to read it is not an empty folder")
  func entries() throws {
    let scratch = try Scratch()
    for name in [".hidden", "a", "b"] { try SmallFile.make([], scratch(name), mode: 0o600) }
    let entries = try FileNames.entries(of: scratch.path)
    #expect(entries.map(\.name).sorted() == [".hidden", "a", "b"])
    let own = try FileStatus(of: scratch("a")).identity.inode
    #expect(entries.first { $0.name == "a" }?.inode == own)
    #expect(throws: Errno.noSuchFileOrDirectory) { try FileNames.entries(of: scratch("none")) }
    #expect(throws: Errno.notDirectory) { try FileNames.entries(of: scratch("a")) }
    #expect(FileNames.names(in: scratch("none")).isEmpty)
  }

  // MARK: Locks

  @Test("a lock of a whole file is shared or alone, and never waited for")
  func locks() throws {
    let scratch = try Scratch()
    try SmallFile.make([], scratch("a"), mode: 0o600)
    let (one, other) = (HeldLocks(), HeldLocks())
    let first = one.hold(try OpenFile(scratch("a")))
    let second = other.hold(try OpenFile(scratch("a")))
    #expect(try first.lock(.shared))
    #expect(try second.lock(.shared))
    #expect(try !second.lock(.exclusive))
    one.release()
    #expect(try second.lock(.exclusive))
    #expect(one.descriptors.isEmpty)
  }

  @Test("a range that another open file has locked is seen, and cannot be locked")
  func ranges() throws {
    let scratch = try Scratch()
    try SmallFile.make([], scratch("a"), mode: 0o600)
    let one = try OpenFile(scratch("a"), .readWrite)
    let other = try OpenFile(scratch("a"), .readWrite)
    try one.descriptor.lockRange(.shared, from: 100, count: 2)
    #expect(try other.descriptor.isRangeLocked(from: 101, count: 1))
    #expect(try !other.descriptor.isRangeLocked(from: 102, count: 1))
    #expect(try !one.descriptor.isRangeLocked(from: 100, count: 1))
    try other.descriptor.lockRange(.shared, from: 100, count: 1)
    #expect(throws: Errno.resourceTemporarilyUnavailable) {
      try other.descriptor.lockRange(.exclusive, from: 100, count: 1)
    }
    try one.descriptor.unlockRange(from: 0, count: 0)
    try other.descriptor.lockRange(.exclusive, from: 100, count: 1)
  }

  // MARK: Threads and moments

  @Test("a thread that was started has ended when it was joined")
  func threads() throws {
    let monitor = Monitor()
    nonisolated(unsafe) var done = 0
    let threads = try (0..<4).map { _ in try Threads.start { monitor.locked { done += 1 } } }
    for thread in threads { thread.join() }
    #expect(done == 4)
  }

  @Test(
    "moments are what the calendar says, forth and back",
    arguments: [
      (0, "1970-01-01 00:00:00"), (951_782_399, "2000-02-28 23:59:59"), (951_782_400, "2000-02-29 00:00:00"),
      (4_102_444_800, "2100-01-01 00:00:00"), (-1, "1969-12-31 23:59:59"),
    ])
  func moments(_ seconds: Int, _ text: String) throws {
    let moment = try #require(CalendarMoment(seconds: seconds))
    #expect("\(moment.date) \(moment.time)" == text)
    #expect(moment.seconds == seconds)
  }

  @Test("an address is the same in every notation, and what is none is nothing")
  func addresses() {
    #expect(AddressText.bytes(of: "10.0.0.1") == [10, 0, 0, 1])
    #expect(AddressText.bytes(of: "::1") == [UInt8](repeating: 0, count: 15) + [1])
    #expect(AddressText.bytes(of: "10.0.0") == nil)
    #expect(AddressText.text(of: AddressText.bytes(of: "fe80:0:0::1") ?? []) == "fe80::1")
  }
}
