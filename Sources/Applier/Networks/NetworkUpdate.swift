// What libvirt changes in a network while it runs, found by comparing what runs with what is stored.

import Libvirt
import Vocabulary
import XMLTree

/// One change of a running network.
struct NetworkUpdate {
  var command: LibvirtNetwork.UpdateCommand
  var section: LibvirtNetwork.Section
  /// The index of the `ip` element that the part is in.
  var parent = -1
  var xml: XMLElement

  /// The changes that make what runs like what is stored, what is to go first: a changed host leaves and comes again.
  ///
  /// - Parameter fields: the fields of the vocabulary that are meant.
  static func all(from running: XMLElement, to stored: XMLElement, fields: Set<Field>) -> [NetworkUpdate] {
    var updates: [NetworkUpdate] = []
    let type = Vocabulary.network
    for (field, section, name) in [
      (type[.dhcpRanges], LibvirtNetwork.Section.dhcpRange, "range"), (type[.dhcpHosts], .dhcpHost, "host"),
    ] where fields.contains(field) {
      let addresses = (running.all("ip"), stored.all("ip"))
      for index in addresses.0.indices where index < addresses.1.count {
        let parts = { (ip: XMLElement) in ip.all("dhcp").flatMap { $0.all(name) } }
        updates += changes(
          section, parent: index, from: parts(addresses.0[index]), to: parts(addresses.1[index]))
      }
    }
    if fields.contains(type[.portGroups]) {
      updates += changes(
        .portGroup, parent: -1, from: running.all("portgroup"), to: stored.all("portgroup"), key: "name")
    }
    if fields.contains(type[.devices]) {
      // libvirt counts in what runs who is connected to each.
      let devices = { (network: XMLElement) in
        network.all("forward").flatMap { $0.all("interface") }.map { interface in
          var bare = interface
          bare[attribute: "connections"] = nil
          return bare
        }
      }
      updates += changes(.forwardInterface, parent: -1, from: devices(running), to: devices(stored))
    }
    for (field, section, name) in [
      (type[.dnsHosts], LibvirtNetwork.Section.dnsHost, "host"), (type[.dnsTexts], .dnsText, "txt"),
      (type[.dnsServices], .dnsService, "srv"),
    ] where fields.contains(field) {
      let parts = { (network: XMLElement) in network.all("dns").flatMap { $0.all(name) } }
      updates += changes(section, parent: -1, from: parts(running), to: parts(stored))
    }
    return updates.filter { $0.command == .delete } + updates.filter { $0.command != .delete }
  }

  /// - Parameter key: the attribute by which libvirt finds a part that it can change in place; nil where it cannot.
  private static func changes(
    _ section: LibvirtNetwork.Section, parent: Int, from old: [XMLElement], to new: [XMLElement], key: String? = nil
  ) -> [NetworkUpdate] {
    let isSame = { (left: XMLElement, right: XMLElement) in difference(left, right).isEmpty }
    func isKept(_ part: XMLElement, in others: [XMLElement]) -> Bool {
      guard let key else { return false }
      return others.contains { $0[attribute: key] == part[attribute: key] }
    }
    let gone = old.filter { one in !new.contains { isSame(one, $0) } && !isKept(one, in: new) }
    let added = new.filter { one in !old.contains { isSame(one, $0) } }
    return gone.map { NetworkUpdate(command: .delete, section: section, parent: parent, xml: $0) }
      + added.map { part in
        NetworkUpdate(
          command: isKept(part, in: old) ? .modify : .addLast, section: section, parent: parent, xml: part)
      }
  }
}
