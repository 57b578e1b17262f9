// Relax NG validation, against libvirt's own schema where it is installed.

import Glibc
import Testing
import XMLTree

@Suite("Schema")
struct SchemaTests {
  static let path = "/usr/share/libvirt/schemas/domain.rng"
  static let isInstalled = access(path, R_OK) == 0

  @Test("a good domain is valid", .enabled(if: isInstalled, "libvirt's schemas are not installed"))
  func good() throws {
    let schema = try XMLSchema(path: Self.path)
    #expect(try schema.validate(try XMLElement.parse(Documents.domain)).isEmpty)
  }

  @Test(
    "a broken domain is not, and the reader learns where",
    .enabled(if: isInstalled, "libvirt's schemas are not installed"),
    arguments: ["memory/@unit", "devices/disk/@device", "features/nonsense", "os/type/@nonsense"] as [XMLPath])
  func broken(path: XMLPath) throws {
    let schema = try XMLSchema(path: Self.path)
    var domain = try XMLElement.parse(Documents.domain)
    domain.set("nonsense", at: path)
    let found = try schema.validate(domain)
    let first = try #require(found.first)
    #expect(!first.message.isEmpty && !first.message.contains("\n"))
    #expect(found.contains { $0.path.hasPrefix("/domain") && $0.line > 0 }, "\(found)")
  }

  @Test("many threads may use one schema", .enabled(if: isInstalled, "libvirt's schemas are not installed"))
  func threads() async throws {
    let schema = try XMLSchema(path: Self.path)
    let domain = try XMLElement.parse(Documents.domain)
    var broken = domain
    broken.set(nil, at: "name")
    let nameless = broken
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<32 {
        group.addTask {
          _ = try XMLSchema(path: Self.path)
          return try schema.validate(number % 2 == 0 ? domain : nameless).isEmpty == (number % 2 == 0)
        }
      }
      for try await holds in group { #expect(holds) }
    }
  }

  @Test(
    "what is no schema is refused by name",
    arguments: ["/nonexistent/domain.rng", "/dev/null", "/etc/passwd", "/"])
  func noSchema(path: String) {
    let error = #expect(throws: XMLError.self) { try XMLSchema(path: path) }
    #expect(error?.reason == .schema)
    #expect(error?.message.contains(path) == true)
  }

  @Test(
    "an element that cannot be written as XML is an error, not a verdict",
    .enabled(if: isInstalled, "libvirt's schemas are not installed"))
  func unwritable() throws {
    let schema = try XMLSchema(path: Self.path)
    #expect(throws: XMLError.self) { try schema.validate(XMLElement("not a name")) }
  }
}
