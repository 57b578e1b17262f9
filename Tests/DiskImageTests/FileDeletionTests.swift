// Deleting files under lock, marks of who made them, and what an image refers to.

import Foundation
import SystemCalls
import Testing

@testable import DiskImage

@Suite("deleting files")
struct FileDeletionTests {
  private func identity(_ path: String) throws -> FileIdentity {
    try #require(try ImageInfo.read(path: path).identity)
  }

  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = try Folder()
    try body(folder.path)
    withExtendedLifetime(folder) {}
  }

  @Test("a file goes, also one that nobody may write to, and once only")
  func deletes() throws {
    try inFolder { folder in
      let path = folder + "/a.qcow2"
      var creation = ImageCreation(format: .qcow2, virtualSize: 1 << 20)
      creation.access = FileAccess(mode: 0o444)
      try NewImage(creation).create(at: path)
      #expect(try FileDeletion(path: path, identity: identity(path)).delete())
      #expect(try !FileDeletion(path: path).delete())
    }
  }

  @Test("another file of the name is left alone, and so is what is no file")
  func another() throws {
    try inFolder { folder in
      let path = folder + "/a.raw"
      try NewImage(ImageCreation(format: .raw, virtualSize: 512)).create(at: path)
      let old = try identity(path)
      try FileManager.default.moveItem(atPath: path, toPath: folder + "/moved")
      try NewImage(ImageCreation(format: .raw, virtualSize: 512)).create(at: path)
      #expect(throws: ImageError.self) { try FileDeletion(path: path, identity: old).delete() }
      try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: path)
      #expect(throws: ImageError.self) { try FileDeletion(path: folder + "/link").delete() }
      #expect(throws: ImageError.self) { try FileDeletion(path: folder).delete() }
      #expect(FileManager.default.fileExists(atPath: path))
    }
  }

  @Test("whoever uses an image keeps it, readers too", arguments: [ImageLock.Use.read, .write])
  func locked(use: ImageLock.Use) throws {
    try inFolder { folder in
      let path = folder + "/a.raw"
      try NewImage(ImageCreation(format: .raw, virtualSize: 512)).create(at: path)
      let lock = try ImageLock(path: path, for: use)
      #expect(throws: ImageError.self) { try FileDeletion(path: path).delete() }
      withExtendedLifetime(lock) {}
    }
  }

  @Test("a file that is merely open can be told")
  func open() throws {
    try inFolder { folder in
      let path = folder + "/.x.partial"
      try WholeFile.publish([1], as: path, access: FileAccess(mode: 0o600))
      var deletion = FileDeletion(path: path)
      deletion.requiresClosed = true
      let reader = try #require(FileHandle(forReadingAtPath: path))
      #expect(throws: ImageError.self) { try deletion.delete() }
      try reader.close()
      #expect(try deletion.delete())
    }
  }

  @Test("a mark is the file's own: a copy with all attributes has none")
  func marks() throws {
    try inFolder { folder in
      let path = folder + "/a.qcow2"
      var creation = ImageCreation(format: .qcow2, virtualSize: 1 << 20)
      creation.origin = "key lab/domain web"
      creation.access = FileAccess(mode: 0o444)
      try NewImage(creation).create(at: path)
      // A file system without extended attributes has no marks.
      guard let mark = OriginMark.read(path: path) else { return }
      #expect(mark == "key lab/domain web")
      var copy = FileCopy(source: path, directory: folder)
      try copy.copy(as: "b.qcow2")
      #expect(OriginMark.read(path: folder + "/b.qcow2") == nil)
      copy.origin = "key lab/image base"
      try copy.copy(as: "c.qcow2")
      #expect(OriginMark.read(path: folder + "/c.qcow2") == "key lab/image base")
      #expect(OriginMark.read(path: folder + "/none") == nil)
    }
  }

  @Test("an image refers to its backing file and its data file; a raw one to nothing, whatever it holds")
  func references() throws {
    try inFolder { folder in
      try NewImage(ImageCreation(format: .raw, virtualSize: 1 << 20)).create(at: folder + "/base.raw")
      let overlay = folder + "/a.qcow2"
      try NewImage(ImageCreation(format: .qcow2, backing: .init(name: "base.raw", format: .raw))).create(at: overlay)
      let below = [FileReference(folder + "/base.raw", format: "raw")]
      #expect(try FileReference(overlay, format: "qcow2").references() == below)
      #expect(try FileReference(overlay, format: nil).references() == below)
      #expect(try FileReference(overlay, format: "raw").references().isEmpty)
      #expect(throws: ImageError.self) { try FileReference(overlay, format: "qed").references() }
      #expect(throws: ImageError.self) { try FileReference(folder + "/base.raw", format: "qcow2").references() }
      #expect(throws: ImageError.notFound(path: folder + "/none")) {
        try FileReference(folder + "/none", format: nil).references()
      }
    }
  }
}
