// Planning what a spec says of a domain in libvirt's own XML, once its fields and devices are in place.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// What becomes of a domain's own fragment.
enum DomainFragment {
  /// Merges the fragment into the definition.
  static func plan(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], in definition: inout XMLElement
  ) -> DomainPart {
    var part = DomainPart(context)
    part.findings += refuseDevices(context, identities, definition)
    part += context.plan(
      fragmentOf: context.spec, of: OwnershipRecord.itself, in: &definition, isNew: context.isNew, isShown: true,
      running: context.running)
    part.findings += refuseFilesOfOthers(context, identities, definition)
    return part
  }

  /// The domain's fragment cannot say what a device is that has an entry of its own: its file, its network, its alias.
  private static func refuseDevices(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], _ definition: XMLElement
  ) -> Findings {
    var findings = Findings(about: context.object)
    guard let setting = context.spec.setting(.xml), let fragment = context.spec[.xml],
      fragment.root.first("devices") != nil
    else { return findings }
    var merged = definition
    fragment.merge(into: &merged)
    for (name, identity) in identities.sorted(by: { $0.key < $1.key }) {
      guard let device = identity.find(in: definition),
        merged.first("devices")?.elements.contains(device) == false
      else { continue }
      findings.fail(
        "conflict", "`xml` of the domain changes the device of `\(name)`", at: setting.range,
        suggestion: "write it in that entry, with its fields or under its own `xml`")
    }
    return findings
  }

  /// Refuses disks that come from libvirt's own XML and have the file of another domain, or a base image. Those that the
  /// definition has already stay, as they are.
  private static func refuseFilesOfOthers(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], _ definition: XMLElement
  ) -> Findings {
    let (spec, stack) = (context.spec, context.stack)
    var findings = Findings(about: context.object)
    func disks(_ definition: XMLElement?) -> [XMLElement] { definition?.devices(Vocabulary.disk) ?? [] }
    func path(_ disk: XMLElement) -> String? { DiskSource.path(of: disk, in: stack.inventory).map(plainPath) }
    let present = Set(disks(context.observed?.inactive).compactMap(path))
    // What a field names is looked at where that is planned.
    let named = Set(spec.members("disks").compactMap(context.desiredPath))
    for disk in disks(definition) where !disk.exists(at: .diskReadOnly) && disk[attribute: "device"] != "cdrom" {
      guard let path = path(disk), !present.contains(path), !named.contains(path) else { continue }
      let entry = spec.members("disks").first { identities["disks.\($0.name)"]?.isMet(by: disk) ?? false }
      let range = (entry ?? spec).setting(.xml)?.range ?? entry?.range ?? spec.range
      let name = entry.map { "disks.\($0.name)" } ?? "the disk \(disk.value(at: .diskTarget) ?? "") in `xml`"
      if let image = stack.basePaths[path] {
        findings.fail(
          "base-image", "\(name) is the base image \(image), \(path), which must not change", at: range,
          suggestion: "write `image: \(image)` in an entry of `disks` for an overlay on it")
      } else if let other = stack.uses.other(
        than: context.nameOnHost, using: path, isShared: disk.exists(at: .diskShareable),
        besides: spec.exclusions)
      {
        findings.refuse(
          "shared-disk", "\(name) is \(path), a disk of the domain \(other)", at: range,
          suggestion: DiskUses.sharingRemedy)
      }
    }
    return findings
  }

  /// A path without the parts that lead nowhere else: libvirt takes any spelling.
  private static func plainPath(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}
