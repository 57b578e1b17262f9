// The stack as a whole: its parts decoded, profiles merged in, counts expanded, and all of it checked.

import Diagnostics
import Vocabulary
import YAMLTree

/// Decodes a merged spec into a stack.
struct StackDecoder {
  private(set) var diagnostics: [Diagnostic]
  /// What mistakes have kept from being whole.
  private var incomplete = IncompletePlaces()
  private var incompleteProfiles: Set<String> = []
  private var profileNodes: [String: YAMLEntry] = [:]
  /// Profiles that do not depend on a domain's number, decoded once.
  private var decodedProfiles: [String: ObjectSpec] = [:]

  /// - Parameter isPartial: whether documents of the spec could not be read, which has been reported.
  init(diagnostics: [Diagnostic], isPartial: Bool = false) {
    self.diagnostics = diagnostics
    incomplete.isPartial = isPartial
  }

  mutating func decode(_ root: YAMLNode) -> StackSpec {
    var top = root
    let profiles = root["profiles"]
    let domains = root["domains"]
    top["profiles"] = nil
    top["domains"] = nil
    var decoder = ObjectDecoder()
    let object = decoder.decode(top, as: Vocabulary.stack, named: YAMLNode("", at: root.range))
    take(decoder)
    if root.isBroken { incomplete.isPartial = true }
    if !object.says(.stackName), !incomplete.isPartial {
      diagnostics.append(
        Diagnostic(
          "missing-key", "the spec does not name its stack", at: root.range, suggestion: "add `stack: NAME`"))
    }
    decodeProfiles(profiles)
    var stack = StackSpec(
      name: object[.stackName] ?? "", connect: object[.connect], networks: object.members("networks"),
      pools: object.members("pools"), images: object.members("images"), volumes: object.members("volumes"),
      domains: [])
    stack.networks = stack.networks.map { NetworkChecks.completed($0, into: &diagnostics) }
    var counted: [String: [String]] = [:]
    for entry in collection(domains, "domains") {
      let before = stack.domains.count
      decodeDomain(entry, into: &stack)
      if entry.value[.count] != nil { counted[entry.name] = stack.domains[before...].map(\.name) }
    }
    let decoded = diagnostics.count
    DependencyChecks.resolve(&stack.domains, counted: counted, into: &diagnostics)
    ExclusionChecks.resolve(&stack.domains, counted: counted, into: &diagnostics)
    stack.domains = stack.domains.map { [stack] in DomainDefaults.completed($0, in: stack) }
    StackChecks.check(stack, profiles: decodedProfiles.keys.sorted(), into: &diagnostics)
    let found = incomplete.unexplained(diagnostics[decoded...])
    diagnostics.replaceSubrange(decoded..., with: found)
    removeRepeated()
    return stack
  }

  // MARK: Profiles

  private mutating func decodeProfiles(_ node: YAMLNode?) {
    for entry in collection(node, "profiles") {
      profileNodes[entry.name] = entry
      var decoder = ObjectDecoder()
      // A number stands in, so that values with `${index}` are checked as well.
      decoder.index = 1
      let profile = decoder.decode(entry.value, as: Vocabulary.profile, named: entry.key)
      take(decoder)
      if !decoder.incomplete.isEmpty { incompleteProfiles.insert(entry.name) }
      if !decoder.usesIndex { decodedProfiles[entry.name] = profile }
    }
  }

  private mutating func profile(_ name: String, index: Int?) -> ObjectSpec? {
    if let decoded = decodedProfiles[name] { return decoded }
    guard let entry = profileNodes[name] else { return nil }
    var decoder = ObjectDecoder()
    decoder.index = index
    let profile = decoder.decode(entry.value, as: Vocabulary.profile, named: entry.key)
    take(decoder)
    return profile
  }

  // MARK: Domains

  private mutating func decodeDomain(_ entry: YAMLEntry, into stack: inout StackSpec) {
    let counted = entry.value[.count] != nil
    var (first, usesIndex) = domain(entry, index: counted ? 1 : nil)
    guard counted else {
      stack.domains.append(first)
      return
    }
    let count = first[.count] ?? 1
    first.set(.count, to: nil)
    for number in 1...max(count, 1) {
      var object = number == 1 || !usesIndex ? first : domain(entry, index: number).object
      object.set(.count, to: nil)
      object.name = "\(entry.name)-\(number)"
      stack.domains.append(object)
    }
  }

  /// A domain with its profiles merged in, and whether its number is part of its values.
  private mutating func domain(_ entry: YAMLEntry, index: Int?) -> (object: ObjectSpec, usesIndex: Bool) {
    var decoder = ObjectDecoder()
    decoder.index = index
    var object = decoder.decode(entry.value, as: Vocabulary.domain, named: entry.key)
    var usesIndex = decoder.usesIndex
    if let names = object[.profiles], let range = object.setting(.profiles)?.range {
      // From the last to the first: what is merged over something wins.
      for name in names.reversed() {
        guard let profile = profile(name, index: index) else {
          // Whatever is missing may be what the profile was to give.
          incomplete.add(entry.key.range, entry.value.range, of: object.type)
          guard !incomplete.lacksSome(of: "profiles") else { continue }
          diagnostics.append(
            Diagnostic(
              "unknown-reference", "there is no profile `\(name)`", at: range,
              suggestion: closestMatch(to: name, among: profileNodes.keys.sorted(), after: diagnostics).map {
                "did you mean `\($0)`?"
              }
                ?? "declare it under `profiles`"))
          continue
        }
        if incompleteProfiles.contains(name) {
          incomplete.add(entry.key.range, entry.value.range, of: object.type)
        }
        usesIndex = usesIndex || decodedProfiles[name] == nil
        object = object.merged(over: profile)
      }
      object.set(.profiles, to: nil)
    } else if object.hasMalformed(.profiles) {
      incomplete.add(entry.key.range, entry.value.range, of: object.type)
    }
    take(decoder)
    return (object, usesIndex)
  }

  // MARK: Helpers

  /// Keeps what a decoder has found.
  private mutating func take(_ decoder: ObjectDecoder) {
    diagnostics += decoder.diagnostics
    incomplete.formUnion(decoder.incomplete)
  }

  /// The entries of a collection whose objects are decoded one by one.
  private mutating func collection(_ node: YAMLNode?, _ key: String) -> [YAMLEntry] {
    guard let node, let collection = Vocabulary.stack.collection(key) else { return [] }
    if node.isBroken || node.entries == nil && !node.isNull { incomplete.addCollection(key) }
    guard let entries = node.entries else {
      // The decoder has the words for what is wrong.
      var decoder = ObjectDecoder()
      _ = decoder.decode(node, as: collection)
      take(decoder)
      return []
    }
    for entry in entries {
      do {
        _ = try collection.type.keyRule.normalised(entry.name)
      } catch {
        diagnostics.append(
          Diagnostic("bad-name", error.message, at: entry.key.range, suggestion: error.suggestion))
      }
    }
    return entries
  }

  /// Domains that share a node repeat its messages.
  private mutating func removeRepeated() {
    var seen: Set<Diagnostic> = []
    diagnostics.removeAll { !seen.insert($0).inserted }
  }
}

extension YAMLNode {
  /// The node of a field that stands at the top of its object; nil where the object does not say it.
  subscript<Content>(key: FieldKey<Content>) -> YAMLNode? { self[key.name] }
}
