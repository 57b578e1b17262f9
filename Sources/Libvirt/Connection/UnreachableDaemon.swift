// libvirt's daemons, and what to do about one that does not answer: a driver asks others for networks, logs and locks, and
// reports no more than a socket.

/// A libvirt daemon that could not be reached.
public struct UnreachableDaemon: Hashable, Sendable {
  /// The program: `virtlogd`, `libvirtd`.
  public var name: String
  /// The absolute path of the Unix socket that was tried, as libvirt's message has it.
  public var socket: String
  /// The folder of the embedded driver that asked for it; nil where a daemon did.
  public var embeddedRoot: String?

  /// Reads the daemon from libvirt's sentence: `Failed to connect socket to '/var/run/libvirt/virtlogd-sock': No such file
  /// or directory`. Nil for any other.
  init?(message: String, embeddedRoot: String?) {
    let message = Substring(message)
    guard let found = Phrase.socketPath.range(in: message) else { return nil }
    let path = message[found.upperBound...].prefix { $0 != "'" }
    // A user who may not is another matter.
    let reason = message[path.endIndex...]
    guard Phrase.socketDead.occurs(in: reason), let file = path.split(separator: "/").last,
      let end = file.range(ofText: "-sock")?.lowerBound, let program = file[..<end].split(separator: "-").first,
      program.hasPrefix("virt") || program == "libvirt"
    else { return nil }
    name = program == "libvirt" ? "libvirtd" : String(program)
    socket = String(path)
    self.embeddedRoot = embeddedRoot
  }

  /// What is wrong, in a clause: `virtlogd does not run`.
  public var message: String { "\(name) is not running, or not available to this user (\(socket))" }

  /// What to do about it.
  public var remedy: String {
    let start = "start \(name) (`systemctl start \(name).socket`, or `\(name) -d`)"
    let connect = "connect to a daemon, such as --connect qemu:///system"
    switch (name, embeddedRoot) {
    case ("virtlogd", let root?): return "write `stdio_handler = \"file\"` into \(root)/etc/qemu.conf, or \(start)"
    case ("virtlockd", let root?): return "remove `lock_manager` from \(root)/etc/qemu.conf, or \(start)"
    case ("virtnetworkd", _?): return "give the interface `type: user`, or \(connect)"
    case ("virtnwfilterd", _?): return "remove the filter from the interface, or \(connect)"
    case ("virtstoraged", _?): return "name the file with `source` instead of the volume, or \(connect)"
    case ("virtsecretd", _?): return "leave out what needs a libvirt secret, or \(connect)"
    case ("libvirtd", _), ("virtqemud", _):
      return "\(start), or try --connect 'qemu:///embed?root=DIR', which needs no daemon"
    default: return start
    }
  }
}

extension LibvirtError {
  /// The daemon that could not be reached, where that is why the call failed.
  public var unreachableDaemon: UnreachableDaemon? { UnreachableDaemon(message: message, embeddedRoot: embeddedRoot) }
}
