// What no single value can be wrong about: references, rules between fields, names that must differ.

import Diagnostics
import Vocabulary

/// Checks a stack as a whole.
enum StackChecks {
  static func check(_ stack: StackSpec, profiles: [String], into diagnostics: inout [Diagnostic]) {
    for object in stack.networks + stack.pools + stack.images + stack.volumes {
      FieldRuleChecks.check(object, into: &diagnostics)
      checkReferences(object, in: stack, into: &diagnostics)
    }
    for object in stack.networks + stack.pools + stack.domains {
      FragmentChecks.check(object, into: &diagnostics)
      SensitiveChecks.check(object, into: &diagnostics)
    }
    for object in stack.networks + stack.domains { UnmanagedChecks.check(object, into: &diagnostics) }
    for network in stack.networks { NetworkChecks.check(network, into: &diagnostics) }
    NetworkChecks.checkTogether(stack.networks, into: &diagnostics)
    for pool in stack.pools { PoolChecks.check(pool, into: &diagnostics) }
    for image in stack.images { PoolChecks.checkHoldsFiles(image, in: stack, into: &diagnostics) }
    for volume in stack.volumes { VolumeChecks.check(volume, in: stack, into: &diagnostics) }
    VolumeChecks.checkTogether(stack, into: &diagnostics)
    checkDistinct(stack.pools.filter(\.holdsFiles), .path, "two pools cannot be one folder", into: &diagnostics)
    var names: [String: SourceRange] = [:]
    for domain in stack.domains {
      if let other = names.updateValue(domain.range, forKey: domain.name) {
        diagnostics.append(
          Diagnostic(
            "duplicate-name", "two domains are called `\(domain.name)`", at: domain.range,
            suggestion: "rename one; `count` adds a hyphen and a number", notes: [.init("the other one", at: other)]))
      }
      FieldRuleChecks.check(domain, into: &diagnostics)
      for collection in domain.type.collections {
        for member in domain.members(collection.key) { FieldRuleChecks.check(member, into: &diagnostics) }
      }
      DomainChecks.check(domain, in: stack, into: &diagnostics)
    }
    IdentityChecks.check(stack, into: &diagnostics)
    SharedDiskChecks.check(stack, into: &diagnostics)
  }

  /// Names of other objects that a field refers to.
  static func checkReferences(_ object: ObjectSpec, in stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    for field in object.type.fields {
      guard case .reference(let collection) = field.type, let setting = object.settings[field],
        let name = setting.value.string
      else { continue }
      let objects = ["pools": stack.pools, "volumes": stack.volumes][collection] ?? stack.images
      guard !objects.contains(where: { $0.name == name }) else { continue }
      diagnostics.append(
        Diagnostic(
          "unknown-reference", "there is no \(object.type.displayName(of: field)) `\(name)`", at: setting.range,
          suggestion: closestMatch(to: name, among: objects.map(\.name), after: diagnostics).map {
            "did you mean `\($0)`?"
          }
            ?? "declare it under `\(collection)`"))
    }
  }

  private static func checkDistinct(
    _ objects: [ObjectSpec], _ key: FieldKey<String>, _ message: String, into diagnostics: inout [Diagnostic]
  ) {
    var seen: [Value: SourceRange] = [:]
    for object in objects {
      guard let setting = object.setting(key) else { continue }
      // One setting of several, which `count` has made, is reported by itself.
      if let other = seen.updateValue(setting.range, forKey: setting.value), other != setting.range {
        diagnostics.append(
          Diagnostic(
            "duplicate-value", message, at: setting.range,
            notes: [.init("the other one", at: other)]))
      }
    }
  }
}
