// What plain, quoted and tagged scalars mean.

import Diagnostics
import Testing
import YAMLTree

@Suite("core schema")
struct CoreSchemaTests {
  @Test(
    "a plain scalar means what YAML 1.2.2, section 10.3.2, says",
    arguments: [
      ("", .null), ("~", .null), ("null", .null), ("NULL", .null), ("nUll", .string("nUll")),
      ("true", .boolean(true)), ("False", .boolean(false)), ("FALSE", .boolean(false)), ("yes", .string("yes")),
      ("off", .string("off")), ("0", .integer(0)), ("-12", .integer(-12)), ("+12", .integer(12)),
      ("007", .integer(7)), ("0o17", .integer(15)), ("0xFf", .integer(255)), ("0x", .string("0x")),
      ("0o8", .string("0o8")), ("0x-1", .string("0x-1")), ("-0x1", .string("-0x1")), ("1_000", .string("1_000")),
      ("0b1", .string("0b1")), ("1.", .number(1)), (".5", .number(0.5)), ("-1.5e3", .number(-1500)),
      ("1e3", .number(1000)), ("1e", .string("1e")), (".", .string(".")), ("-", .string("-")), ("+.", .string("+.")),
      (".inf", .number(.infinity)), ("-.INF", .number(-.infinity)), ("inf", .string("inf")), ("nan", .string("nan")),
      ("9223372036854775807", .integer(.max)), ("9223372036854775808", .number(9_223_372_036_854_775_808)),
      ("0xFFFFFFFFFFFFFFFFF", .number(295_147_905_179_352_825_856)), ("12:30:45", .string("12:30:45")),
      ("10.0.0.1", .string("10.0.0.1")), ("1 GiB", .string("1 GiB")), ("٣", .string("٣")),
    ] as [(String, YAMLScalarValue)])
  func plain(text: String, value: YAMLScalarValue) {
    #expect(YAMLScalar(text).value == value)
    #expect(YAMLScalar(text, style: .doubleQuoted).value == .string(text))
  }

  @Test("not a number is a number")
  func notANumber() {
    guard case .number(let number) = YAMLScalar(".nan").value else {
      Issue.record("not a number")
      return
    }
    #expect(number.isNaN)
  }

  @Test(
    "a tag decides",
    arguments: [
      ("!!str 12", .string("12")), ("! 12", .string("12")), ("!!int \"12\"", .integer(12)),
      ("!!float 1", .number(1)), ("!!bool 'true'", .boolean(true)), ("!!null ''", .null),
      ("!<tag:yaml.org,2002:str> 1", .string("1")),
    ] as [(String, YAMLScalarValue)])
  func tags(text: String, value: YAMLScalarValue) throws {
    let file = parseYAML(SourceFile(path: "f", text: text))
    #expect(file.diagnostics == [])
    #expect(file.documents.first?.value == value)
  }

  @Test(
    "the words of YAML 1.1 are recognised when plain",
    arguments: [("yes", true), ("Off", false), ("y", true), ("NO", false)])
  func yaml11(text: String, value: Bool) {
    #expect(YAMLScalar(text).looksLikeYAML11Boolean)
    #expect(YAMLScalar(text).yaml11Boolean == value)
    #expect(!YAMLScalar(text, style: .singleQuoted).looksLikeYAML11Boolean)
    #expect(!YAMLScalar("true").looksLikeYAML11Boolean)
  }
}
