// Values for every field of the language, and specs that say them: what the laws of plans are tried with.

import Diagnostics
import Spec
import Vocabulary

enum FieldSamples {
  /// A field with a value for it: of the object itself, or of one of its devices.
  struct Case: Sendable, CustomStringConvertible {
    let collection: ObjectType.Collection?
    let field: Field
    let value: Value

    var description: String { (collection.map { $0.key + "." } ?? "") + "\(field.name): \(value)" }
  }

  /// Every field of an object and of its devices, with the values that samples have.
  static func cases(of type: ObjectType) -> [Case] {
    func cases(_ type: ObjectType, _ collection: ObjectType.Collection?) -> [Case] {
      // What is secret are names of fields, which mean something only beside those.
      type.fields.filter { $0.name != Field.sensitiveName }.flatMap { field in
        // Of devices, which have many fields, the first value has to do.
        values(of: field.type, in: collection?.type.device?.element ?? type.name).prefix(collection == nil ? 2 : 1).map
        { Case(collection: collection, field: field, value: $0) }
      }
    }
    return cases(type, nil)
      + type.collections.filter { $0.type.device != nil }.flatMap { cases($0.type, $0) }
  }

  static func values(of type: ValueType, in element: String) -> [Value] {
    switch type {
    case .text(let rule):
      return texts(rule).prefix(2).compactMap { try? type.parse($0) }
    case .integer(let range):
      return [.integer(max(range.lowerBound, 1)), .integer(min(range.upperBound, max(range.lowerBound, 3)))]
    case .boolean: return [.boolean(true), .boolean(false)]
    case .size(let granularity, let least, _): return [.bytes(max(granularity, least)), .bytes(512 << 20)]
    case .duration: return [.seconds(90), .seconds(300)]
    case .enumeration(let names): return names.prefix(2).map(Value.string)
    case .path: return [.string("/srv/one"), .string("/srv/two")]
    case .list(let inner):
      let values = values(of: inner, in: element)
      return values.isEmpty ? [] : [.list(Array(values.prefix(1))), .list(values)]
    case .table(let key, let inner):
      let keys = texts(key)
      return keys.isEmpty
        ? []
        : values(of: inner, in: element).prefix(2).map { .table(Dictionary(uniqueKeysWithValues: [(keys[0], $0)])) }
    case .record(let members):
      return [members, members.filter(\.isRequired)].filter { !$0.isEmpty }.compactMap { members in
        let pairs = members.compactMap { member in values(of: member.type, in: element).first.map { (member.name, $0) }
        }
        return pairs.count == members.count ? .table(Dictionary(uniqueKeysWithValues: pairs)) : nil
      }
    case .xml:
      return ["<sample value='1'/>", "<sample value='2'/>"].compactMap {
        (try? XMLFragment.parse($0, element: element)).map(Value.xml)
      }
    case .secretFile, .reference, .map: return []
    }
  }

  private static func texts(_ rule: TextRule) -> [String] {
    let samples = [
      "EPYC", "ua-sample", "52:54:00:00:00:01", "11111111-2222-5333-8444-555555555555", "vdz", "10.0.0.1",
      "10.0.0.1/24", "3",
      "0-2,5",
      "0x1f", "GenuineIntel", "/dev/sda", "http://debian.org/debian/12", "reset", "1024-2048", "other",
    ]
    return ((rule.words ?? []).prefix(2) + samples).compactMap { try? rule.normalised($0) }
  }
}

extension StackSpec {
  /// The same stack, whose domain `web` also says a field: its own, or that of a device `extra`.
  func saying(_ sample: FieldSamples.Case?, and others: [(Field, Value)] = []) -> StackSpec {
    var result = self
    let range = domains[0].range
    for (field, value) in others { result.domains[0].settings[field] = Setting(value, at: range) }
    guard let sample else { return result }
    let setting = Setting(sample.value, at: range)
    guard let collection = sample.collection else {
      result.domains[0].settings[sample.field] = setting
      return result
    }
    var devices = result.domains[0].members(collection.key)
    if devices.isEmpty { devices.append(ObjectSpec(collection.type, "extra", at: range)) }
    devices[0].settings[sample.field] = setting
    result.domains[0].members[collection.key] = devices
    return result
  }

  /// The same stack, whose domain `web` has a device of the sample's kind that says nothing of the field.
  func having(_ sample: FieldSamples.Case) -> StackSpec {
    var result = self
    guard let collection = sample.collection, domains[0].members(collection.key).isEmpty else { return self }
    result.domains[0].members[collection.key] = [ObjectSpec(collection.type, "extra", at: domains[0].range)]
    return result
  }
}
