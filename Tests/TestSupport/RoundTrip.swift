// Values to saved data and back.

import Foundation
public import Testing

/// Checks that a value survives being saved, and that equal values are written alike.
///
/// - Parameter name: what is shown where it does not.
public func expectRoundTrip<Value: Codable & Equatable>(
  _ value: Value, _ name: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  let data = try encoder.encode(value)
  let read = try JSONDecoder().decode(Value.self, from: data)
  let again = try encoder.encode(read)
  #expect(read == value, "\(name())\(String(decoding: data, as: UTF8.self))", sourceLocation: sourceLocation)
  #expect(again == data, "\(name())\(String(decoding: data, as: UTF8.self))", sourceLocation: sourceLocation)
}
