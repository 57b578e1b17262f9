// A libvirtd of the tests' own, for what needs a daemon: an unprivileged one with its files below a temporary folder.

import Foundation

final class SessionDaemon: @unchecked Sendable {
  static let isAvailable =
    ["/usr/sbin/libvirtd", "/usr/bin/setpriv"].allSatisfy(FileManager.default.isExecutableFile(atPath:))

  let folder: String
  private let process: Process

  var uri: String { "qemu+unix:///session?socket=\(folder)/run/libvirt/libvirt-sock" }

  init() async throws {
    // Short: a socket's path has at most 107 bytes.
    folder = "/tmp/vireo-d-\(getpid())-\(UInt16.random(in: 0...UInt16.max))"
    var environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder]
    for (name, part) in [
      ("RUNTIME_DIR", "run"), ("CONFIG_HOME", "config"), ("CACHE_HOME", "cache"), ("DATA_HOME", "data"),
    ] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(part)", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      environment["XDG_\(name)"] = "\(folder)/\(part)"
    }
    process = Process()
    process.environment = environment
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    if getuid() == 0 {
      // As root this would be the system's daemon. 65534 is nobody.
      for part in ["", "/run", "/config", "/cache", "/data"] { chown(folder + part, 65534, 65534) }
      process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
      process.arguments = ["--reuid=65534", "--regid=65534", "--clear-groups", "/usr/sbin/libvirtd"]
    } else {
      process.executableURL = URL(fileURLWithPath: "/usr/sbin/libvirtd")
    }
    try process.run()
    // The socket's file is there before anything listens.
    let start = ContinuousClock.now
    while !isListening() {
      guard process.isRunning, ContinuousClock.now - start < .seconds(120) else {
        end()
        throw NotListening(folder: folder)
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private struct NotListening: Error { var folder: String }

  private func isListening() -> Bool {
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) {
      $0.copyBytes(from: Array("\(folder)/run/libvirt/libvirt-sock".utf8))
    }
    return withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
  }

  func signal(_ signal: Int32) { kill(process.processIdentifier, signal) }

  func end() {
    signal(SIGKILL)
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: folder)
  }

  static func with<R>(_ body: (SessionDaemon) async throws -> R) async throws -> R {
    let daemon = try await SessionDaemon()
    defer { daemon.end() }
    return try await body(daemon)
  }
}
