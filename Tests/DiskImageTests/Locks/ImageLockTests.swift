// Locks, both ways, against real QEMU programs that hold an image.

import Foundation
import Testing

@testable import DiskImage

/// A qemu-io that keeps an image open until it is let go.
final class Holder {
  let pid: pid_t
  private let input: Int32
  private let output: Int32

  init(_ path: String, format: String = "qcow2", readOnly: Bool = false) throws {
    var pipes: [Int32] = [0, 0]
    guard pipe(&pipes) == 0 else { throw ToolFailure(text: "pipe") }
    _ = fcntl(pipes[1], F_SETFD, FD_CLOEXEC)
    (pid, output) = try spawn(["qemu-io"] + (readOnly ? ["-r"] : []) + ["-f", format, path], input: pipes[0])
    input = pipes[1]
    // Its answer to a command says that the image is open.
    let command = Array("length\n".utf8)
    _ = Glibc.write(pipes[1], command, command.count)
    close(pipes[0])
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !text.contains("iB") && !text.contains("bytes") {
      let count = read(output, &buffer, buffer.count)
      guard count > 0 else { throw ToolFailure(text: "qemu-io ended: \(text)") }
      text += String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  func end() {
    close(input)
    close(output)
    _ = reap(pid)
  }
}

/// A guest that never runs, with one disk.
final class Guest {
  let pid: pid_t
  /// What it said until its monitor answered, or until it gave up.
  let words: String
  private let input: Int32
  private let output: Int32

  init(_ drive: String) throws {
    var pipes: [Int32] = [0, 0]
    guard pipe(&pipes) == 0 else { throw ToolFailure(text: "pipe") }
    _ = fcntl(pipes[1], F_SETFD, FD_CLOEXEC)
    input = pipes[1]
    (pid, output) = try spawn(
      [
        "qemu-system-x86_64", "-machine", "q35,accel=tcg", "-m", "64", "-display", "none", "-S", "-nodefaults",
        "-drive", drive, "-qmp", "stdio",
      ], input: pipes[0])
    // The monitor greets before the devices are there, and answers after.
    let command = Array("{\"execute\":\"qmp_capabilities\"}\n".utf8)
    _ = Glibc.write(pipes[1], command, command.count)
    close(pipes[0])
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !text.contains("return") {
      let count = read(output, &buffer, buffer.count)
      if count <= 0 { break }
      text += String(decoding: buffer[..<count], as: UTF8.self)
    }
    words = text
  }

  func end() {
    kill(pid, SIGKILL)
    close(input)
    close(output)
    _ = reap(pid)
  }
}

@Suite("Image locks")
struct ImageLockTests {
  @Test("an image that QEMU has open for writing is refused, with the process named", arguments: ImageFormat.allCases)
  func theyWrite(format: ImageFormat) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", format.rawValue, folder("a"), "1M")
    #expect(try !ImageLock.isInUseByWriter(path: folder("a")))
    let holder = try Holder(folder("a"), format: format.rawValue)
    let expected = ImageError.locked(path: folder("a"), by: [LockHolder(pid: holder.pid, program: "qemu-io")])
    #expect(throws: expected) { try ImageLock(path: folder("a"), for: .write) }
    #expect(throws: expected) { try ImageLock(path: folder("a"), for: .read) }
    #expect(throws: expected) { try ImageResize.resize(path: folder("a"), format: format, to: 2 << 20) }
    #expect(try ImageLock.isInUseByWriter(path: folder("a")))
    #expect(try ImageInfo.read(path: folder("a"), format: format).virtualSize == 1 << 20)
    holder.end()
    #expect(try !ImageLock.isInUseByWriter(path: folder("a")))
    #expect(try ImageResize.resize(path: folder("a"), format: format, to: 2 << 20) == 1 << 20)
  }

  // A bare raw reader claims nothing against writers (a guest does, see below), so these are for qcow2.
  @Test("an image that QEMU reads may be read, not written")
  func theyRead() throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("a"), "1M")
    let holder = try Holder(folder("a"), readOnly: true)
    defer { holder.end() }
    let error = #expect(throws: ImageError.self) { try ImageLock(path: folder("a"), for: .write) }
    guard case .locked? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try !ImageLock.isInUseByWriter(path: folder("a")))
    _ = try ImageLock(path: folder("a"), for: .read)
  }

  @Test("QEMU refuses an image that we hold for writing", arguments: ImageFormat.allCases)
  func weWrite(format: ImageFormat) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", format.rawValue, folder("a"), "1M")
    try withExtendedLifetime(try ImageLock(path: folder("a"), for: .write)) {
      for mode in format == .raw ? [[]] : [[], ["-r"]] {
        let result = try run(
          ["qemu-io", "-f", format.rawValue] + mode + ["-c", "read 0 512", folder("a")], expecting: nil)
        #expect(result.status != 0 && result.output.contains("lock"), "\(result.output)")
      }
      let resize = try run(
        ["qemu-img", "resize", "-f", format.rawValue, folder("a"), "2M"], expecting: nil)
      #expect(resize.status != 0 && resize.output.contains("lock"))
      #expect(try ImageLock.isInUseByWriter(path: folder("a")))
      #expect(throws: ImageError.self) { try ImageLock(path: folder("a"), for: .read) }
      #expect(throws: ImageError.self) { try ImageLock(path: folder("a"), for: .write) }
    }
    try qemuIO(folder("a"), format: format.rawValue, "write 0 512")
  }

  @Test("QEMU may read, and may not write, an image that we hold for reading", arguments: ImageFormat.allCases)
  func weRead(format: ImageFormat) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", format.rawValue, folder("a"), "1M")
    try withExtendedLifetime(try ImageLock(path: folder("a"), for: .read)) {
      try run("qemu-io", "-r", "-f", format.rawValue, "-c", "read 0 512", folder("a"))
      let result = try run(["qemu-io", "-f", format.rawValue, "-c", "write 0 512", folder("a")], expecting: nil)
      #expect(result.status != 0 && result.output.contains("lock"), "\(result.output)")
      _ = try ImageLock(path: folder("a"), for: .read)
    }
  }

  @Test("a paused guest's raw disk is refused, read-only too", arguments: ["on", "off"])
  func rawGuest(readOnly: String) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "raw", folder("a"), "1M")
    let guest = try Guest("file=\(folder("a")),format=raw,if=virtio,readonly=\(readOnly)")
    defer { guest.end() }
    let error = #expect(throws: ImageError.self) {
      try ImageResize.resize(path: folder("a"), format: .raw, to: 2 << 20)
    }
    guard case .locked(_, let holders)? = error, holders.map(\.pid) == [guest.pid] else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a guest does not start on a disk that we hold for writing", arguments: ImageFormat.allCases)
  func guestRefused(format: ImageFormat) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", format.rawValue, folder("a"), "1M")
    try withExtendedLifetime(try ImageLock(path: folder("a"), for: .write)) {
      for readOnly in ["on", "off"] {
        let guest = try Guest("file=\(folder("a")),format=\(format.rawValue),if=virtio,readonly=\(readOnly)")
        defer { guest.end() }
        #expect(guest.words.contains("Failed to get"), "\(guest.words)")
      }
    }
  }

  @Test("a paused guest's disk is refused, and its backing file may still be read")
  func guest() throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("base"), "1M")
    try NewImage(ImageCreation(format: .qcow2, backing: .init(name: "base", format: .qcow2))).create(at: folder("top"))
    let guest = try Guest("file=\(folder("top")),format=qcow2,if=virtio")
    defer { guest.end() }
    #expect(guest.words.contains("return"))
    let error = #expect(throws: ImageError.self) {
      try ImageResize.resize(path: folder("top"), format: .qcow2, to: 2 << 20)
    }
    guard case .locked(_, let holders)? = error, holders.map(\.pid) == [guest.pid] else {
      Issue.record("\(String(describing: error))")
      return
    }
    _ = try ImageLock(path: folder("base"), for: .read)
    #expect(throws: ImageError.self) { try ImageLock(path: folder("base"), for: .write) }
    // A new overlay on a base in use is the daily case.
    try NewImage(ImageCreation(format: .qcow2, backing: .init(name: "base", format: .qcow2))).create(
      at: folder("second"))
  }
}
