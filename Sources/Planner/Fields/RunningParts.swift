// What libvirt gives a guest as it runs and takes out of any definition that it is handed. A transient domain has no
// stored definition, so what libvirt says of it has these parts, and the definition to store must not ask for them.

import Vocabulary
import XMLTree

extension XMLElement {
  /// Takes out of a domain's definition what only a running guest has: the aliases that libvirt chose (a user's own
  /// begins with `ua-`), and the path of a channel's socket below libvirt's own folder.
  mutating func removeRunningParts() {
    update("devices", create: false) { devices in
      for kind in Set(devices.elements.map(\.name)) {
        devices.updateAll(kind) { device in
          device.removeAll("alias") { $0[attribute: "name"]?.hasPrefix("ua-") != true }
          guard Vocabulary.channel.holds(device), device[attribute: "type"] == "unix" else { return }
          device.removeAll("source") { source in
            let path = source[attribute: "path"] ?? ""
            return source[attribute: "mode"] == "bind" && path.contains("/channel/target/domain-")
          }
        }
      }
    }
  }
}
