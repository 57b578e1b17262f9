// Files by their names in folders that are held open: what a link, a second name or a swapped folder may not do.

import Foundation
import Synchronization
import SystemCalls
import SystemPackage
import Testing

@testable import DiskImage

@Suite("open folders")
struct OpenFolderTests {
  private static let isRoot = geteuid() == 0

  /// A folder `pool` with a link `link` and a folder `sub` in it, beside a folder `outside`.
  private func inFolder(_ body: (Folder) throws -> Void) throws {
    let folder = try Folder()
    for name in ["pool", "pool/sub", "outside"] {
      try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: true)
    }
    for name in ["pool/a", "pool/sub/a", "outside/a"] { try Data("text".utf8).write(to: URL(filePath: folder(name))) }
    try FileManager.default.createSymbolicLink(atPath: folder("pool/link"), withDestinationPath: folder("outside"))
    try FileManager.default.createSymbolicLink(atPath: folder("pool/file"), withDestinationPath: folder("outside/a"))
    try body(folder)
    withExtendedLifetime(folder) {}
  }

  @Test("nothing below a folder is reached by a link, with openat2(2) and by the walk", arguments: [false, true])
  func beneath(walking: Bool) throws {
    try inFolder { folder in
      let pool = try OpenFolder(folder("pool"))
      func code(_ name: String, making: Bool = false) -> Errno? {
        let (access, options): (FileDescriptor.AccessMode, FileDescriptor.OpenOptions) =
          making ? (.writeOnly, .create) : (.readOnly, [])
        do throws(Errno) {
          _ = try PathWalk.open(below: pool.descriptor, name, access, options, making ? 0o600 : 0, walking: walking)
          return nil
        } catch {
          return error
        }
      }
      for name in ["a", "sub/a", "sub"] { #expect(code(name) == nil, "\(name)") }
      for name in ["file", "link", "link/a"] { #expect(code(name) == .tooManySymbolicLinkLevels, "\(name)") }
      for name in ["../outside/a", "sub/../../outside/a", folder("outside/a")] {
        #expect(code(name) == .improperLink, "\(name)")
      }
      #expect(code("link/new", making: true) == .tooManySymbolicLinkLevels)
      #expect(code("file", making: true) == .tooManySymbolicLinkLevels)
      #expect(code("sub/new", making: true) == nil)
      #expect(code("none") == .noSuchFileOrDirectory)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder("outside")) == ["a"])
      #expect(throws: ImageError.refused(path: folder("pool/file"), reason: OpenFolder.isLink)) {
        _ = try pool.open("file", .readOnly, [], "open")
      }
    }
  }

  @Test("a stated path may have links of root and of its own user, and no others", .enabled(if: isRoot))
  func stated() throws {
    try inFolder { folder in
      let link = folder("pool/link")
      #expect(try OpenFolder(link, links: .own).identity == OpenFolder(folder("outside")).identity)
      #expect(try OpenImage(stated: folder("pool/file")).identity == OpenImage(stated: folder("outside/a")).identity)
      #expect(try OpenFolder(folder("pool/sub/..") + "/link/../outside", links: .own).path.hasSuffix("outside"))
      lchown(link, 65534, 65534)
      lchown(folder("pool/file"), 65534, 65534)
      #expect(throws: ImageError.self) { try OpenFolder(link, links: .own) }
      #expect(throws: ImageError.self) { try OpenFolder(link + "/", links: .own) }
      #expect(throws: ImageError.self) { try OpenImage(stated: folder("pool/file")) }
      #expect(throws: ImageError.self) { try FileDeletion(path: link + "/a").delete() }
      // A tool that somebody runs at a terminal follows what its path says.
      #expect(try OpenFolder(link).identity == OpenFolder(folder("outside")).identity)
      try FileManager.default.createSymbolicLink(atPath: folder("loop"), withDestinationPath: folder("loop"))
      #expect(throws: ImageError.self) { try OpenFolder(folder("loop"), links: .own) }
    }
  }

  @Test("a file with a second name is changed only where Vireo has marked it")
  func secondName() throws {
    try inFolder { folder in
      let pool = try OpenFolder(folder("pool"))
      link(folder("outside/a"), folder("pool/planted"))
      #expect(throws: ImageError.self) { try OpenImage(at: FilePlace(in: pool, "planted"), writing: true) }
      _ = try OpenImage(at: FilePlace(in: pool, "planted"))
      var creation = ImageCreation(format: .raw, virtualSize: 512)
      creation.origin = "lab/domain web"
      try NewImage(creation).create(at: FilePlace(in: pool, "own"))
      guard OriginMark.read(path: folder("pool/own")) != nil else { return }
      // As a run leaves it that was killed between two names.
      link(folder("pool/own"), folder("pool/.own.partial"))
      _ = try OpenImage(at: FilePlace(in: pool, "own"), writing: true)
    }
  }

  @Test("what is done in a folder stays in it while its path leads elsewhere and back")
  func hammered() throws {
    try inFolder { folder in
      for name in ["pool", "outside"] {
        try NewImage(ImageCreation(format: .raw, virtualSize: 1 << 20)).create(at: folder("\(name)/disk"))
        try NewImage(ImageCreation(format: .qcow2, virtualSize: 1 << 20)).create(at: folder("\(name)/image"))
      }
      let away = folder("away")
      let outside = folder("outside")
      func state() throws -> [String: [UInt64]] {
        try FileManager.default.contentsOfDirectory(atPath: outside).reduce(into: [:]) { result, name in
          var status = stat()
          lstat(outside + "/" + name, &status)
          result[name] = [
            UInt64(status.st_ino), UInt64(status.st_size), UInt64(status.st_mode), UInt64(status.st_ctim.tv_nsec),
            UInt64(status.st_ctim.tv_sec), UInt64(status.st_nlink),
          ]
        }
      }
      let before = try state()
      let isOver = Atomic(false)
      let (pool, planted) = (folder("pool"), folder("planted"))
      // Another user's link from the first moment on.
      symlink(outside, planted)
      lchown(planted, 65534, 65534)
      let thread = Thread {
        while !isOver.load(ordering: .relaxed) {
          rename(pool, away)
          rename(planted, pool)
          rename(pool, planted)
          rename(away, pool)
        }
        isOver.store(false, ordering: .releasing)
      }
      let place = try OpenFolder(pool)
      thread.start()
      for round in 0..<200 {
        let size = UInt64(2 + round) << 20
        // Held open before: it works in any case. By its path: it works, or is refused.
        try NewImage(ImageCreation(format: .raw, virtualSize: 512)).create(
          at: FilePlace(in: place, "new"), syncDirectory: false)
        try OpenImage(at: FilePlace(in: place, "disk"), writing: true).resize(.raw, to: size)
        try OpenImage(at: FilePlace(in: place, "image"), writing: true).takeSnapshot(named: "s\(round % 4)-\(round)")
        try place.rename("new", to: "newer", replacing: true)
        if try place.status("a") != nil { try OpenImage(at: FilePlace(in: place, "a")).setMode(0o600) }
        #expect(try place.remove("newer"))
        guard Self.isRoot else { continue }
        _ = try? NewImage(ImageCreation(format: .raw, virtualSize: 512)).create(
          at: FilePlace(pool + "/by-path-\(round)", links: .own), syncDirectory: false)
        _ = try? OpenImage(at: FilePlace(pool + "/disk", links: .own), writing: true).setMode(0o640)
        _ = try? FileDeletion(path: pool + "/by-path-\(round)").delete()
        _ = try? FileDeletion(path: pool + "/a").delete()
      }
      isOver.store(true, ordering: .relaxed)
      while isOver.load(ordering: .acquiring) { usleep(1000) }
      #expect(try state() == before)
    }
  }
}
