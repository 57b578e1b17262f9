// What libvirt stored beside what it was asked to store. It completes what is new or edited; what nobody touched is to stay
// as it was, and nothing that was handed to it is to vanish or to become something else. Whatever does is reported by name.

import Vocabulary
package import XMLTree

/// One thing that libvirt stored otherwise than it was asked to.
package struct UnaskedChange: Sendable, Hashable {
  /// Where: `/domain/os/loader/@type`.
  package var place: String
  /// What was handed to libvirt; nil for what it added.
  package var asked: String?
  /// What it stored; nil for what it dropped.
  package var stored: String?

  /// Whether the guest would be another machine, or have other storage or networks.
  package var isSubstance: Bool {
    // What is added is reported; what the spec needs to have or not to have is expected by its fields.
    guard asked != nil else { return false }
    let steps = placeWithoutConditions
    let isDevice = steps.hasPrefix("/domain/devices/") && steps.count(where: { $0 == "/" }) == 3
    return Self.substance.contains { steps.hasSuffix($0) || steps.contains($0 + "/") } || isDevice && stored == nil
  }

  private static let substance =
    ["/os/type", "/os/firmware", "/domain/uuid", "/domain/name", "/source", "/mac"]
    + [XMLPath.firmware, .loaderPath, .nvramPath, .diskFormat, .diskTarget, .diskBus].map { "/\($0)" }

  /// The place without what tells siblings apart: `/domain/devices/disk/source`.
  private var placeWithoutConditions: String {
    var depth = 0
    return String(
      place.filter { character in
        if character == "[" { depth += 1 }
        defer { if character == "]" { depth -= 1 } }
        return depth == 0
      })
  }

  /// The change as a clause without a subject: `dropped devices/disk/serial (abc)`. Long values are cut.
  package var description: String {
    switch (asked, stored) {
    case (nil, let stored?): "added \(name) (\(Self.short(stored)))"
    case (let asked?, nil): "dropped \(name) (\(Self.short(asked)))"
    case (let asked, let stored):
      "changed \(name) from \(Self.short(asked ?? "nothing")) to \(Self.short(stored ?? "nothing"))"
    }
  }

  private var name: String { place.hasPrefix("/domain/") ? String(place.dropFirst("/domain/".count)) : place }

  private static func short(_ text: String) -> String {
    text.isEmpty ? "nothing" : text.count > 120 ? text.prefix(119) + "…" : text
  }
}

extension UnaskedChange {
  /// Everything that is stored otherwise than it was asked for, but for what libvirt fills in as usual and for notation.
  ///
  /// - Parameters:
  ///   - asked: what was handed to libvirt.
  ///   - replaced: the definition from before; nil for a new domain.
  package static func all(
    in stored: XMLElement, asked: XMLElement, replacing replaced: XMLElement?
  ) -> [UnaskedChange] {
    let areas = DefinitionAreas(asked: asked, replaced: replaced, stored: stored)
    return areas.compare()
  }
}

/// A definition in pieces: the guest's own elements, and its devices one by one.
private struct DefinitionAreas {
  let asked: XMLElement
  let replaced: XMLElement?
  let stored: XMLElement

  /// Elements that libvirt adds to a definition that does not have them (measured with 9.0, 11.3 and 12.8).
  private static let usualElements: Set<String> = [
    "uuid", "currentMemory", "vcpu", "resource", "os", "features", "cpu", "clock", "on_poweroff", "on_reboot",
    "on_crash",
    "pm", "devices", "seclabel", "iothreads", "genid", "metadata", "sysinfo",
  ]

  /// Devices that libvirt adds to a new domain, or as others need them.
  private static let usualDevices = DeviceRule.added.union(["emulator"])

  func compare() -> [UnaskedChange] {
    let devices = (
      asked: asked.first("devices")?.elements.map { $0 } ?? [],
      stored: stored.first("devices")?.elements.map { $0 } ?? [],
      replaced: replaced?.first("devices")?.elements.map { $0 } ?? []
    )
    var changes = compare(
      XMLPairs(asked.withoutDevices.elements.map { $0 }, stored.withoutDevices.elements.map { $0 }, under: "domain"),
      path: "/domain", replaced: replaced?.elements.map { $0 } ?? [],
      // What was taken out of an existing definition is filled in again.
      usual: replaced.map { Self.usualElements.intersection($0.elements.map(\.name)) } ?? Self.usualElements)
    changes += compare(
      XMLPairs(devices.asked, devices.stored, under: "devices"), path: "/domain/devices", replaced: devices.replaced,
      usual: replaced.map { _ in Self.usualDevices.intersection(devices.replaced.map(\.name)).union(["controller"]) }
        ?? Self.usualDevices)
    changes += attributes()
    let touchesSerials =
      devices.asked.filter(Vocabulary.serial.holds) != devices.replaced.filter(Vocabulary.serial.holds)
    return changes.filter { change in
      // The first console mirrors the first serial port.
      !(touchesSerials && change.place.hasPrefix("/domain/devices/console"))
    }
  }

