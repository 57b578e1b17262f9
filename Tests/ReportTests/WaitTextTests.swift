import Inventory
import Report
import Testing

@Suite("what is waited for")
struct WaitTextTests {
  @Test("is said in a line: the amount of what is read, or the whole")
  func words() {
    var text = WaitText("reading the host")
    #expect(text.line(width: 80) == "reading the host …")
    text.report(.hashing(path: "/a.qcow2", done: 512 << 20, total: 2 << 30))
    #expect(text.line(width: 80) == "calculating the checksum of /a.qcow2: 512 MiB of 2 GiB …")
    text.report(.hashing(path: "/b.qcow2", done: 512 << 20, total: 2 << 30))
    #expect(text.line(width: 80) == "calculating 2 checksums: 1 GiB of 4 GiB …")
    text.report(.hashed(path: "/a.qcow2"))
    text.report(.hashed(path: "/b.qcow2"))
    #expect(text.line(width: 80) == "reading the host …")
  }

  @Test("never takes more than the terminal's width, and nothing in it acts there", arguments: [1, 10, 20, 40])
  func width(columns: Int) {
    let text = WaitText("connecting to qemu:///embed?root=/\u{1B}[2Jx\n" + String(repeating: "ö", count: 100))
    let line = text.line(width: columns)
    #expect(line.count <= columns && !line.contains("\u{1B}") && !line.contains("\n"))
  }
}
