// How a guest is stopped, and when it is ready: rules of the spec that steps carry with them.

import Spec
import Vocabulary
package import XMLTree

/// How a guest is stopped.
public struct Shutdown: Sendable, Hashable, Codable {
  /// Who is asked to shut the guest down.
  public enum Mode: String, Sendable, Hashable, Codable {
    /// The agent in the guest.
    case agent
    /// The power button.
    case acpi
  }

  /// How long the guest may take, in seconds.
  public var timeout: Int
  /// Whether one that takes longer may be forced off.
  public var forceOff: Bool
  /// Who is asked; nil for the agent where one answers, and the power button otherwise.
  public var mode: Mode?

  /// A rule, by default Vireo's: two minutes, never forced off, the agent where one answers.
  public init(timeout: Int = 120, forceOff: Bool = false, mode: Mode? = nil) {
    self.timeout = timeout
    self.forceOff = forceOff
    self.mode = mode
  }

  /// What a spec says, and a domain's record where the spec says nothing of it.
  init(_ domain: ObjectSpec?, _ record: OwnershipRecord? = nil) {
    func content<Content>(_ key: FieldKey<Content>) -> Content? {
      if let domain { return domain[key] }
      return record?.content(of: key)
    }
    self.init(
      timeout: content(.shutdownTimeout) ?? 120, forceOff: content(.shutdownForceOff) ?? false,
      mode: content(.shutdownMode).flatMap(Mode.init))
  }
}

/// When a guest that was started is ready: everything that is asked for is so.
public struct Readiness: Sendable, Hashable, Codable {
  /// Whether it needs an address from a libvirt DHCP server.
  public var lease: Bool
  /// Whether the agent in it must answer.
  public var agent: Bool
  /// The port that must take a TCP connection from the host; nil for none.
  public var port: Int?
  /// Where the port is tried; nil for the addresses that leases and the agent report.
  public var address: String?
  /// How long it may take, in seconds.
  public var timeout: Int

  /// What to wait for, by default nothing, and for at most five minutes.
  public init(lease: Bool = false, agent: Bool = false, port: Int? = nil, address: String? = nil, timeout: Int = 300) {
    self.lease = lease
    self.agent = agent
    self.port = port
    self.address = address
    self.timeout = timeout
  }

  /// What a spec asks for; nil where it asks for nothing.
  init?(_ domain: ObjectSpec) {
    self.init(
      lease: domain[.readyLease] ?? false, agent: domain[.readyAgent] ?? false,
      port: domain[.readyTCP], address: domain[.readyAddress],
      timeout: domain[.readyTimeout] ?? 300)
    guard lease || agent || port != nil else { return nil }
  }
}

extension XMLElement {
  /// The channel of QEMU's guest agent in a domain's definition.
  package var agentChannel: XMLElement? {
    devices(Vocabulary.channel).first { $0.value(at: .channelName) == NewDomain.agentChannel }
  }
}
