// What no two objects can have in common: UUIDs, and MAC addresses on one network.

import Diagnostics
import Vocabulary

/// Checks UUIDs and MAC addresses over a stack.
enum IdentityChecks {
  static func check(_ stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    for objects in [stack.domains, stack.networks, stack.pools] { checkUUIDs(objects, into: &diagnostics) }
    checkMACAddresses(stack.domains, into: &diagnostics)
  }

  // MARK: UUIDs

  private static func checkUUIDs(_ objects: [ObjectSpec], into diagnostics: inout [Diagnostic]) {
    let owners = Dictionary(grouping: objects.filter { $0.setting(.uuid) != nil }) { $0.setting(.uuid)!.value }
    var reported: Set<SourceRange> = []
    for object in objects {
      guard let setting = object.setting(.uuid), let others = owners[setting.value], others.count > 1,
        let first = others.first, first.name != object.name || first.range != object.range,
        reported.insert(setting.range).inserted
      else { continue }
      let other = first.setting(.uuid)?.range
      let isCounted = first.range == object.range
      diagnostics.append(
        Diagnostic(
          isCounted ? "shared-uuid" : "duplicate-value",
          isCounted
            ? "\(others.count) domains cannot have one UUID"
            : "\(object.title) cannot have the UUID of \(first.title)", at: setting.range,
          suggestion: isCounted ? "leave it out: each gets its own" : "leave it out: each object gets its own",
          notes: other == setting.range ? [] : other.map { [.init("the other one", at: $0)] } ?? []))
    }
  }

  // MARK: MAC addresses

  /// An interface with an address that the spec states.
  private struct Owner {
    let domain: ObjectSpec
    let setting: Setting
  }

  /// libvirt takes an address that is there twice, also in one guest, and a host may have two guests with one that never run
  /// side by side: that is a warning. All domains of one `count` cannot have one.
  private static func checkMACAddresses(_ domains: [ObjectSpec], into diagnostics: inout [Diagnostic]) {
    var owners: [Value: Owner] = [:]
    var reported: Set<SourceRange> = []
    for domain in domains {
      for interface in domain.members("interfaces") {
        guard let setting = interface.setting(.mac) else { continue }
        let owner = Owner(domain: domain, setting: setting)
        guard let other = owners.updateValue(owner, forKey: setting.value), reported.insert(setting.range).inserted
        else { continue }
        diagnostics.append(problem(owner, other))
      }
    }
  }

  private static func problem(_ owner: Owner, _ other: Owner) -> Diagnostic {
    let (address, range) = (owner.setting.value, owner.setting.range)
    let remedy = "leave it out: each interface gets its own address"
    guard owner.domain.range == other.domain.range, owner.domain.name != other.domain.name else {
      return Diagnostic(
        .warning, "duplicate-mac", "the MAC address \(address) belongs to another interface", at: range,
        subject: owner.domain.title, suggestion: remedy,
        notes: other.setting.range == range ? [] : [.init("used here", at: other.setting.range)])
    }
    return Diagnostic(
      "duplicate-mac", "the domains that `count` creates cannot all have the MAC address \(address)", at: range,
      suggestion: remedy)
  }
}
