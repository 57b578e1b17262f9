// Which files a spec is read from: regular ones that are named or lie in a folder that is named, and nothing that they lead to.

import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import Spec

@Suite("files of specs")
struct NamedFileTests {
  private func messages(_ paths: String...) -> (files: [String], rules: [String], text: String) {
    var diagnostics: [Diagnostic] = []
    let files = SpecFiles.read(paths, into: &diagnostics)
    return (
      files.map(\.path), diagnostics.map(\.rule),
      DiagnosticFormat.render(diagnostics, as: .text(color: false, width: nil))
    )
  }

  @Test("a FIFO is refused and not waited for, named or found in a folder", .timeLimit(.minutes(1)))
  func fifo() throws {
    try TemporaryFolder.with { folder in
      try #require(mkfifo(folder.path("x.yaml"), 0o600) == 0)
      for path in [folder.path("x.yaml"), folder.root] {
        let found = messages(path)
        #expect(found.files.isEmpty && found.rules == ["unreadable-file"], "\(found)")
        #expect(found.text.contains("it is not a regular file"))
      }
      #expect(messages("/dev/zero").rules == ["unreadable-file"])
    }
  }

  @Test("a link that leads out of its folder is refused, and nothing of its target is shown")
  func links() throws {
    try TemporaryFolder.with { folder in
      let files = FileManager.default
      try files.createDirectory(atPath: folder.path("specs/deep"), withIntermediateDirectories: true)
      try Data("SECRET: 1\n".utf8).write(to: URL(filePath: folder.path("secret")))
      try Data("stack: lab\n".utf8).write(to: URL(filePath: folder.path("specs/stack.yaml")))
      for (name, target) in [
        ("a.yaml", "/proc/self/environ"), ("b.yaml", "../secret"), ("deep/c.yaml", "../../secret"),
        ("deep/d.yaml", folder.path("secret")),
      ] {
        let link = folder.path("specs/\(name)")
        try files.createSymbolicLink(atPath: link, withDestinationPath: target)
        for path in [link, folder.path("specs")] {
          let found = messages(path)
          #expect(found.rules.contains("linked-file") && !found.text.contains("SECRET"), "\(name): \(found)")
          #expect(!found.files.contains(link))
        }
        try files.removeItem(atPath: link)
      }
      // Within the folder that is named, and beside the link that is named, a link is as good as its file.
      try files.createSymbolicLink(atPath: folder.path("specs/deep/up.yaml"), withDestinationPath: "../stack.yaml")
      try files.createSymbolicLink(atPath: folder.path("specs/z.yaml"), withDestinationPath: "stack.yaml")
      #expect(messages(folder.path("specs")).files.count == 3)
      #expect(messages(folder.path("specs/z.yaml")).files.count == 1)
      #expect(messages(folder.path("specs/deep/up.yaml")).rules == ["linked-file"])
      // A folder may be reached by a link.
      try files.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: "specs")
      #expect(messages(folder.path("link/stack.yaml")).files.count == 1)
      #expect(messages(folder.path("link")).files.count == 3)
    }
  }

  @Test("a pipe of the shell's is read")
  func pipes() throws {
    let pipe = Pipe()
    pipe.fileHandleForWriting.write(Data("stack: lab\n".utf8))
    try pipe.fileHandleForWriting.close()
    #expect(messages("/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)").files.count == 1)
  }
}
