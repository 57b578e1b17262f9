// Single values: what every field's type makes of a text, and QEMU's answers. What is written reads as what was read.

@testable import Applier
import FuzzDriver
@testable import Spec
@testable import Vocabulary

/// Every type of a value that some field has, once each by what it says of itself.
private let types: [ValueType] = {
  var seen: Set<String> = []
  var found: [ValueType] = []
  func add(_ type: ObjectType) {
    for field in type.fields where seen.insert("\(field.type)").inserted { found.append(field.type) }
    for collection in type.collections { add(collection.type) }
  }
  for type in [Vocabulary.domain, Vocabulary.network, Vocabulary.pool, Vocabulary.stack] { add(type) }
  return found
}()

@Sendable func readValue(_ bytes: [UInt8]) {
  guard let choice = bytes.first else { return }
  let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
  // A few types an input, so that an input is quick and what it reaches is its own.
  for step in 0..<8 {
    let type = types[(Int(choice) * 8 + step) % types.count]
    guard let value = try? type.parse(text) else { continue }
    let shown = value.description
    guard !holdsSecret(value), let again = try? type.parse(shown) else { continue }
    expect(again == value, "\(type): `\(text)` is shown as `\(shown)`, which reads as `\(again)`")
  }
  _ = try? ByteCount.parse(text)
  _ = ByteCount.libvirtUnit(text)
  for network in [IPNetwork(text)].compactMap({ $0 }) {
    expect(IPNetwork(network.description) == network, "an address is written as another: \(network)")
    _ = network.prefix
    _ = network.contains(network.address)
  }
  if let range = AddressRange(text) { _ = range.description }
  if let route = Route(text) { expect(Route(route.description) == route, "a route is written as another") }
  if let address = PCIAddress(text) {
    expect(PCIAddress(address.description) == address, "a PCI address is written as another")
  }
  if let time = LeaseTime(text) { expect(LeaseTime(time.description) == time, "a time is written as another") }
  _ = Template.malformed(text)
  _ = Template.shellVariable(in: text)
  expect(
    Template.expand(Template.escape(text), keepingEscapes: false) { _ in "?" } == text,
    "an escaped text expands to another")
}

private func holdsSecret(_ value: Value) -> Bool {
  switch value {
  case .secret, .concealed: true
  case .xml(let fragment): fragment.hasSecrets || fragment.masked != fragment
  case .list(let values): values.contains(where: holdsSecret)
  case .table(let entries): entries.values.contains(where: holdsSecret)
  default: false
  }
}

@Sendable func readAnswer(_ bytes: [UInt8]) {
  let text = String(decoding: bytes, as: UTF8.self)
  _ = QEMUAnswer.quoted(text)
  expect(QEMUAnswer(QEMUAnswer.quoted(text))?.string == text, "a quoted text reads as another")
  guard let answer = QEMUAnswer(text) else { return }
  _ = answer["return"]?.items.map(\.string)
}
