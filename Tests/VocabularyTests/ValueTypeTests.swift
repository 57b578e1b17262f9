import Testing

@testable import Vocabulary

@Suite("values")
struct ValueTypeTests {
  static let cases: [(ValueType, String, Value)] = [
    (.boolean, "true", .boolean(true)),
    (.integer(1...8), "8", .integer(8)),
    (.size(granularity: 1024), "2 MiB", .bytes(2 << 20)),
    (.duration, "5 min", .seconds(300)),
    (.enumeration(["kvm", "qemu"]), "qemu", .string("qemu")),
    (.path, "/srv/vms", .string("/srv/vms")),
    (.text(.macAddress), "52:54:00:AB:cd:01", .string("52:54:00:ab:cd:01")),
    (.text(.uuid), "2B1D3C64-6f0e-5a3b-9f1e-0a6c1c7e9d42", .string("2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42")),
    (.list(of: .enumeration(["hd", "network"])), "[network, hd]", .list([.string("network"), .string("hd")])),
    (.list(of: .enumeration(["hd", "network"])), "hd", .list([.string("hd")])),
    (.list(of: .text(.argument)), #"[-device, "foo,bar", ""]"#, .list(["-device", "foo,bar", ""].map(Value.string))),
    (pins, #"{ 1: 4-6, 0: "0-3,^1" }"#, .table(["0": .string("0,2-3"), "1": .string("4-6")])),
    (pins, "{00: 3}", .table(["0": .string("3")])),
    (
      .table(key: .word("a name"), of: scheduler), "{ a: { scheduler: fifo, priority: 1 }, b: { scheduler: idle } }",
      .table([
        "a": .table(["scheduler": .string("fifo"), "priority": .integer(1)]),
        "b": .table(["scheduler": .string("idle")]),
      ])
    ),
    (.record([.init("size", .size(granularity: 1024), "A size.")]), "{}", .table([:])),
    (
      .record([.init("size", .size(granularity: 1024), "A size.")]), "{ size: 2 MiB }",
      .table(["size": .bytes(2 << 20)])
    ),
    (.text(.hexadecimal("a policy", digits: 4, most: 16)), "0x1F", .string("0x001f")),
    (.text(.cpuset), "3,1-2,8", .string("1-3,8")),
  ]

  static let pins = ValueType.table(key: .number("the number of a vcpu"), of: .text(.cpuset))
  static let scheduler = ValueType.record([
    .init("scheduler", .enumeration(["fifo", "idle"]), "The scheduler.", isRequired: true),
    .init("priority", .integer(0...99), "The priority."),
  ])

  @Test(
    "a text within brackets reads back whatever is in it",
    arguments: [
      "", " ", "a b", "a, b", "[a]", "{ a: b }", "a: b", "a:", ":", "\"", "\\", "\\\"", "line\nfeed", "tab\t", "- a",
      "-",
      "-1", "# a", "a #b", "'a'", "true", "12", "ü", "opt/com.example/name", "52:54:00:00:00:01", "}", "]",
      // Marks that combine with what stands before or behind them to one character.
      "\u{6DC}", "\u{301}a", "\u{600}", "\"\u{301}", "\\\u{301}", "a: \u{301}", "a #\u{301}", "a,\u{301}",
    ])
  func quotes(text: String) throws {
    let list = ValueType.list(of: .text(.argument))
    let value = Value.list([.string(text), .string("b")])
    #expect(try list.parse(value.description) == value)
    let alone = Value.list([.string(text)])
    #expect(try list.parse(alone.description) == alone)
    let key = TextRule("any", normalise: { $0 })
    let table = Value.table([text: .string(text)])
    #expect(try ValueType.table(key: key, of: .text(.argument)).parse(table.description) == table)
  }

  @Test("a text becomes a value, and the value's text the value again", arguments: cases)
  func parses(type: ValueType, text: String, value: Value) throws {
    #expect(try type.parse(text) == value)
    #expect(try type.parse(value.description) == value)
  }

  static let mistakes: [(ValueType, String, String)] = [
    (.boolean, "yes", "`yes` is not a boolean"),
    (.integer(1...8), "9", "9 is too large"),
    (.integer(1...8), "0", "0 is too small"),
    (.integer(1...8), "many", "`many` is not a whole number"),
    (.duration, "5", "a time needs a unit"),
    (.duration, "5 weeks", "`weeks` is not a unit of time"),
    (.duration, "99999999 h", "`99999999 h` is too long"),
    (.enumeration(["kvm", "qemu", "xen"]), "lxc", "`lxc` is not one of kvm, qemu or xen"),
    (.path, "", "a path cannot be empty"),
    (.text(.macAddress), "52:54:00:12:34", "`52:54:00:12:34` is not a MAC address such as 52:54:00:12:34:56"),
    (.text(.macAddress), "53:54:00:12:34:56", "`53:54:00:12:34:56` is not a MAC address such as 52:54:00:12:34:56"),
    (.text(.name), "a/b", "`a/b` is not a name"),
    (.text(.name), "", "`` is not a name"),
    (.text(.name), "-x", "`-x` is not a name"),
    (.text(.diskTarget), "vda1", "`vda1` is not a disk target such as vda"),
    (.text(.sha256), "abc", "`abc` is not a SHA-256 checksum"),
    (.text(.cpuset), "3-1", "`3-1` is not a set of the host's processors such as 0-3,8"),
    (.text(.cpuset), "0,^0", "`0,^0` is not a set of the host's processors such as 0-3,8"),
    (.text(.cpuset), "0-99999999", "`0-99999999` is not a set of the host's processors such as 0-3,8"),
    (pins, "0-3", "`0-3` is not a mapping"),
    (pins, "{}", "a mapping without entries has no effect"),
    (pins, "{ 0: 0-3", "`{ 0: 0-3` is not well-formed"),
    (pins, "{ 0: 0-3 } 1", "`{ 0: 0-3 } 1` is not well-formed"),
    (pins, "{ 0: \"0-3 }", "`{ 0: \"0-3 }` is not well-formed"),
    (pins, "{ one: 0-3 }", "`one` is not the number of a vcpu"),
    (pins, String(repeating: "[", count: 99), "`\(String(repeating: "[", count: 99))` is not a mapping"),
    (
      .list(of: .boolean), String(repeating: "[", count: 99) + "]",
      "`\(String(repeating: "[", count: 99))]` is not well-formed"
    ),
    (scheduler, "{ priority: 1 }", "`scheduler` is missing"),
    (scheduler, "{ scheduler: fifo, nice: 1 }", "there is no key `nice`"),
  ]

  @Test("what is no value of its kind is refused with the reason", arguments: mistakes)
  func refuses(type: ValueType, text: String, message: String) {
    do {
      let value = try type.parse(text)
      Issue.record("\(text) became \(value)")
    } catch {
      #expect(error.message == message)
    }
  }

  @Test(
    "a size that libvirt or the image cannot hold is refused with the nearest that it can",
    arguments: [
      (.size(granularity: 1024), "1025 B", "write 1 KiB or 2 KiB"), (.size(granularity: 512), "1 B", "write 512 B"),
      (.size(granularity: 1024, most: 4096), "4095 B", "write 3 KiB or 4 KiB"),
      (.size(granularity: 1000), "1 MiB", "write 1048 kB or 1049 kB"),
    ] as [(ValueType, String, String)])
  func inexactSize(type: ValueType, text: String, suggestion: String) {
    let problem = #expect(throws: ValueProblem.self) { try type.parse(text) }
    #expect(problem?.suggestion == suggestion)
  }

  @Test("a number or a time with any count of digits is too large, with the bound")
  func manyDigits() {
    let digits = String(repeating: "9", count: 23)
    #expect(throws: ValueProblem("\(digits) is too large", suggestion: "the most is 8")) {
      try ValueType.integer(1...8).parse(digits)
    }
    #expect(throws: ValueProblem("`\(digits) s` is too long", suggestion: "the most is a year")) {
      try ValueType.duration.parse(digits + " s")
    }
  }

  @Test(
    "a size has a least, which is never nothing",
    arguments: [(1, "0 GiB"), (1 << 20, "1023 KiB")] as [(UInt64, String)])
  func least(bytes: UInt64, text: String) {
    let problem = #expect(throws: ValueProblem.self) { try ValueType.size(granularity: 512, least: bytes).parse(text) }
    #expect(problem?.suggestion == "the least is \(bytes == 1 ? "1 B" : "1 MiB")")
  }
}
