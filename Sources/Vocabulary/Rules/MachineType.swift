// Machine types: an alias in the spec stands for any version of its family in the definition.

/// QEMU's machine type aliases.
package enum MachineType {
  /// The family that an alias stands for: what a versioned name begins with (QEMU, `-machine help`).
  private static let families = [
    "q35": "pc-q35-", "pc": "pc-i440fx-", "virt": "virt-", "pseries": "pseries-",
    "s390-ccw-virtio": "s390-ccw-virtio-", "microvm": "microvm",
  ]

  /// Whether a machine is an alias, or a version of the family that it stands for.
  package static func isOne(_ machine: String, of alias: String) -> Bool {
    machine == alias || families[alias].map(machine.hasPrefix) ?? false
  }

  /// Whether libvirt gives a machine IDE controllers; nil for a machine that is not known here. Of x86 only the i440FX
  /// boards have any (libvirt, `qemuDomainHasBuiltinIDE`).
  package static func hasIDE(_ machine: String) -> Bool? {
    if isOne(machine, of: "pc") { return true }
    return families.keys.contains { $0 != "pc" && isOne(machine, of: $0) } ? false : nil
  }

  /// Whether a definition's machine is what the spec asks for.
  ///
  /// libvirt expands an alias once, when a domain is first defined, and keeps that version; that the
  /// host's alias means a newer version today is not a difference.
  static func isEquivalent(desired: Value, stored: Value) -> Bool {
    guard let desired = desired.string, let stored = stored.string else { return false }
    return isOne(stored, of: desired)
  }
}
