// Unix sockets: a conversation with another process on this machine.

internal import Glibc
internal import SystemPackage

/// A connected stream socket.
package final class UnixSocket {
  private let file: OpenFile

  /// Connects; nil where nobody listens.
  ///
  /// - Parameter seconds: how long sending and receiving may take, each.
  package init?(_ path: String, seconds: Int) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < room else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    file = OpenFile(owning: FileDescriptor(rawValue: descriptor))
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    let length = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, length)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, length)
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    guard isConnected else { return nil }
  }

  /// Sends bytes; false where not all of them could be sent.
  package func send(_ bytes: [UInt8]) -> Bool {
    Glibc.send(file.descriptor.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  /// What comes next; empty where nothing does.
  package func receive() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(file.descriptor.rawValue, &bytes, bytes.count, 0)
    return count > 0 ? Array(bytes[..<count]) : []
  }
}
