// QEMU's monitor, asked while no driver has it: which jobs there are on a guest's disks (QEMU's QMP reference).

import FoundationEssentials
import SystemCalls

/// One conversation with a guest's QEMU.
final class EmbeddedMonitor {
  private let socket: UnixSocket
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
    // A QEMU that is stopped does not answer.
    guard let connected = UnixSocket(path, seconds: 5) else { return nil }
    socket = connected
    // A failure is seen by the first question.
    guard line() != nil else { return }
    _ = answer(to: "qmp_capabilities")
  }

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
      SystemClock.sleep(microseconds: 20_000)
    }
    return jobs
  }

  private func answer(to command: String) -> [UInt8]? {
    let text = Array("{\"execute\":\"\(command)\"}\n".utf8)
    guard socket.send(text) else { return nil }
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
      let bytes = socket.receive()
      guard !bytes.isEmpty else { return nil }
      unread += bytes
    }
  }
}
