// Secrets in the files of a spec, found before anything is decoded: whatever is wrong with a value or beside it, neither a
// message nor the line that it shows gives a secret away.

import Diagnostics
import Vocabulary
import XMLTree
import YAMLTree

/// Looks for secrets in a merged spec.
struct SecretNodes {
  /// What is marked as secret.
  private var marked: Set<String> = []
  /// What stands where secrets usually are.
  private var suspects: Set<String> = []

  /// Finds the secrets of a spec, and keeps them out of the excerpts of its files.
  static func conceal(in root: YAMLNode, of files: [SourceFile]) -> KnownSecrets {
    var nodes = SecretNodes()
    nodes.search(root)
    // Where a secret stands once more, such as under `variables` or in a comment, it is one too.
    let long = nodes.marked.filter { $0.utf8.count >= KnownSecrets.leastInSentences }
    for file in files { file.concealEverywhere(long) }
    var secrets = KnownSecrets(nodes.marked)
    secrets.insertSuspects(nodes.suspects)
    return secrets
  }

  private mutating func search(_ root: YAMLNode) {
    for (key, type) in [("networks", Vocabulary.network), ("pools", Vocabulary.pool)] {
      for entry in root[key]?.entries ?? [] {
        search(entry.value, type, Self.names(in: entry.value, type))
      }
    }
    var profiles: [String: Set<String>] = [:]
    for entry in root["profiles"]?.entries ?? [] {
      profiles[entry.name, default: []].formUnion(Self.names(in: entry.value, Vocabulary.domain))
    }
    for entry in root["domains"]?.entries ?? [] {
      let own = Self.names(in: entry.value, Vocabulary.domain)
      let used = Self.words(entry.value[.profiles])
      search(entry.value, Vocabulary.domain, own.union(used.flatMap { profiles[$0] ?? [] }))
      // What a domain says is secret is so in its profiles.
      for name in used { profiles[name]?.formUnion(own) }
    }
    for entry in root["profiles"]?.entries ?? [] {
      search(entry.value, Vocabulary.domain, profiles[entry.name] ?? [])
    }
  }

  /// What an object and its devices say is secret, by whole names.
  private static func names(in node: YAMLNode, _ type: ObjectType) -> Set<String> {
    var names = words(node[.sensitive])
    for collection in type.collections where collection.type.device != nil {
      for device in node[collection.key]?.entries ?? [] {
        names.formUnion(words(device.value[.sensitive]).map { "\(collection.key).\(device.name).\($0)" })
      }
    }
    return names
  }

  private static func words(_ node: YAMLNode?) -> Set<String> {
    guard let node else { return [] }
    return Set((node.elements ?? [node]).compactMap { $0.scalar?.text })
  }

  // MARK: Objects

  private mutating func search(_ node: YAMLNode, _ type: ObjectType, _ names: Set<String>) {
    for name in names where !name.hasPrefix(Field.xmlName + "/") && name != Field.xmlName {
      // Of a group what has texts; the rest are words of libvirt's and numbers.
      let members =
        type.group(name) == nil ? [] : type.fields.filter { $0.name.hasPrefix(name + ".") && $0.holdsSecrets }
      for name in members.isEmpty ? [name] : members.map(\.name) { concealAll(at: name, in: node) }
    }
    searchXML(node[.xml], type, names)
    searchKnownPlaces(node, type, group: nil, isMarked: !names.isEmpty)
    for collection in type.collections where collection.type.device != nil {
      for device in node[collection.key]?.entries ?? [] {
        let prefix = "\(collection.key).\(device.name)."
        let own = names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        search(device.value, collection.type, Set(own))
      }
    }
  }

  /// Everything under a name, whose parts may stand in mappings of their own.
  private mutating func concealAll(at name: String, in node: YAMLNode) {
    guard let entries = node.entries else { return concealAll(node, isMarked: true) }
    for entry in entries {
      if entry.name == name { concealAll(entry.value, isMarked: true) }
      if name.hasPrefix(entry.name + ".") {
        concealAll(at: String(name.dropFirst(entry.name.count + 1)), in: entry.value)
      }
    }
  }

  /// Fields that hold secrets without a mark, and unknown keys: one of them may be misspelt.
  private mutating func searchKnownPlaces(_ node: YAMLNode, _ type: ObjectType, group: String?, isMarked: Bool) {
    for entry in node.entries ?? [] {
      let name = group.map { "\($0).\(entry.name)" } ?? entry.name
      if let field = type.field(name) {
        if field.type.isConfidential { conceal(entry.value, as: field.type) }
      } else if type.group(name) != nil {
        searchKnownPlaces(entry.value, type, group: name, isMarked: isMarked)
      } else if group != nil || type.collection(name) == nil, isMarked || isNearSecret(entry.name, type, group) {
        concealAll(entry.value)
      }
    }
  }

