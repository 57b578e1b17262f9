// QEMU's monitor, asked while no driver has it: which jobs there are on a guest's disks (QEMU's QMP reference).

import FoundationEssentials
import Glibc

/// One conversation with a guest's QEMU.
final class EmbeddedMonitor {
  private let descriptor: Int32
  private var unread: [UInt8] = []

  private struct Answer: Decodable {
    var result: [Job]?
    var error: Failure?

    enum CodingKeys: String, CodingKey {
      case result = "return"
      case error
    }

    struct Job: Decodable {
      var id: String
      var status: String
    }
    struct Failure: Decodable {}
  }

  /// Nil where nobody listens.
  init?(socket path: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < room else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    // A QEMU that is stopped does not answer.
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    let length = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, length)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, length)
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    // A failure is seen by the first question.
    guard isConnected, line() != nil else { return }
    _ = answer(to: "qmp_capabilities")
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The states of the jobs by their names, once none is about to end; nil where QEMU does not answer.
  func jobs() -> [String: String]? {
    var jobs: [String: String]?
    for _ in 0..<100 {
      guard let text = answer(to: "query-jobs"), let answer = try? JSONDecoder().decode(Answer.self, from: Data(text)),
        let found = answer.result
      else { return nil }
      jobs = Dictionary(found.map { ($0.id, $0.status) }) { first, _ in first }
      let isMoving = found.contains { ["pending", "waiting", "aborting"].contains($0.status) }
      if !isMoving { break }
      usleep(20_000)
    }
    return jobs
  }

  private func answer(to command: String) -> [UInt8]? {
    let text = Array("{\"execute\":\"\(command)\"}\n".utf8)
    guard send(descriptor, text, text.count, Int32(MSG_NOSIGNAL)) == text.count else { return nil }
    while let line = line() {
      // Events come in between.
      let isAnswer = line.starts(with: Array("{\"return\"".utf8)) || line.starts(with: Array("{\"error\"".utf8))
      if isAnswer { return line }
    }
    return nil
  }

  private func line() -> [UInt8]? {
    while true {
      if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
        defer { unread.removeFirst(end + 1) }
        return Array(unread[..<end])
      }
      guard unread.count < 1 << 20 else { return nil }
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      let count = recv(descriptor, &bytes, bytes.count, 0)
      guard count > 0 else { return nil }
      unread += bytes[..<count]
    }
  }
}
