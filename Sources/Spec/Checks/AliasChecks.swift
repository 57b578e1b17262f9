// Aliases of devices are unique in a domain: those that entries say, and those that their keys stand for.

import Diagnostics
import Vocabulary

/// Checks the aliases of one domain's devices.
enum AliasChecks {
  static func check(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let devices = domain.type.collections.flatMap { collection in
      collection.type.device.map { rule in domain.members(collection.key).map { (rule, collection.key, $0) } } ?? []
    }
    var seen: [String: (name: String, range: SourceRange)] = [:]
    for (rule, collection, device) in devices where rule.identity == .alias && !saysAlias(device) {
      let alias = DeviceIdentity.alias(kind: device.type.name, key: device.name)
      seen[alias] = ("\(collection).\(device.name), which has this alias because of its key", device.range)
    }
    for (_, collection, device) in devices {
      guard let alias = device[ifKnown: .alias], let setting = device.setting(.alias) else { continue }
      let name = "\(collection).\(device.name)"
      guard let other = seen.updateValue((name, setting.range), forKey: alias) else { continue }
      diagnostics.append(
        Diagnostic(
          "conflict", "two devices have the alias \(alias)", at: setting.range, subject: domain.title,
          suggestion: "give each its own alias, or leave the alias out",
          notes: [.init("the other one: \(other.name)", at: other.range)]))
    }
  }

  private static func saysAlias(_ device: ObjectSpec) -> Bool { device.type.has(.alias) && device.says(.alias) }
}
