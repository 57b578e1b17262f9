// libvirt's own schemas, as a plan asks them: loaded when the first definition is to be stored, and asked once for definitions
// that differ in names alone.

import Synchronization
import Vocabulary
public import XMLTree

/// libvirt's Relax NG schemas of what a plan stores: domains, networks and storage pools.
///
/// To ask is to ask a function: the answer depends on the definition alone. It may be asked from any number of threads.
public final class DefinitionSchemas: Sendable {
  /// Where libvirt's packages put its schemas.
  public static let installedFolder = "/usr/share/libvirt/schemas"

  /// A schema, and what it said before. A definition goes to one of several by what it looks like, so that many can be checked
  /// side by side, and those that look alike are checked once.
  private struct Desk {
    let path: String
    /// nil until it is needed; a schema that cannot be read is as good as none.
    var schema: XMLSchema??
    var answers: [XMLElement: String?] = [:]
    var faults: [XMLElement: [SchemaFault]] = [:]
    /// The faults that were found first.
    var found: [[SchemaFault]] = []

    mutating func ask(_ definition: XMLElement) -> String? {
      let schema = self.schema ?? (try? XMLSchema(path: path))
      self.schema = .some(schema)
      do {
        return try schema?.validate(definition).first?.message
      } catch {
        return error.message
      }
    }
  }

  private final class DeskLock: Sendable {
    private let desk: Mutex<Desk>

    init(_ path: String) {
      desk = Mutex(Desk(path: path))
    }

    func withLock<Result>(_ body: (inout sending Desk) -> sending Result) -> sending Result { desk.withLock(body) }
  }

  private let folder: String
  private let desks: [DeskLock]

  /// More would take longer to load than they save.
  private static let deskCount = 4
  /// How many definitions a desk remembers: stacks have few that do not look alike, or so many that remembering is dear.
  private static let memory = 256
  private static let files = [
    (kind: "domain", name: "domain.rng"), (kind: "network", name: "network.rng"),
    (kind: "pool", name: "storagepool.rng"),
  ]

  /// - Parameter folder: where the schemas are.
  public init(folder: String = DefinitionSchemas.installedFolder) {
    self.folder = folder
    desks = Self.files.flatMap { file in (0..<Self.deskCount).map { _ in DeskLock("\(folder)/\(file.name)") } }
  }

  /// Makes sure that the schema of domains can be read.
  public func requireReadable() throws(XMLError) {
    _ = try XMLSchema(path: "\(folder)/domain.rng")
  }

  /// What the schema says first of a whole definition; nil for nothing, and where there is no schema of its kind.
  func refusal(of definition: XMLElement) -> String? {
    let look = definition.look
    return desk(for: definition, look)?.withLock { desk in
      if let known = desk.answers[look] { return known }
      let answer = desk.ask(definition)
      if desk.answers.count < Self.memory { desk.answers[look] = .some(answer) }
      return answer
    } ?? nil
  }

  /// Whether the schema has nothing against a definition that is only tried.
  func accepts(_ trial: XMLElement) -> Bool {
    desk(for: trial, XMLElement(trial.name))?.withLock { $0.ask(trial) == nil } ?? true
  }

  /// What is at fault in a definition that the schema refuses, worked out once for those that look alike.
  ///
  /// - Parameter isCured: whether the schema accepts the definition without certain faults. A profile's mistake is one of all
  ///   domains that have it, and trying is much faster than searching.
  func faults(
    in definition: XMLElement, isCured: ([SchemaFault]) -> Bool = { _ in false }, _ search: () -> [SchemaFault]
  ) -> [SchemaFault] {
    let look = definition.look
    guard let desk = desk(for: definition, look) else { return [] }
    if let known = desk.withLock({ $0.faults[look] }) { return known }
    // Not under the lock: the search asks the schema.
    if let cured = desk.withLock({ $0.found }).first(where: isCured) { return cured }
    let found = search()
    desk.withLock { desk in
      if desk.faults.count < Self.memory { desk.faults[look] = found }
      if desk.found.count < 8, !desk.found.contains(found) { desk.found.append(found) }
    }
    return found
  }

  private func desk(for definition: XMLElement, _ look: XMLElement) -> DeskLock? {
    guard let kind = Self.files.firstIndex(where: { $0.kind == definition.name }) else { return nil }
    return desks[kind * Self.deskCount + Int(UInt(bitPattern: look.hashValue) % UInt(Self.deskCount))]
  }
}

extension XMLElement {
  /// The definition without what makes it another one than its neighbour and no schema has anything against: names of the
  /// usual characters, UUIDs, MAC addresses of one host, and the record.
  fileprivate var look: XMLElement {
    var result = self
    OwnershipRecord.remove(from: &result)
    result.replaceValues(at: "name") { $0.isPlain ? "n" : $0 }
    result.replaceValues(at: .uuid) { $0.isUUID ? "u" : $0 }
    result.update("devices", create: false) { devices in
      devices.updateAll("interface") { $0.replaceValues(at: .interfaceMAC) { $0.isUnicastMAC ? "m" : $0 } }
      devices.updateAll("disk") { disk in
        disk.replaceValues(at: .diskSerial) { $0.isPlain ? "s" : $0 }
        disk.update("source", create: false) { source in
          if let file = source[attribute: "file"], file.isPlainPath { source[attribute: "file"] = "/p" }
        }
      }
    }
    return result
  }
}

extension String {
  fileprivate var isPlain: Bool { !isEmpty && utf8.allSatisfy(Self.isPlain) }

  fileprivate var isPlainPath: Bool {
    utf8.count > 1 && hasPrefix("/") && utf8.allSatisfy { Self.isPlain($0) || $0 == UInt8(ascii: "/") }
  }

  fileprivate var isUUID: Bool {
    utf8.count == 36
      && utf8.enumerated().allSatisfy { index, byte in
        [8, 13, 18, 23].contains(index) ? byte == UInt8(ascii: "-") : Self.isHexadecimal(byte)
      }
  }

  fileprivate var isUnicastMAC: Bool {
    utf8.count == 17
      && utf8.enumerated().allSatisfy { index, byte in
        index % 3 == 2 ? byte == UInt8(ascii: ":") : Self.isHexadecimal(byte)
      } && UInt8(prefix(2), radix: 16).map { $0 & 1 == 0 } ?? false
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
    default: false
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
