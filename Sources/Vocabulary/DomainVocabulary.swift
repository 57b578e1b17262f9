// The table of a domain's own fields. Its devices have tables of their own.

import XMLTree

extension Vocabulary {
  /// A guest.
  public static let domain = ObjectType(
    "domain", "A guest: libvirt's domain, its disks and its devices.",
    // What decides what else there is comes first: a type before its parts, firmware before its image.
    fields: domainLifecycle + domainGeneral + domainMemory + domainProcessors + domainNUMA + domainSystem
      + domainSystemInformation + domainFeatures + domainHyperV + domainClock + domainEvents + domainTuning
      + domainResources + domainSecurity + domainPassthrough
      + [.xml(of: "domain", reference: "formatdomain.html")],
    groups: [FieldGroup("shutdown", "How a guest is stopped.")] + memoryGroups + processorGroups + numaGroups
      + systemGroups + systemInformationGroups + featureGroups + clockGroups + generalGroups + tuningGroups
      + securityGroups + passthroughGroups,
    collections: [
      .init("disks", disk), .init("controllers", controller), .init("interfaces", interface), .init("serials", serial),
      .init("parallels", parallel), .init("consoles", console), .init("channels", channel),
      .init("smartcards", smartcard), .init("inputs", input), .init("tpms", tpm), .init("graphics", graphics),
      .init("videos", video), .init("hubs", hub), .init("watchdogs", watchdog), .init("memballoons", memballoon),
      .init("rngs", rng), .init("panics", panic), .init("vsocks", vsock), .init("shmems", shmem),
      .init("iommus", iommu), .init("filesystems", filesystem), .init("hostdevs", hostDevice),
      .init("redirdevs", redirectedDevice), .init("sounds", sound), .init("audios", audio),
      .init("cryptos", crypto), .init("memory-devices", memoryDevice),
      .init("snapshots", snapshot),
    ], keyRule: .domainName)

  private static let domainLifecycle: [Field] = [
    Field(
      "state", .enumeration(["running", "stopped", "paused", "absent", "any"]),
      """
      What the guest should be doing. `any`, the default, leaves it as it is and does not start a new one. `absent` takes \
      the domain away, and leaves its disks.
      """,
      effect: .live),
    Field(
      "autostart", .boolean, "Whether libvirt starts the guest when the host starts. Left as it is when not given.",
      effect: .define, reference: "html/libvirt-libvirt-domain.html#virDomainSetAutostart"),
    Field(
      "count", .integer(1...10_000),
      """
      Makes this many domains of the entry, named with a hyphen and their number: `web-1`, `web-2`. `${index}` in a \
      value stands for the number.
      """, effect: .replace),
    Field(
      "defaults", .enumeration(["vireo", "libvirt"]),
      """
      Who completes a new domain: `vireo`, the default, with today's hardware, a console, an agent's channel and free \
      ports; `libvirt` with what the spec says and no more, which is what an imported domain needs.
      """, effect: .define),
    Field(
      "profiles", .list(of: .reference(collection: "profiles")),
      "Profiles whose values the domain takes where it has none of its own; a later one wins over an earlier one.",
      effect: .define),
    Field(
      "max-effect", .enumeration(Effect.allCases.map(\.rawValue)),
      """
      How disruptive a change of the domain may be. A plan with a change that costs more is refused, and names it. \
      `define` is the least, then come `live`, `next-boot`, `restart`, `offline`, `replace` and `data-loss`.
      """, effect: .define),
    Field(
      "renamed-from", .text(.domainName),
      """
      The name that the domain had. A stopped domain of that name is given the new one, and keeps UUID, snapshots, disks and \
      UEFI variables; where there is none the field says nothing, and can be left out.
      """, effect: .define, isRecorded: false, reference: "html/libvirt-libvirt-domain.html#virDomainRename"),
    Field(
      "protect", .boolean,
      """
      Whether the domain is never deleted, whatever a spec or a command says. It is kept with the domain itself: to take \
      the protection away, apply `false`.
      """, effect: .define),
    Field(
      "restart-policy", .enumeration(["never", "when-needed"]),
      """
      Whether an apply may restart the running guest for what cannot be changed as it runs. `never`, the default, leaves \
      that waiting for the next start. With `when-needed` the guest is asked to shut down, as `shutdown` says, and started \
      again; one that does not start with its new definition gets the old one back.
      """, effect: .define),
    Field(
      "shutdown.timeout", .duration,
      "How long a guest that is asked to shut down may take; 2 min when not given.", effect: .define),
    Field(
      "shutdown.force-off", .boolean,
      """
      Whether a guest that has not shut down in time may be forced off, which is like pulling the plug. Without this \
      consent the stop fails and the guest goes on.
      """, effect: .define),
  ]
}
