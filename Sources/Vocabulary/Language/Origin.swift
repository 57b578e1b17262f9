// Since when libvirt knows what the language can say: the version that brought a field, a member of a record, or a value.

public import Versions

/// The versions of libvirt that brought something. What the oldest libvirt has that Vireo works with, 9.0, needs none.
///
/// libvirt refuses what its own schema does not know, so it is the schema's version that counts.
public struct Origin: Sendable, Hashable {
  /// The version that brought it as a whole.
  public var version: LibvirtVersion?
  /// The versions that brought single words: values of an enumeration, or keys of a table.
  public var words: [String: LibvirtVersion]

  /// Versions that brought something; by default none, for what libvirt 9.0 has.
  public init(version: LibvirtVersion? = nil, words: [String: LibvirtVersion] = [:]) {
    self.version = version
    self.words = words
  }

  func since(_ version: LibvirtVersion) -> Origin { Origin(version: version, words: words) }

  func values(_ words: [String], since version: LibvirtVersion) -> Origin {
    Origin(version: self.version, words: self.words.merging(words.map { ($0, version) }) { $1 })
  }

  /// What people read of it: `Since libvirt 10.4.`, `` `pipewire` since libvirt 9.10. ``; nil for nothing.
  public var note: String? {
    var sentences = version.map { ["Since libvirt \($0.shortDescription)."] } ?? []
    for (version, words) in Dictionary(grouping: words.keys, by: { words[$0]! }).sorted(by: { $0.key < $1.key }) {
      let list = words.sorted().map { "`\($0)`" }
      sentences.append("\(list.joined(separator: ", ")) since libvirt \(version.shortDescription).")
    }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }
}

extension ValueType.Member {
  func since(_ version: LibvirtVersion) -> ValueType.Member {
    ValueType.Member(name, type, summary, isRequired: isRequired, origin: origin.since(version), rules: rules)
  }
}

/// What a value asks of libvirt.
public struct VersionRequirement: Sendable, Hashable {
  /// What of the field needs it, behind the field's name: nothing for the field itself, `: virtio` for a value, `.1.poll-max`
  /// for what is within.
  public var part: String
  /// The oldest version of libvirt that has it.
  public var version: LibvirtVersion
}

extension Field {
  /// What a value of the field needs of libvirt; nothing for most.
  public func requirements(of value: Value) -> [VersionRequirement] {
    var found: [VersionRequirement] = []
    origin.collect(type, value, at: "", into: &found)
    return found
  }
}

extension Origin {
  fileprivate func collect(
    _ type: ValueType, _ value: Value, at part: String, into found: inout [VersionRequirement]
  ) {
    if let version { found.append(VersionRequirement(part: part, version: version)) }
    collectWords(type, value, at: part, into: &found)
  }

  private func collectWords(
    _ type: ValueType, _ value: Value, at part: String, into found: inout [VersionRequirement]
  ) {
    switch (type, value) {
    case (.list(let element), .list(let values)):
      for value in values { collectWords(element, value, at: part, into: &found) }
    case (.table(_, let element), .table):
      for (key, value) in value.sortedEntries {
        if let version = words[key] { found.append(VersionRequirement(part: "\(part).\(key)", version: version)) }
        collectWords(element, value, at: "\(part).\(key)", into: &found)
      }
    case (.record(let members), .table(let entries)):
      for member in members {
        guard let value = entries[member.name] else { continue }
        member.origin.collect(member.type, value, at: "\(part).\(member.name)", into: &found)
      }
    default:
      guard let word = value.string, let version = words[word] else { return }
      found.append(VersionRequirement(part: "\(part): \(word)", version: version))
    }
  }
}
