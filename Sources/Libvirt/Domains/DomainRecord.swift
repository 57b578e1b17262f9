// All that libvirt says about a domain, read once and kept as a value.

/// A domain as it was when it was read.
public struct DomainRecord: Sendable {
  /// For changing the domain, or reading it again.
  public let handle: LibvirtDomain
  /// The name, unique among the connection's domains; a rename changes it.
  public let name: String
  /// In libvirt's notation, lower case with hyphens.
  public let uuid: String
  /// What the domain was doing when it was read; it may have changed since.
  public let state: DomainState
  /// There is a guest: running, paused, or kept after a crash.
  public let isActive: Bool
  /// The definition is stored. `false`: the domain ends with its guest.
  public let isPersistent: Bool
  /// Starts with the host.
  public let autostart: Bool
  /// A saved memory image waits, which the next start would resume.
  public let hasManagedSave: Bool
  /// The definition that the next start uses, with secrets unless the connection is read-only.
  public let inactiveXML: String
  /// The running guest's definition, without secrets; `nil` unless active.
  public let runningXML: String?
}

/// The domains of a connection, as records or what was made of them.
public struct DomainListing<Record: Sendable>: Sendable {
  /// In order of the domains' names.
  public let records: [Record]
  /// Domains that could not be read, in order of their names. The others are not affected.
  public let failures: [UnreadableDomain]
}

/// A domain that is listed, but whose XML could not be read.
public struct UnreadableDomain: Sendable {
  /// The name, as the listing gave it.
  public let name: String
  /// In libvirt's notation, lower case with hyphens.
  public let uuid: String
  /// Why libvirt did not give its XML. A domain that no longer exists is left out of the listing instead.
  public let error: LibvirtError
}
