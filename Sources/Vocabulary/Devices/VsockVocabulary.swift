// The table of sockets between the host and a guest (vsock).

import XMLTree

extension Vocabulary {
  /// A socket between host and guest.
  public static let vsock = ObjectType(
    "vsock", "A socket between host and guest that needs no network.",
    fields: [
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional"]), "The model.", at: "@model",
        staysWhenDropped: true, reference: "formatdomain.html#vsock"),
      .yesNo(
        "cid.auto", "Whether libvirt picks a free address at each start.", at: "cid/@auto",
        reference: "formatdomain.html#vsock"),
      Field(
        "cid.address", .integer(3...Int(UInt32.max)), "The guest's address.", at: "cid/@address",
        reference: "formatdomain.html#vsock"),
    ] + DeviceFields.virtio + [DeviceFields.acpiIndex, DeviceFields.address],
    groups: [DeviceFields.driverGroup, FieldGroup("cid", "The guest's address on the socket.", shorthand: "address")],
    device: DeviceRule(
      "vsock", identity: .alias, aliases: ["vsock"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.live(needs: [.rootPort])], addition: .never),
    keyRule: .deviceKey)
}