  private func isNearSecret(_ key: String, _ type: ObjectType, _ group: String?) -> Bool {
    guard let closest = closestMatch(to: key, among: type.keys(in: group)) else { return false }
    let name = group.map { "\($0).\(closest)" } ?? closest
    return type.fields.contains { $0.type.isConfidential && ($0.name == name || $0.name.hasPrefix(name + ".")) }
  }

  /// A value of a kind that has a place for secrets. What is not of the kind is concealed as a whole.
  private mutating func conceal(_ node: YAMLNode, as type: ValueType) {
    switch type {
    case .list(let element): for node in node.elements ?? [node] { conceal(node, as: element) }
    case .table(_, let element):
      guard let entries = node.entries else { return concealAll(node) }
      for entry in entries { conceal(entry.value, as: element) }
    case .record(let members):
      guard let entries = node.entries else { return concealAll(node) }
      for entry in entries {
        let member = members.first { $0.name == entry.name }
        if let member, !member.type.isConfidential { continue }
        if let member { conceal(entry.value, as: member.type) } else { concealAll(entry.value) }
      }
    case .text(let rule):
      guard let scalar = node.scalar, !rule.isConfidential else { return concealAll(node) }
      add(rule.secrets(in: scalar.text), in: node, isMarked: false)
    default: concealAll(node)
    }
  }

  // MARK: libvirt's own XML

  private mutating func searchXML(_ node: YAMLNode?, _ type: ObjectType, _ names: Set<String>) {
    guard let node else { return }
    let paths = names.compactMap { try? SensitivePlaces.path($0) }
    guard let text = node.scalar?.text, case .xml(let element)? = type.field(Field.xmlName)?.type,
      let fragment = try? XMLFragment.parse(text, element: element)
    else {
      // What cannot be read may have a secret anywhere.
      let hasSecrets = node.scalar.map { UnreadableSecrets.mayHoldSecrets($0.text) } ?? true
      if !paths.isEmpty || hasSecrets { concealAll(node) }
      return
    }
    add(fragment.texts(at: paths), in: node, isMarked: true)
    // Passwords are kept by libvirt, and taken out wherever a fragment is shown.
    add(fragment.secrets() + fragment.passwords, in: node, isMarked: false)
  }

  // MARK: Texts

  private mutating func concealAll(_ node: YAMLNode, isMarked: Bool = false) {
    if let text = node.scalar?.text {
      if !node.isNull { add([text], in: node, isMarked: isMarked) }
    } else {
      for element in node.elements ?? [] { concealAll(element, isMarked: isMarked) }
      for entry in node.entries ?? [] { concealAll(entry.value, isMarked: isMarked) }
    }
  }

  private mutating func add(_ found: [String], in node: YAMLNode, isMarked: Bool) {
    guard !found.isEmpty else { return }
    if isMarked { marked.formUnion(found) } else { suspects.formUnion(found) }
    // A text that comes from a variable is not in the file at its place.
    if !(node.scalar?.isFromTemplate ?? false) { node.range.file.conceal(found, in: node.range) }
  }
}

/// Files that are not YAML: nobody knows what in them is a value.
enum UnreadableSecrets {
  /// What a file has in it that may hold a secret, in lower case.
  private static let hints = [
    "sensitive:", "env:", "fwcfg", "fw_cfg", "oem-strings", "oemstrings", "passw", "secret", "token", "credential",
    "cookie", "qemu:", "args:", "api-key", "apikey", "private-key",
  ]

  /// Whether a text has a place for a secret in it.
  static func mayHoldSecrets(_ text: String) -> Bool {
    let lower = Array(text.lowercased().utf8)
    return hints.contains { hint in
      let hint = Array(hint.utf8)
      return lower.indices.contains { lower[$0] == hint[0] && lower[$0...].starts(with: hint) }
    }
  }

  /// Keeps all values out of the excerpts of a file, and of what messages quote from it: keys are left.
  static func conceal(_ file: SourceFile, in messages: inout [Diagnostic]) {
    file.concealValues()
    for index in messages.indices where messages[index].range?.file === file {
      // What is to be put in quotes is quoted there.
      if messages[index].suggestion?.hasPrefix("write \"") ?? false {
        messages[index].suggestion = "put the value in quotes"
      }
    }
  }
}
