// The flags of libvirt's domain calls, as option sets with libvirt's own numbers (libvirt/libvirt-domain.h).

import CLibvirt

/// Which of a domain's two definitions a change is made to. Empty: the running one if it runs, else the stored one.
public struct DomainChangeScope: OptionSet, Hashable, Sendable {
  /// The bits of virDomainModificationImpact. `current` is 0, `live` 1, `config` 2.
  public let rawValue: UInt32
  /// Takes libvirt's bits as they are; bits without a name here reach libvirt, too.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The running guest. Fails with code 55 if it is not running.
  public static let live = DomainChangeScope(rawValue: UInt32(VIR_DOMAIN_AFFECT_LIVE.rawValue))
  /// The stored definition, for the next start. Fails with code 55 on a transient domain.
  public static let config = DomainChangeScope(rawValue: UInt32(VIR_DOMAIN_AFFECT_CONFIG.rawValue))
}

/// How to start a domain (virDomainCreateFlags).
public struct DomainStartOptions: OptionSet, Hashable, Sendable {
  /// The bits of virDomainCreateFlags.
  public let rawValue: UInt32
  /// Takes libvirt's bits as they are; bits without a name here reach libvirt, too.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Leave the guest paused before its first instruction.
  public static let paused = DomainStartOptions(rawValue: UInt32(VIR_DOMAIN_START_PAUSED.rawValue))
  /// Boot afresh and drop a managed save image.
  public static let forceBoot = DomainStartOptions(rawValue: UInt32(VIR_DOMAIN_START_FORCE_BOOT.rawValue))
}

/// How to ask a guest to shut down (virDomainShutdownFlagValues). Empty: the hypervisor chooses.
public struct DomainShutdownOptions: OptionSet, Hashable, Sendable {
  /// The bits of virDomainShutdownFlagValues.
  public let rawValue: UInt32
  /// Takes libvirt's bits as they are; bits without a name here reach libvirt, too.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Press the power button.
  public static let acpi = DomainShutdownOptions(rawValue: UInt32(VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN.rawValue))
  /// Ask the guest agent.
  public static let agent = DomainShutdownOptions(rawValue: UInt32(VIR_DOMAIN_SHUTDOWN_GUEST_AGENT.rawValue))
}

/// What undefining a domain takes with it (virDomainUndefineFlagsValues). Without the flag that fits, a domain that has
/// managed save, snapshots, checkpoints or NVRAM is refused with code 55; TPM state is deleted unless ``keepTPM`` is given.
public struct DomainUndefineOptions: OptionSet, Hashable, Sendable {
  /// The bits of virDomainUndefineFlagsValues.
  public let rawValue: UInt32
  /// Takes libvirt's bits as they are; bits without a name here reach libvirt, too.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Delete the managed save image.
  public static let managedSave = DomainUndefineOptions(
    rawValue: UInt32(VIR_DOMAIN_UNDEFINE_MANAGED_SAVE.rawValue))
  /// Forget the snapshots; their contents stay in the image files.
  public static let snapshotsMetadata = DomainUndefineOptions(
    rawValue: UInt32(VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA.rawValue))
  /// Forget the checkpoints.
  public static let checkpointsMetadata = DomainUndefineOptions(
    rawValue: UInt32(VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA.rawValue))
  /// Delete the file of UEFI variables.
  public static let nvram = DomainUndefineOptions(rawValue: UInt32(VIR_DOMAIN_UNDEFINE_NVRAM.rawValue))
  /// Keep the file of UEFI variables.
  public static let keepNVRAM = DomainUndefineOptions(rawValue: UInt32(VIR_DOMAIN_UNDEFINE_KEEP_NVRAM.rawValue))
  /// Delete the TPM's state (libvirt 8.9 or later).
  public static let tpm = DomainUndefineOptions(rawValue: UInt32(VIR_DOMAIN_UNDEFINE_TPM.rawValue))
  /// Keep the TPM's state (libvirt 8.9 or later).
  public static let keepTPM = DomainUndefineOptions(rawValue: UInt32(VIR_DOMAIN_UNDEFINE_KEEP_TPM.rawValue))
}

/// Which XML of a domain to read (virDomainXMLFlags). Empty: the running definition if it runs, without secrets.
public struct DomainXMLOptions: OptionSet, Hashable, Sendable {
  /// The bits of virDomainXMLFlags.
  public let rawValue: UInt32
  /// Takes libvirt's bits as they are; bits without a name here reach libvirt, too.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// With passwords. Refused with code 29 on a read-only connection.
  public static let secure = DomainXMLOptions(rawValue: UInt32(VIR_DOMAIN_XML_SECURE.rawValue))
  /// The stored definition, whether the domain runs or not.
  public static let inactive = DomainXMLOptions(rawValue: UInt32(VIR_DOMAIN_XML_INACTIVE.rawValue))
}

/// What a number of vcpus is about, beside its scope (virDomainVcpuFlags).
public struct DomainVcpuOptions: OptionSet, Hashable, Sendable {
  /// The bits of virDomainVcpuFlags that are not in ``DomainChangeScope``.
  public let rawValue: UInt32
  /// Takes libvirt's bits as they are; bits without a name here reach libvirt, too.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The most vcpus that the domain can have, not the present number. Only in the stored definition.
  public static let maximum = DomainVcpuOptions(rawValue: UInt32(VIR_DOMAIN_VCPU_MAXIMUM.rawValue))
  /// On- and offline vcpus inside the guest, through its agent.
  public static let guest = DomainVcpuOptions(rawValue: UInt32(VIR_DOMAIN_VCPU_GUEST.rawValue))
  /// Added vcpus can be removed again while the guest runs.
  public static let hotpluggable = DomainVcpuOptions(rawValue: UInt32(VIR_DOMAIN_VCPU_HOTPLUGGABLE.rawValue))
}

/// What a piece of a domain's metadata is (virDomainMetadataType).
public enum DomainMetadataKind: Hashable, Sendable {
  /// The text of `title`: one line.
  case title
  /// The text of `description`, which may have several lines.
  case description
  /// The one element of this XML namespace.
  case element(namespace: String)
}
