// Notices that a daemon went away: libvirt's close callback tells. One that is there and silent is `CallWatch`'s matter.

import CLibvirt
import Synchronization

final class ConnectionWatch: Sendable {
  private static let stillOpen: Int32 = -1

  private let closeReason = Atomic<Int32>(ConnectionWatch.stillOpen)

  /// Why the connection ended by itself (virConnectCloseReason), if it did.
  var reason: LibvirtConnection.EndReason? {
    let raw = closeReason.load(ordering: .relaxed)
    return raw == ConnectionWatch.stillOpen ? nil : LibvirtConnection.EndReason(rawValue: raw) ?? .error
  }

  /// The call fails harmlessly on drivers without a daemon: there is nothing that could go away.
  func start(on connection: ConnectionPointer) {
    let context = Unmanaged.passRetained(self).toOpaque()
    if virConnectRegisterCloseCallback(connection, connectionDidClose, context, releaseWatch) < 0 {
      releaseWatch(context)
    }
    virResetLastError()
  }

  func stop(on connection: ConnectionPointer) {
    // The callback's free function drops the reference that `start` took.
    virConnectUnregisterCloseCallback(connection, connectionDidClose)
    virResetLastError()
  }

  func close(because reason: Int32) {
    closeReason.store(reason, ordering: .relaxed)
  }
}

private let connectionDidClose: virConnectCloseFunc = { _, reason, context in
  guard let context else { return }
  Unmanaged<ConnectionWatch>.fromOpaque(context).takeUnretainedValue().close(because: reason)
}

private let releaseWatch: virFreeCallback = { context in
  guard let context else { return }
  Unmanaged<ConnectionWatch>.fromOpaque(context).release()
}
