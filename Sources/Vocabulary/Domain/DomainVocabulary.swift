// The table of a domain's own fields. Its devices have tables of their own.

import XMLTree

extension Vocabulary {
  /// A guest.
  public static let domain: ObjectType = ObjectType(
    "domain", "A guest: libvirt's domain, its disks and its devices.",
    // What decides what else there is comes first: a type before its parts, firmware before its image.
    fields: domainLifecycle + domainGeneral + domainMemory + domainProcessors + domainNUMA + domainSystem
      + domainSystemInformation + domainFeatures + domainHyperV + domainClock + domainEvents + domainTuning
      + domainThrottling
      + domainResources + domainSecurity + domainPassthrough
      + [.unmanage, .sensitive, .xml(of: "domain", reference: "formatdomain.html")],
    groups: lifecycleGroups + memoryGroups + processorGroups + numaGroups
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
      .init("cryptos", crypto), .init("pstores", persistentStore), .init("memory-devices", memoryDevice),
      .init("snapshots", snapshot),
    ], keyRule: .domainName)
}
