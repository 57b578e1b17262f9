// What guests a host can run, from libvirt's capabilities document.

public import XMLTree

/// The guests that a host can run.
public struct Capabilities: Sendable, Hashable {
  /// The host's own processor architecture.
  public var arch: String
  /// Domain types (`kvm`, `qemu`) by guest architecture.
  public var domainTypes: [String: Set<String>]
  /// Machine types by guest architecture, aliases such as `q35` among them.
  public var machines: [String: Set<String>]

  /// Capabilities from their parts, with libvirt's names: `x86_64`, `kvm`, `q35`.
  public init(arch: String, domainTypes: [String: Set<String>], machines: [String: Set<String>] = [:]) {
    self.arch = arch
    self.domainTypes = domainTypes
    self.machines = machines
  }

  /// Reads the document that `virConnectGetCapabilities` gives (libvirt, formatcaps.html).
  public init(_ document: XMLElement) {
    arch = document.value(at: "host/cpu/arch") ?? "x86_64"
    domainTypes = [:]
    machines = [:]
    for guest in document.all("guest") where guest.value(at: "os_type") == "hvm" {
      guard let arch = guest.first("arch"), let name = arch[attribute: "name"] else { continue }
      let domains = arch.all("domain")
      domainTypes[name] = Set(domains.compactMap { $0[attribute: "type"] })
      // A domain type with an emulator of its own has its own list of machines.
      machines[name] = Set(([arch] + domains).flatMap { $0.all("machine").map(\.text) })
    }
  }
}
