// What went wrong outside of the spec, with what to do about it: mostly libvirt's refusals to connect.

import Applier
import Diagnostics
import Libvirt

/// Turns errors into messages.
enum FailureMessage {
  /// - Parameter uri: the connection that was asked for.
  static func diagnostic(for error: any Error, uri: String) -> Diagnostic {
    switch error {
    case let message as Diagnostic: return message
    case let error as LibvirtError:
      var message = "cannot \(error.operation): \(error.message)"
      if error.isEmbeddedRootInUse { message = "cannot \(error.operation): another process has its root open" }
      return Diagnostic(
        "libvirt", message, suggestion: remedy(error, uri: uri))
    case let error as ActionFailure:
      return Diagnostic("cannot-start", error.message, suggestion: error.remedy)
    default:
      return Diagnostic("failure", "\(error)")
    }
  }

  /// What the user can do; nil where libvirt's sentence is all there is to say.
  static func remedy(_ error: LibvirtError, uri: String) -> String? {
    if error.isEmbeddedRootInUse {
      return "wait until it ends, or choose another root: only one process at a time can use it"
    }
    let message = error.message
    let isConnecting = error.isConnecting
    if error.isDaemonSilent {
      let again = isConnecting ? "try again" : "run the command again: completed steps are not repeated"
      return ConnectionChoice.isRemote(uri)
        ? "make sure that you can reach the host, and look at what libvirt's daemon does there; then \(again)"
        : "look at what libvirt's daemon does, or restart it (guests keep running); then \(again)"
    }
    if error.isConnectionLost, !isConnecting {
      return "the connection was lost; run the command again: completed steps are not repeated"
    }
    // Vireo manages QEMU; libvirt's test driver serves for a try.
    let isKnown = ["qemu", "test"].contains(String(uri.prefix { $0.isLetter }))
    if error.code == .noConnection || Phrase.driverMissing.occurs(in: message) || (isConnecting && !isKnown) {
      return "check the URI: qemu:///system, qemu:///session or 'qemu:///embed?root=DIR'"
    }
    if let daemon = error.unreachableDaemon, !ConnectionChoice.isRemote(uri) { return daemon.remedy }
    if uri.hasPrefix("qemu:///embed") {
      guard isConnecting else { return nil }
      if Phrase.rootPath.occurs(in: message) {
        return "write 'qemu:///embed?root=DIR' with an absolute path"
      }
      return Phrase.stateFolder.occurs(in: message)
        ? "make sure that this user may write to the root, and to the home folder that HOME names" : nil
    }
    let isRemote = ConnectionChoice.isRemote(uri)
    // Without a bus, or without an agent on it, nobody can be asked whether the user may.
    let isDenied = Phrase.socketDenied.occurs(in: message) || Phrase.bus.occurs(in: message)
    if isDenied || error.code == .authenticationFailed || error.code == .accessDenied {
      return isRemote
        ? "make sure that the account on the host may manage guests: it must be in the group libvirt there"
        : "join the group libvirt (usermod -aG libvirt USER, then log in again), or try --connect qemu:///session"
    }
    if isConnecting, isRemote { return "make sure that you can reach the host, and that libvirtd runs there" }
    if Phrase.connectionRefused.occurs(in: message) {
      return "start libvirtd, or try --connect 'qemu:///embed?root=DIR', which needs no daemon"
    }
    return nil
  }
}
