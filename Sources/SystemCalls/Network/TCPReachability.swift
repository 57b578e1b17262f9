// Whether somebody listens at a TCP port.

internal import Glibc
internal import SystemPackage

/// TCP connections.
package enum TCPReachability {
  /// Whether a connection can be made, within so many milliseconds. It is closed at once.
  ///
  /// - Parameter address: in numbers; names are not looked up.
  package static func answers(at address: String, port: Int, milliseconds: Int32) -> Bool {
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address, String(port), &hints, &found) == 0, let target = found?.pointee else { return false }
    defer { freeaddrinfo(found) }
    let kind = target.ai_socktype | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(target.ai_family, kind, target.ai_protocol)
    guard descriptor >= 0 else { return false }
    let file = OpenFile(owning: FileDescriptor(rawValue: descriptor))
    return isConnected(file, target.ai_addr, target.ai_addrlen, milliseconds)
  }

  private static func isConnected(
    _ file: borrowing OpenFile, _ address: UnsafeMutablePointer<sockaddr>, _ length: socklen_t, _ milliseconds: Int32
  ) -> Bool {
    let descriptor = file.descriptor.rawValue
    if connect(descriptor, address, length) == 0 { return true }
    guard lastError == .nowInProgress else { return false }
    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&wait, 1, milliseconds) == 1 else { return false }
    var problem: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0
  }
}
