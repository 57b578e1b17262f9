// Every place of the language where a plain value stands: fields, and what is in their lists, tables and records.

import Foundation
import Testing

@testable import Spec
@testable import Vocabulary

/// A place for a plain value, with a value for it.
struct ValuePlace: CustomTestStringConvertible, Sendable {
  let object: ObjectType
  let field: Field
  /// The kind of the plain value.
  let leaf: ValueType
  /// A text of that kind.
  let sample: String
  /// The field's value around the plain one, in YAML's flow style.
  let around: @Sendable (String) -> String
  /// The field's value that has the plain one in it.
  let whole: @Sendable (Value) -> Value

  var testDescription: String { "\(object.name).\(field.name): \(around(sample))" }

  /// Whether the field's value is the plain value itself.
  var isPlain: Bool { around("x") == "x" }

  /// An object that says the text at this place, and nothing else.
  func flow(_ text: String) -> String {
    let keys = field.name.split(separator: ".")
    return keys.reversed().reduce(around(text)) { "{ \($1): \($0) }" }
  }

  /// The same as keys on lines of their own.
  func block(_ text: String) -> String {
    let keys = field.name.split(separator: ".")
    return keys.enumerated().map { String(repeating: "  ", count: $0) + $1 + ":" }.joined(separator: "\n") + " "
      + around(text) + "\n"
  }

  // MARK: All of them

  static let all: [ValuePlace] = objects.flatMap { object in
    object.fields.flatMap { field in
      places(of: field.type).map {
        ValuePlace(
          object: object, field: field, leaf: $0.leaf, sample: $0.sample, around: $0.around, whole: $0.whole)
      }
    }
  }

  private static let objects: [ObjectType] = {
    var found: [ObjectType] = []
    func visit(_ type: ObjectType) {
      // A profile has a domain's fields.
      guard type.name != "profile", !found.contains(where: { $0 === type }) else { return }
      found.append(type)
      for collection in type.collections { visit(collection.type) }
    }
    visit(Vocabulary.stack)
    return found
  }()

  private typealias Inner = (
    leaf: ValueType, sample: String, around: @Sendable (String) -> String, whole: @Sendable (Value) -> Value
  )

  private static func places(of type: ValueType) -> [Inner] {
    switch type {
    case .map: return []
    case .list(let element):
      return places(of: element).map { inner in
        (inner.leaf, inner.sample, { "[\(inner.around($0))]" }, { .list([inner.whole($0)]) })
      }
    case .table(let key, let element):
      guard let name = ((key.words ?? []) + samples).first(where: { (try? key.normalised($0)) != nil }) else {
        Issue.record("no sample is a key, \(key.explanation)")
        return []
      }
      let normal = (try? key.normalised(name)) ?? name
      return places(of: element).map { inner in
        (inner.leaf, inner.sample, { "{ \"\(name)\": \(inner.around($0)) }" }, { .table([normal: inner.whole($0)]) })
      }
    case .record(let members):
      return members.flatMap { member in
        let others = members.filter { $0.isRequired && $0.name != member.name }.compactMap { other in
          places(of: other.type).first.map { (name: other.name, inner: $0) }
        }
        return places(of: member.type).map { inner -> Inner in
          (
            inner.leaf, inner.sample,
            { text in
              let rest = others.map { ", \($0.name): \($0.inner.around(quoted($0.inner.sample, $0.inner.leaf)))" }
              return "{ \(member.name): \(inner.around(text))\(rest.joined()) }"
            },
            { value in
              var values = [member.name: inner.whole(value)]
              for other in others {
                values[other.name] = other.inner.whole(try! other.inner.leaf.parse(other.inner.sample))
              }
              return .table(values)
            }
          )
        }
      }
    default:
      guard let sample = sample(of: type) else {
        Issue.record("no sample is \(type.explanation)")
        return []
      }
      return [(type, sample, { $0 }, { $0 })]
    }
  }

  /// A plain value as a file has it without variables.
  private static func quoted(_ text: String, _ type: ValueType) -> String {
    switch type {
    case .boolean, .integer: text
    default: "'\(text)'"
    }
  }

  private static func sample(of type: ValueType) -> String? {
    switch type {
    case .boolean: "true"
    case .integer(let range): String(range.lowerBound)
    case .enumeration(let names): names[0]
    case .secretFile: secret.path
    case .xml(let element): "<\(element)><a b=\"1\"/></\(element)>"
    default: samples.first { (try? type.parse($0)) != nil }
    }
  }

  /// A file with a password.
  private static let secret: URL = {
    let file = FileManager.default.temporaryDirectory.appending(path: "vireo-secret-\(getpid())")
    try! "secret\n".write(to: file, atomically: true, encoding: .utf8)
    atexit { try? FileManager.default.removeItem(at: ValuePlace.secret) }
    return file
  }()

  private static let samples = [
    "/srv/x", "2 GiB", "2 MB", "90 s", "a", "1", "0-3", "1-2", "0x10", "vda", "10.0.0.1", "10.0.0.1/24",
    "52:54:00:12:34:56",
    "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42", String(repeating: "ab", count: 32), "0711", "qemu:///system", "00:02.0",
    "0000:00:02.0", "2026-01-01", "10.0.0.10-10.0.0.20", "50:00:c5:00:15:ea:71:ac", "5000c50015ea71ac", "fd00::1/64",
    "fd00::1", "80", "1.2", "100", "cpu_cycles", "0.0.1", "example.org", "a b",
    "pci 0000:00:03.0", "12 h", "10.1.0.0/16 via 10.0.0.2", "slic", "aes", "rtc", "ua-mynic", "naa.5123456789abcde0",
    "x86_64",
  ]
}
