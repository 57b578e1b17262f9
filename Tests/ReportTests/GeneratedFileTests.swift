// Files in the repository that are written from the tables.

import TestSupport
import Testing

@testable import Report

@Suite("generated files")
struct GeneratedFileTests {
  @Test("the schema in the repository is the present one")
  func schema() throws {
    try expectGolden(SpecLanguage.schema(), "../../../schemas/vireo.schema.json")
  }

  @Test("the reference page in the repository is the present one")
  func reference() throws {
    try expectGolden(SpecLanguage.reference(), "../../../docs/reference.md")
  }
}
