import Testing

@testable import Vocabulary

@Suite("sizes")
struct ByteCountTests {
  @Test(
    "a size is a number and a unit",
    arguments: [
      ("2 GiB", 2 << 30), ("512MiB", 512 << 20), ("1.5 GiB", 3 << 29), ("0 B", 0), ("20 GB", 20_000_000_000),
      ("4 KiB", 4096), ("1 kB", 1000), ("1 KB", 1000), ("0.5 KiB", 512), ("15 EiB", 15 << 60),
    ] as [(String, UInt64)])
  func parses(text: String, bytes: UInt64) throws {
    #expect(try ByteCount.parse(text) == bytes)
  }

  @Test(
    "anything else is told apart, with what to write",
    arguments: [
      ("2048", "a size needs a unit", "write 2048 MiB or 2 GiB"),
      ("10", "a size needs a unit", "write 10 MiB or 10 GiB"),
      ("2097152", "a size needs a unit", "write 2097152 B or 2 MiB"),
      ("1048577", "a size needs a unit", "write 1048577 B"),
      ("2G", "the unit `G` could mean powers of 1000 or of 1024", "write 2 GiB"),
      ("2 gib", "`gib` is not a unit", "write 2 GiB"),
      ("2 apples", "`apples` is not a unit", "units are B, KiB, MiB, GiB, TiB, kB, MB, GB, TB"),
      ("GiB", "`GiB` is not a size", "write a number and a unit, such as 2 GiB"),
      ("1.2.3 GiB", "`1.2.3` is not a number", "write a number and a unit, such as 1.5 GiB"),
      ("16 EiB", "`16 EiB` is more than a size can be", "the limit is below 16 EiB"),
      ("99999999999999999999 B", "`99999999999999999999 B` is more than a size can be", "the limit is below 16 EiB"),
      ("0.3 B", "`0.3 B` is not a whole number of bytes", "use a smaller unit"),
      ("-1 GiB", "`-1 GiB` is not a size", "write a number and a unit, such as 2 GiB"),
    ])
  func refuses(text: String, message: String, suggestion: String) {
    #expect(throws: ValueProblem(message, suggestion: suggestion)) { try ByteCount.parse(text) }
  }

  @Test(
    "a size is shown in the unit with the smallest whole number",
    arguments: [
      (0, "0 B"), (1, "1 B"), (1024, "1 KiB"), (1000, "1 kB"), (3 << 29, "1536 MiB"), (20_000_000_000, "20 GB"),
      (UInt64.max, "18446744073709551615 B"),
    ] as [(UInt64, String)])
  func describes(bytes: UInt64, text: String) throws {
    #expect(ByteCount.text(bytes) == text)
    #expect(try ByteCount.parse(text) == bytes)
  }

  @Test("every size reads back from its own text")
  func readsBack() throws {
    var generator = SystemRandomNumberGenerator()
    for shift in 0..<64 {
      let bytes = UInt64.random(in: 0...UInt64.max, using: &generator) >> UInt64(shift)
      #expect(try ByteCount.parse(ByteCount.text(bytes)) == bytes)
    }
  }

  @Test(
    "an approximate size has three digits",
    arguments: [
      (0, "0 B"), (999, "999 B"), (192 << 10, "192 KiB"), (1_320_000_000, "1.22 GiB"), (45 << 20, "45 MiB"),
      ((45 << 20) + (1 << 19), "45.5 MiB"), ((345 << 30) + 5, "345 GiB"), (UInt64.max, "15.9 EiB"),
    ] as [(UInt64, String)])
  func approximates(bytes: UInt64, text: String) {
    #expect(ByteCount.approximate(bytes) == text)
  }

  @Test(
    "libvirt's units are libvirt's",
    arguments: [
      ("b", 1), ("bytes", 1), ("KB", 1000), ("k", 1024), ("KiB", 1024), ("M", 1 << 20), ("MB", 1_000_000),
      ("GiB", 1 << 30), ("g", 1 << 30), ("T", 1 << 40), ("E", 1 << 60),
    ] as [(String, UInt64)])
  func libvirtUnits(unit: String, bytes: UInt64) {
    #expect(ByteCount.libvirtUnit(unit) == bytes)
    #expect(ByteCount.libvirtUnit("furlong") == nil)
  }
}
