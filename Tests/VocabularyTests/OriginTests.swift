import TestSupport
import Testing
import Versions
import XMLTree

@testable import Vocabulary

/// Each field and each value says since when libvirt knows it, and says so rightly: libvirt's own schema is the judge.
@Suite(
  "since when libvirt knows what the language says",
  .enabled(if: InstalledSchema.isInstalled, "needs libvirt's schemas"))
struct OriginTests {
  /// Something that the language can say, and the version that it needs.
  struct Utterance {
    var name: String
    var version: LibvirtVersion?
    var value: Value
  }

  /// Whatever a field can say, one thing at a time.
  static func utterances(of field: Field) -> [Utterance] {
    utterances(of: field.type, field.origin, named: field.name)
  }

  private static func utterances(of type: ValueType, _ origin: Origin, named name: String) -> [Utterance] {
    func word(_ word: String) -> Utterance {
      Utterance(name: "\(name): \(word)", version: later(origin.version, origin.words[word]), value: .string(word))
    }
    switch type {
    case .enumeration(let words): return words.map(word)
    case .text(let rule):
      if let words = rule.words { return words.map(word) }
      return samples(of: rule).prefix(1).compactMap { try? type.parse($0) }.map {
        Utterance(name: name, version: origin.version, value: $0)
      }
    case .list(let element):
      return utterances(of: element, origin, named: name).map { item in
        Utterance(name: item.name, version: item.version, value: .list([item.value]))
      }
    case .table(let rule, let element):
      let keys = rule.words ?? Array(samples(of: rule).prefix(1))
      return keys.flatMap { key in
        utterances(of: element, origin, named: "\(name).\(key)").map { item in
          Utterance(
            name: item.name, version: later(item.version, origin.words[key]), value: .table([key: item.value]))
        }
      }
    case .record(let members):
      let required = members.filter(\.isRequired).reduce(into: [String: Value]()) { values, member in
        values[member.name] = utterances(of: member.type, member.origin, named: "").first?.value
      }
      return members.flatMap { member in
        utterances(of: member.type, member.origin, named: "\(name).\(member.name)").map { item in
          Utterance(
            name: item.name, version: later(origin.version, item.version),
            value: .table(required.merging([member.name: item.value]) { $1 }))
        }
      }
    case .duration: return [Utterance(name: name, version: origin.version, value: .seconds(90))]
    default:
      return Samples.values(of: type).prefix(1).map { Utterance(name: name, version: origin.version, value: $0) }
    }
  }

  /// Texts of which each rule takes one at least. What matters of them is where they go.
  private static let texts = [
    "mknod", "ua-sample", "52:54:00:00:00:01", "11111111-2222-5333-8444-555555555555", "vdz", "10.25.0.1", "3", "0-2,5",
    "0x1f",
    "GenuineIntel", "/dev/sda", "http://debian.org/debian/12", "reset", "pci 0000:00:03.0", "0000:03:10.2",
    "0123456789abcdef", "1024-2048", "0711", "10.0.0.1/24", "ipv4 10.0.0.1", "10.0.0.1-10.0.0.9", "nas:6789",
    "10.9.0.0/16 via 10.0.0.2 metric 4", "infinite", "scsi_host0", "0000:00:1f.2 unique-id 2", "naa.5123456789abcde0",
  ]

  private static func samples(of rule: TextRule) -> [String] { texts.compactMap { try? rule.normalised($0) } }

  private static func later(_ a: LibvirtVersion?, _ b: LibvirtVersion?) -> LibvirtVersion? {
    [a, b].compactMap(\.self).max()
  }

  /// Elements that a field may be put into: a kind of object as each type that it can be.
  static func bases(of type: ObjectType, _ start: XMLElement) -> [XMLElement] {
    let deciding = type.fields.filter { field in
      ["type", "model", "backend", "mode", "listen-type", "source.type", "target.type"].contains(field.name)
        || field.name.hasSuffix(".protocol") || field.name == "volume.pool" || field.name == "nvme.namespace"
        || field.name.hasPrefix("vhost-") || field.name == "firmware" || field.name == "launch-security.type"
    }
    func variants(of base: XMLElement, by field: Field) -> [XMLElement] {
      utterances(of: field).map { utterance in
        var variant = base
        field.lens?.put(utterance.value, into: &variant)
        return variant
      }
    }
    return [start] + deciding.flatMap { variants(of: start, by: $0) }
  }

  /// An element that is of a kind that has a field, by the rules of the field.
  private static func element(_ base: XMLElement, that has: Field, in type: ObjectType) -> XMLElement {
    var element = base
    for condition in has.rules.only.compactMap(\.first) {
      guard let other = type.field(condition.field), let word = condition.words?.first,
        let value = try? other.type.parse(word)
      else { continue }
      element = Self.element(element, that: other, in: type)
      if !condition.isMet(by: other.lens?.get(element)) { other.lens?.put(value, into: &element) }
    }
    return element
  }

