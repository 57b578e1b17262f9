// A scalar of the wrong kind: what would be right without its quotes, or with them, and numbers that readers of YAML
// understand in two ways. Tried at every place of the language where a plain value stands.

import Diagnostics
import Testing
import Vocabulary

@testable import Spec
@testable import YAMLTree

@Suite("scalars of the wrong kind")
struct ScalarKindTests {
  /// What reading an object that says one thing reports.
  private func messages(_ place: ValuePlace, _ text: String) throws -> [Diagnostic] {
    let file = SourceFile(path: "lab.yaml", text: place.flow(text) + "\n")
    let parsed = parseYAML(file)
    #expect(parsed.diagnostics.isEmpty, "\(place): \(text)")
    var decoder = ObjectDecoder()
    let node = try #require(parsed.documents.first)
    _ = decoder.decode(node, as: place.object, named: YAMLNode("x", at: node.range))
    return decoder.diagnostics
  }

  @Test("a boolean or number in quotes is refused, and the remedy is to leave them out")
  func quoted() throws {
    var tried = 0
    for place in ValuePlace.all {
      let texts: [(text: String, plain: String)]
      switch place.leaf {
      case .boolean: texts = [("true", "true"), ("False", "false"), ("yes", "true"), ("off", "false")]
      case .integer(let range): texts = [("\(range.lowerBound)", "\(range.lowerBound)")]
      default: continue
      }
      for (text, plain) in texts {
        for quoted in ["\"\(text)\"", "'\(text)'"] {
          let found = try messages(place, quoted)
          #expect(found.map(\.suggestion) == ["write \(plain), without quotes"], "\(place): \(quoted)")
          tried += 1
        }
      }
    }
    #expect(tried > 1000)
  }

  @Test("a text that YAML takes for nothing is refused, and the remedy is to put it in quotes")
  func unquoted() throws {
    var tried = 0
    for place in ValuePlace.all {
      for text in ["null", "~"] {
        let isText = (try? place.leaf.parse(text)) != nil
        let found = try messages(place, text)
        #expect(found.count == 1, "\(place): \(text): \(found.map(\.message))")
        switch place.leaf {
        case .boolean, .integer, .secretFile, .xml: break
        default:
          guard isText else { continue }
          #expect(
            found.first?.suggestion == "if you mean the text, write \"\(text)\", in quotes", "\(place): \(text)")
          tried += 1
        }
      }
    }
    #expect(tried > 200)
  }

  @Test("a number with a zero before it, which is octal in YAML 1.1 and decimal in 1.2, is refused")
  func leadingZero() throws {
    var tried = 0
    for place in ValuePlace.all {
      guard case .integer(let range) = place.leaf else { continue }
      for number in [range.lowerBound, min(range.upperBound, 10)] where number >= 0 && range.contains(number) {
        let found = try messages(place, "0\(number)")
        #expect(found.map(\.rule) == ["leading-zero"], "\(place): 0\(number): \(found.map(\.message))")
        #expect(found.first?.suggestion == "write \(number), without a zero before it")
        tried += 1
      }
    }
    #expect(tried > 200)
  }

  @Test("a whole number of any length is too large, and the message has the bound")
  func beyond() throws {
    for place in ValuePlace.all {
      guard case .integer(let range) = place.leaf else { continue }
      for text in [String(repeating: "9", count: 23), "0x" + String(repeating: "f", count: 20)] {
        let found = try messages(place, text)
        #expect(found.map(\.suggestion) == ["the most is \(range.upperBound)"], "\(place): \(found.map(\.message))")
        #expect(found.first?.message.hasSuffix("is too large") ?? false)
      }
      let found = try messages(place, "-" + String(repeating: "9", count: 23))
      #expect(found.map(\.suggestion) == ["the least is \(range.lowerBound)"], "\(place)")
    }
  }

  @Test("a size that the field's unit cannot hold is refused, with the nearest that it can")
  func inexactSize() throws {
    var tried = 0
    for place in ValuePlace.all {
      guard case .size(let granularity, let least, let most) = place.leaf, granularity > 1 else { continue }
      let below = max(granularity, (least + granularity - 1) / granularity * granularity)
      let found = try messages(place, "\(below + 1) B")
      let nearest = [below, below + granularity].filter { $0 <= most }.map { ByteCount.text($0) }
      #expect(
        found.map(\.suggestion) == ["write " + nearest.joined(separator: " or ")],
        "\(place): \(found.map(\.message))")
      for text in nearest { #expect(try messages(place, text).isEmpty, "\(place): \(text)") }
      tried += 1
    }
    #expect(tried > 20)
  }

  @Test("keys that are numbers follow the same rule, and texts keep their zeros")
  func keys() throws {
    let text = "stack: lab\ndomains:\n  a:\n    memory: 1 GiB\n    vcpus: 4\n    cputune: { vcpupin: { 010: 3 } }\n"
    let found = SpecLoader().load([SourceFile(path: "lab.yaml", text: text)]).diagnostics
    #expect(found.map(\.rule) == ["leading-zero"], "\(found.map(\.message))")
    let mode = "stack: lab\npools: { vms: { path: /srv/vms, permissions: { mode: 0711 } } }\n"
    #expect(SpecLoader().load([SourceFile(path: "lab.yaml", text: mode)]).diagnostics.isEmpty)
  }
}
