// The table of persistent stores: memory in which a guest leaves what it knows when it crashes.

import Versions
import XMLTree

extension Vocabulary {
  /// Memory that outlives the guest, for the log of a kernel that crashed (`pstore`).
  public static let persistentStore = ObjectType(
    "pstore", "Memory that outlives the guest, where its kernel leaves its log when it crashes (Linux's pstore).",
    fields: [
      Field(
        "backend", .enumeration(["acpi-erst"]), "How the guest reaches it.", at: "@backend",
        initial: .string("acpi-erst"), staysWhenDropped: true, reference: reference),
      Field(
        "path", .path, "The file on the host; libvirt names one of its own if not set.", at: "path",
        staysWhenDropped: true, reference: reference),
      Field(
        "size", .size(granularity: 1024), "The size of the store.", lens: .size("size", unit: "size/@unit"),
        reference: reference
      ).required,
      DeviceFields.address,
    ],
    // A domain has one at most.
    device: DeviceRule(
      "pstore", identity: .alias, aliases: ["pstore"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey, since: LibvirtVersion(10, 6))

  private static let reference = "formatdomain.html#pstore"
}
