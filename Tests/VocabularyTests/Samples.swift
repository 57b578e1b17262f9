import XMLTree

@testable import Vocabulary

/// Values for every field of the tables, some of which no document has, and elements to put them into.
enum Samples {
  static func values(of type: ValueType) -> [Value] {
    switch type {
    case .text(let rule): texts(rule).compactMap { try? type.parse($0) }
    case .integer(let range): [.integer(range.lowerBound), .integer(min(range.upperBound, max(range.lowerBound, 77)))]
    case .boolean: [.boolean(true), .boolean(false)]
    case .size(let granularity, _, _): [.bytes(granularity), .bytes(3 << 30)]
    case .duration: [.seconds(0), .seconds(90)]
    case .enumeration(let names): names.map(Value.string)
    case .path: [.string("/srv/other")]
    case .list(let element): [.list(values(of: element)), .list(Array(values(of: element).prefix(1)))]
    case .table(let key, let element):
      values(of: element).map { value in
        .table(Dictionary(texts(key).prefix(4).map { ($0, value) }) { first, _ in first })
      }
    case .record(let members):
      [members, members.filter(\.isRequired)].filter { !$0.isEmpty }.map { members in
        .table(Dictionary(uniqueKeysWithValues: members.map { ($0.name, values(of: $0.type)[0]) }))
      }
    case .secretFile: [.secret("hush"), .secret("hush, too")]
    case .reference: [.string("lab")]
    case .map, .xml: []
    }
  }

  /// Some of the values of a field whose many texts are all alike, and all of others.
  static func few(of field: Field) -> [Value] {
    let values = values(of: field)
    if case .enumeration = field.type { return values }
    return Array(values.prefix(3))
  }

  static func values(of field: Field) -> [Value] {
    // Only an address of the network itself has a name server that answers for it.
    field.name == "local-ptr" ? [.list([.string("10.10.0.1")])] : values(of: field.type)
  }

  /// Texts that obey a rule, in the form in which they are compared.
  static func texts(_ rule: TextRule) -> [String] {
    let samples = [
      "EPYC", "ua-sample", "52:54:00:00:00:01", "11111111-2222-5333-8444-555555555555", "vdz", "10.0.0.1", "10.0.0.7",
      "fd00::9", "3", "0-2,5", "0x1f", "GenuineIntel", "/dev/sda", "http://debian.org/debian/12", "reset",
      "10.0.0.1/24", "fd00:9::1/64", "10.0.0.1/255.255.0.0", "ipv4 10.0.0.1", "10.0.0.1-10.0.0.9",
      "10.0.0.1-10.0.0.9 lease 3 min", "1024-2048", "0000:03:10.2", "10.9.0.0/16 via 10.0.0.2 metric 4", "0711",
      "infinite", "nas:6789", "5000c50015ea71ad", "naa.5123456789abcde0", "2.00", "x86_64", "pci 0000:00:03.0",
      "drive 0:0:0:1",
    ]
    let texts = (samples + (rule.words ?? []).prefix(2)).compactMap { try? rule.normalised($0) }
    return texts.filter { (try? rule.normalised($0)) == $0 }
  }

  /// Elements of a kind: those of the documents, and an empty one.
  static func elements(of type: ObjectType) -> [XMLElement] {
    documents(of: type) + [type.device?.template ?? XMLElement(type.name)]
  }

  /// Each of the elements with every value of every field that chooses from a few.
  static func variants(of elements: [XMLElement], _ type: ObjectType) -> [XMLElement] {
    var elements = elements
    for field in type.fields {
      guard case .enumeration(let names) = field.type, let lens = field.lens else { continue }
      for element in elements.prefix(40) {
        for name in names where lens.get(element) != .string(name) {
          var copy = element
          lens.put(.string(name), into: &copy)
          elements.append(copy)
        }
      }
    }
    return elements
  }

  private static func documents(of type: ObjectType) -> [XMLElement] {
    switch type.name {
    case "domain": [LensTests.domain]
    case "network", "pool": ObjectLensTests.documents.filter { $0.type === type && $0.isWhole }.map(\.element)
    default: DeviceLensTests.cases.filter { $0.0 === type }.map(\.1)
    }
  }
}
