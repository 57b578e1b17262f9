// Moments in tables: files, snapshots and records of anybody's say when they were made.

import Testing

@testable import Report

@Suite("moments in tables")
struct TextTableTests {
  @Test(
    "are shown in any year, and as seconds in one that no calendar has",
    arguments: [
      (0, "1970-01-01 00:00:00"), (-1, "1969-12-31 23:59:59"), (4_102_444_800, "2100-01-01 00:00:00"),
      (253_402_300_800, "10000-01-01 00:00:00"), (67_767_976_233_532_799, "2147483647-12-31 23:59:59"),
      // The last one that a C program's calendar has, whose year is more than 32 bits.
      (67_768_036_191_676_799, "2147485547-12-31 23:59:59"), (67_768_036_191_676_800, "67768036191676800 s"),
      (Int.max, "9223372036854775807 s"), (Int.min, "-9223372036854775808 s"),
    ])
  func moment(seconds: Int, text: String) { #expect(TextTable.moment(seconds) == text) }
}
