// What the spec asks for and the host's libvirt is too old for: said while planning, at the line that asks.

import Diagnostics
import Inventory
import Spec
import Versions
import Vocabulary
import XMLTree

extension Findings {
  /// Checks that the host's libvirt knows what a field says.
  ///
  /// - Parameters:
  ///   - name: the field as the spec writes it: `disks.root.throttle-groups`.
  ///   - definition: the element that the host has; what is so already needs nothing.
  mutating func checkVersion(
    of field: Field, _ setting: Setting, named name: @autoclosure () -> String, in definition: XMLElement?,
    on host: Inventory.Host
  ) {
    guard let version = host.libvirtVersion,
      let requirement = field.requirements(of: setting.value).first(where: { $0.version > version })
    else { return }
    if let definition, field.isMet(setting.value, in: definition) { return }
    refuse(name() + requirement.part, since: requirement.version, at: setting.range, on: version)
  }

  /// Checks that the host's libvirt knows a kind of device.
  mutating func checkVersion(of device: ObjectSpec, named name: String, on host: Inventory.Host) {
    guard let version = host.libvirtVersion, let since = device.type.since, since > version else { return }
    refuse(name, since: since, at: device.range, on: version)
  }

  /// Checks that the host's libvirt can do without slots for memory devices.
  mutating func checkMemorySlots(of domain: ObjectSpec, on host: Inventory.Host) {
    guard let version = host.libvirtVersion, let size = domain.setting(.maxMemorySize),
      domain[.maxMemorySlots] == nil, domain[.xml] == nil, version < LibvirtVersion(9, 5)
    else { return }
    refuse("max-memory without `slots`", since: LibvirtVersion(9, 5), at: size.range, on: version)
  }

  private mutating func refuse(
    _ name: String, since: LibvirtVersion, at range: SourceRange, on version: LibvirtVersion
  ) {
    refuse(
      "libvirt-version", "\(name) needs libvirt \(since.shortDescription); this host has \(version)", at: range,
      suggestion: "leave it out, or upgrade libvirt on the host")
  }
}