  /// The domain's own attributes; libvirt writes some into the definition of a running guest.
  private func attributes() -> [UnaskedChange] {
    asked.attributes.compactMap { attribute in
      let found = stored[attribute: attribute.name]
      guard found != attribute.value, attribute.name != "id" else { return nil }
      return UnaskedChange(place: "/domain/@\(attribute.name)", asked: attribute.value, stored: found)
    }
  }

  private func compare(
    _ pairs: XMLPairs, path: String, replaced: [XMLElement], usual: Set<String>
  ) -> [UnaskedChange] {
    var changes: [UnaskedChange] = []
    for pair in pairs.all {
      switch pair {
      case (let asked?, let stored?):
        if asked == stored { continue }
        let place = path + "/" + asked.label
        changes += Self.lost(asked, stored, place)
        // What is new or edited is completed; what was so before is as it was.
        if replaced.contains(asked) { changes += Self.added(asked, stored, place) }
      case (let asked?, nil):
        changes.append(
          UnaskedChange(place: path + "/" + asked.label, asked: asked.serialised(indent: nil), stored: nil))
      case (nil, let stored?) where !usual.contains(stored.name) && !replaced.contains(stored):
        changes.append(
          UnaskedChange(place: path + "/" + stored.label, asked: nil, stored: stored.serialised(indent: nil)))
      default: break
      }
    }
    return changes
  }

  /// What was handed to libvirt and is not there, or is something else.
  private static func lost(_ asked: XMLElement, _ stored: XMLElement, _ place: String) -> [UnaskedChange] {
    var merged = stored
    XMLFragment(asked).merge(into: &merged)
    return difference(stored, merged, options: .siblings).compactMap { difference in
      let change = UnaskedChange(
        place: difference.place(in: place), asked: difference.new ?? "", stored: difference.old)
      // An alias is written down as the version that it stands for.
      if change.place == "/domain/os/type/@machine", let alias = change.asked, let machine = change.stored,
        MachineType.isOne(machine, of: alias)
      {
        return nil
      }
      return change
    }
  }

  /// What libvirt stored beside it.
  private static func added(_ asked: XMLElement, _ stored: XMLElement, _ place: String) -> [UnaskedChange] {
    var merged = asked
    XMLFragment(stored).merge(into: &merged)
    return difference(asked, merged, options: .siblings).filter { $0.kind == .added }.map { difference in
      UnaskedChange(place: difference.place(in: place), asked: nil, stored: difference.new)
    }
  }
}

/// Elements of a definition with their counterparts.
private struct XMLPairs {
  var all: [(XMLElement?, XMLElement?)] = []

  init(_ asked: [XMLElement], _ stored: [XMLElement], under parent: String) {
    var names: [String] = []
    for element in asked + stored where !names.contains(element.qualifiedName) { names.append(element.qualifiedName) }
    for name in names {
      let wanted = asked.filter { $0.qualifiedName == name }
      let found = stored.filter { $0.qualifiedName == name }
      var left = Set(found.indices)
      for (element, place) in zip(wanted, counterparts(of: wanted, among: found, under: parent)) {
        if let place { left.remove(place) }
        all.append((element, place.map { found[$0] }))
      }
      all += left.sorted().map { (nil, found[$0]) }
    }
  }
}

extension XMLDifference {
  /// The path with the element's own name replaced by where the element is.
  fileprivate func place(in place: String) -> String {
    place + path.dropFirst().drop { $0 != "/" }
  }
}

extension XMLElement {
  fileprivate var withoutDevices: XMLElement {
    var result = self
    result.removeAll("devices")
    return result
  }

  /// The name, and what tells the element from its siblings.
  fileprivate var label: String {
    for path in [.alias, .diskTarget, .interfaceMAC, "@index", "@type"] as [XMLPath] {
      guard let value = value(at: path), path != "@type" || ["controller", "graphics", "input"].contains(name) else {
        continue
      }
      let type = path == "@index" ? self[attribute: "type"].map { "@type='\($0)' and " } ?? "" : ""
      return "\(qualifiedName)[\(type)\(path)='\(value)']"
    }
    return qualifiedName
  }
}
