// What libvirt changes in a network while it runs, found by comparing what runs with what is stored.

import Libvirt
import XMLTree

/// One change of a running network.
struct NetworkUpdate {
  var command: LibvirtNetwork.UpdateCommand
  var section: LibvirtNetwork.Section
  /// The index of the `ip` element that the part is in.
  var parent = -1
  var xml: XMLElement

  /// The changes that make what runs like what is stored, what is to go first: a changed host leaves and comes anew.
  ///
  /// - Parameter fields: the fields of the vocabulary that are meant.
  static func all(from running: XMLElement, to stored: XMLElement, fields: Set<String>) -> [NetworkUpdate] {
    var updates: [NetworkUpdate] = []
    if fields.contains("dhcp.hosts") {
      let addresses = (running.all("ip"), stored.all("ip"))
      for index in addresses.0.indices where index < addresses.1.count {
        let hosts = { (ip: XMLElement) in ip.all("dhcp").flatMap { $0.all("host") } }
        updates += changes(
          .dhcpHost, parent: index, from: hosts(addresses.0[index]), to: hosts(addresses.1[index]))
      }
    }
    for (field, section, name) in [
      ("dns.hosts", LibvirtNetwork.Section.dnsHost, "host"), ("dns.texts", .dnsText, "txt"),
      ("dns.services", .dnsService, "srv"),
    ] where fields.contains(field) {
      let parts = { (network: XMLElement) in network.all("dns").flatMap { $0.all(name) } }
      updates += changes(section, parent: -1, from: parts(running), to: parts(stored))
    }
    return updates.filter { $0.command == .delete } + updates.filter { $0.command != .delete }
  }

  private static func changes(
    _ section: LibvirtNetwork.Section, parent: Int, from old: [XMLElement], to new: [XMLElement]
  ) -> [NetworkUpdate] {
    let isSame = { (left: XMLElement, right: XMLElement) in difference(left, right).isEmpty }
    let gone = old.filter { one in !new.contains { isSame(one, $0) } }
    let added = new.filter { one in !old.contains { isSame(one, $0) } }
    return gone.map { NetworkUpdate(command: .delete, section: section, parent: parent, xml: $0) }
      + added.map { NetworkUpdate(command: .addLast, section: section, parent: parent, xml: $0) }
  }
}