  /// Checks every field of a kind of object; what contradicts the schema is returned.
  static func contradictions(
    of type: ObjectType, from starts: [XMLElement], below path: [String], _ schema: InstalledSchema
  ) -> [String] {
    let bases = starts.flatMap { Self.bases(of: type, $0) }
    /// Whether the schema knows a place; and what a word there is, where it is not a text of no meaning.
    func knows(_ place: InstalledSchema.Place) -> Bool {
      var place = place
      if texts.contains(place.value) || texts.contains(place.value.lowercased()) { place.value = "" }
      return schema.knows(place)
    }
    var found: [String] = []
    for field in type.fields where field.name != Field.xmlName {
      guard let lens = field.lens else { continue }
      let name = "\(type.name).\(field.name)"
      if case .secretFile = field.type { continue }
      let all = utterances(of: field)
      if all.isEmpty { found.append("\(name): nothing to say") }
      for utterance in all {
        // The places that saying it adds, in whatever element it can be said.
        let ready = bases + [element(starts[0], that: field, in: type)]
        let additions = ready.compactMap { base -> Set<InstalledSchema.Place>? in
          var element = base
          lens.put(utterance.value, into: &element)
          let places = InstalledSchema.places(in: element, below: path)
          let added = places.subtracting(InstalledSchema.places(in: base, below: path))
          return lens.get(element) == utterance.value && !added.isEmpty ? added : nil
        }
        let said = "\(type.name).\(utterance.name)"
        if additions.isEmpty, !isPresence(utterance.value) {
          found.append("\(said): there is no element to say it in")
          continue
        }
        guard !additions.isEmpty else { continue }
        if Self.unknownToSchemas.contains(said) { continue }
        let isKnown = additions.contains { $0.allSatisfy(knows) }
        let version = later(utterance.version, type.since)
        let isExpected = version.map { $0 <= schema.version } ?? true
        guard isKnown != isExpected else { continue }
        if isKnown {
          found.append("\(said) is said to need libvirt \(version!), and \(schema.version) knows it")
        } else {
          let strange = additions[0].filter { !knows($0) }.map(\.description).sorted()
          found.append("\(said) is not known to libvirt \(schema.version): \(strange.joined(separator: ", "))")
        }
      }
    }
    return found
  }

  /// Whether a value takes something away, so that nothing is there to be looked at.
  private static func isPresence(_ value: Value) -> Bool {
    [.boolean(false), .string("bios"), .string("isolated")].contains(value)
  }

  /// What libvirt's parser takes and no schema of libvirt's knows: such definitions are stored unchecked.
  private static let unknownToSchemas: Set = [
    "input.bus: parallels", "input.bus: none", "filesystem.type: volume", "filesystem.source.pool",
    "filesystem.source.volume", "shmem.msi.enabled",
  ]

  @Test("every field of a domain and of its devices")
  func domains() async throws {
    let schema = try await InstalledSchema.load("domain.rng")
    var found = Self.contradictions(
      of: Vocabulary.domain, from: [XMLElement("domain", ["type": "qemu"])], below: [], schema)
    for collection in Vocabulary.domain.collections {
      guard let rule = collection.type.device else { continue }
      found += Self.contradictions(
        of: collection.type, from: [rule.template], below: ["domain", "devices"], schema)
    }
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
  }

  @Test("every field of a network")
  func networks() async throws {
    let schema = try await InstalledSchema.load("network.rng")
    let documents = try ObjectDocuments.networks.values.map { try XMLElement.parse($0) }
    let found = Self.contradictions(
      of: Vocabulary.network, from: [XMLElement("network")] + documents, below: [], schema)
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
  }

  @Test("every field of a pool")
  func pools() async throws {
    let schema = try await InstalledSchema.load("storagepool.rng")
    let documents = try ObjectDocuments.pools.values.map { try XMLElement.parse($0) }
    let found = Self.contradictions(of: Vocabulary.pool, from: [XMLElement("pool")] + documents, below: [], schema)
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
  }

  @Test("what a value needs is found wherever it stands in the value")
  func requirements() throws {
    let part = ValueType.Member("late", .integer(0...9), "A number.", origin: Origin(version: LibvirtVersion(11, 0)))
    let field = Field(
      "table", .table(key: .word("a name"), of: .record([part])), "A table.",
      origin: Origin(version: LibvirtVersion(10, 0), words: ["odd": LibvirtVersion(12, 0)]))
    let value = Value.table(["a": .table([:]), "odd": .table(["late": .integer(1)])])
    #expect(
      field.requirements(of: value).map { "\($0.part) \($0.version)" } == [
        " 10.0.0", ".odd 12.0.0", ".odd.late 11.0.0",
      ])
    let model = try #require(Vocabulary.sound.field("model"))
    #expect(model.requirements(of: .string("ich9")).isEmpty)
    #expect(
      model.requirements(of: .string("virtio")) == [
        VersionRequirement(part: ": virtio", version: LibvirtVersion(10, 4))
      ])
  }

  @Test("what a value needs is what its field and its words need, in every table")
  func requirementsOfAll() {
    for type in TableTests.types {
      for field in type.fields {
        for utterance in Self.utterances(of: field) {
          let needed = field.requirements(of: utterance.value).map(\.version).max()
          #expect(needed == utterance.version, "\(type.name).\(utterance.name)")
        }
      }
    }
  }

  @Test("what is older than the oldest libvirt says nothing of versions")
  func oldest() {
    for type in TableTests.types {
      for field in type.fields {
        for utterance in Self.utterances(of: field) {
          #expect(utterance.version.map { $0 > LibvirtVersion(9, 0) } ?? true, "\(type.name).\(utterance.name)")
        }
      }
    }
  }
}
