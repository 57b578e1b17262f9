// What the spec asks for and the host's libvirt is too old for: said while planning, at the line that asks.

import Diagnostics
import Spec
import Versions
import Vocabulary
import XMLTree

extension PlanBuilder {
  /// Checks that the host's libvirt knows what a field says.
  ///
  /// - Parameters:
  ///   - name: the field as the spec writes it: `disks.root.throttle-groups`.
  ///   - definition: the element that the host has; what is so already needs nothing.
  func checkVersion(
    of field: Field, _ setting: Setting, named name: @autoclosure () -> String, in definition: XMLElement?,
    for object: ObjectReference
  ) {
    guard let version = inventory.host.libvirtVersion,
      let requirement = field.requirements(of: setting.value).first(where: { $0.version > version })
    else { return }
    if let definition, field.isMet(setting.value, in: definition) { return }
    refuse(name() + requirement.part, requirement.version, at: setting.range, for: object)
  }

  /// Checks that the host's libvirt knows a kind of device.
  func checkVersion(of device: ObjectSpec, named name: String, for object: ObjectReference) {
    guard let version = inventory.host.libvirtVersion, let since = device.type.since, since > version else { return }
    refuse(name, since, at: device.range, for: object)
  }

  /// Checks that the host's libvirt can do without slots for memory devices.
  func checkMemorySlots(of domain: ObjectSpec, for object: ObjectReference) {
    guard let version = inventory.host.libvirtVersion, let size = domain.setting(.maxMemorySize),
      domain[.maxMemorySlots] == nil, domain[.xml] == nil, version < LibvirtVersion(9, 5)
    else { return }
    refuse("max-memory without `slots`", LibvirtVersion(9, 5), at: size.range, for: object)
  }

  private func refuse(
    _ name: String, _ since: LibvirtVersion, at range: SourceRange, for object: ObjectReference
  ) {
    refuse(
      "libvirt-version",
      "\(name) needs libvirt \(since.shortDescription); this host has \(inventory.host.libvirtVersion!)", at: range,
      subject: object, suggestion: "leave it out, or upgrade libvirt on the host")
  }
}
