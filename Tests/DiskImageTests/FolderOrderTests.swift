// The folders of the image engine depend in one direction, which docs/architecture.md shows: each knows those before it and none
// behind it.

import Foundation
import Testing

@Suite("folders of the image engine")
struct FolderOrderTests {
  /// What is known by all comes first. The files beside the folders are the engine's face: they know everything.
  private static let order = [
    "Values", "Files", "Locks", "Qcow2", "Info", "Chain", "Guest", "Convert", "Operations", "",
  ]

  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/DiskImage")

  private struct Source {
    var name: String
    var folder: String
    /// The text without comments and literals.
    var code: String

    /// The types and functions that other files can name.
    var declared: [Substring] {
      code.matches(
        of:
          #/(?m)^(?:@\w+ )?(?:public |package |final |indirect )*(?:struct|class|enum|protocol|typealias|actor|func) (\w+)/#
      )
      .map(\.output.1)
    }

    var words: Set<Substring> { Set(code.split { !($0.isLetter || $0.isNumber || $0 == "_") }) }
  }

  private static func sources() throws -> [Source] {
    var sources: [Source] = []
    let files = FileManager.default.enumerator(atPath: root.path)
    while let name = files?.nextObject() as? String {
      guard name.hasSuffix(".swift") else { continue }
      let text = try String(contentsOf: root.appending(path: name), encoding: .utf8)
      let code = text.replacing(#/(?m)//.*$/#, with: "").replacing(#/"(?:\\.|[^"\\\n])*"/#, with: "\"\"")
      let folder = name.contains("/") ? String(name.prefix { $0 != "/" }) : ""
      sources.append(Source(name: name, folder: folder, code: code))
    }
    return sources
  }

  @Test("every folder knows only those before it")
  func oneDirection() throws {
    let sources = try Self.sources()
    #expect(Set(sources.map(\.folder)) == Set(Self.order))
    var homes: [Substring: Int] = [:]
    for source in sources {
      let rank = try #require(Self.order.firstIndex(of: source.folder))
      // One that stands in two folders (an overload) is taken for the lower one's.
      for name in source.declared { homes[name] = min(homes[name] ?? rank, rank) }
    }
    #expect(homes.count > 80)
    for source in sources {
      let rank = try #require(Self.order.firstIndex(of: source.folder))
      let above = source.words.filter { homes[$0, default: 0] > rank }
      #expect(above.isEmpty, "\(source.name) names what folders behind its own declare: \(above.sorted())")
    }
  }
}
