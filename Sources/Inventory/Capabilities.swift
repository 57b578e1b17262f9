// What guests a host can run, from libvirt's capabilities document.

public import XMLTree

/// The guests that a host can run.
public struct Capabilities: Sendable, Hashable {
  /// The host's own processor architecture.
  public var arch: String
  /// Domain types (`kvm`, `qemu`) by guest architecture.
  public var domainTypes: [String: Set<String>]

  public init(arch: String, domainTypes: [String: Set<String>]) {
    self.arch = arch
    self.domainTypes = domainTypes
  }

  /// Reads the document that `virConnectGetCapabilities` gives (libvirt, formatcaps.html).
  public init(_ document: XMLElement) {
    arch = document.value(at: "host/cpu/arch") ?? "x86_64"
    domainTypes = [:]
    for guest in document.all("guest") where guest.value(at: "os_type") == "hvm" {
      guard let arch = guest.first("arch"), let name = arch[attribute: "name"] else { continue }
      domainTypes[name] = Set(arch.all("domain").compactMap { $0[attribute: "type"] })
    }
  }
}
