// qemu:///embed?root=DIR, libvirt's QEMU driver inside this process (https://libvirt.org/drvqemu.html, "Embedded driver").

import CLibvirt
import SystemCalls

/// The root folder of an embedded driver.
struct EmbeddedRoot: Sendable {
  static let pidFileName = "driver.pid"

  /// An absolute path.
  let path: String

  /// The root that `uri` names, or `nil` for any other kind of URI.
  init?(uri: String) {
    guard uri.hasPrefix("qemu:///embed?") else { return nil }
    let query = uri.dropFirst("qemu:///embed?".count).prefix { $0 != "#" }
    for field in query.split(whereSeparator: { $0 == "&" || $0 == ";" }) where field.hasPrefix("root=") {
      let path = EmbeddedRoot.decodePercent(field.dropFirst("root=".count))
      guard path.hasPrefix("/") else { return nil }
      self.path = path
      return
    }
    return nil
  }

  /// The file for libvirt's messages; its folder is made, as libvirt itself would make it moments later.
  func makeLogFile() -> String? {
    let folder = makeFolder("log")
    return FileNames.mayAccess(folder, .write) ? folder + "/libvirt.log" : nil
  }

  /// Makes a folder of the root with those above it, and gives its path; whether it could is seen where it is used.
  func makeFolder(_ name: String) -> String {
    var folder = ""
    for part in "\(path)/\(name)".split(separator: "/") {
      folder += "/\(part)"
      _ = try? FileNames.makeFolder(folder, mode: 0o755)
    }
    return folder
  }

  /// Says what is in the way and what to do, where libvirt only names a file or an account.
  func explain(_ error: LibvirtError) -> LibvirtError {
    var error = error
    if Phrase.embeddedAccount.occurs(in: error.message) {
      error.message +=
        "; name an account that exists with `user` and `group` in \(path)/etc/qemu.conf, for example \"root\", or install "
        + "the daemon's package (Debian: libvirt-daemon-system), which makes it"
      return error
    }
    guard error.isEmbeddedRootInUse else { return error }
    error.message =
      "another process has the embedded root \(path) open, and only one can at a time; wait for it to end, or choose "
      + "another root (\(error.message))"
    return error
  }

  private static func decodePercent(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest.removeFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension EmbeddedRoot {
  /// Waits until the driver has taken up its running guests again.
  ///
  /// Guests outlive the process that started them. On open the driver reads their last known states from files and
  /// connects to them on threads of its own; until it has, a state may be stale: a guest that died meanwhile is still
  /// listed as running. During that time the driver reports the domain's control interface as occupied
  /// (virDomainGetControlInfo; measured with libvirt 9.0).
  ///
  /// - Returns: the names of domains that did not answer in time, for example because their QEMU process is stopped.
  static func waitForGuests(on connection: ConnectionPointer, milliseconds: Int) throws(LibvirtError) -> [String] {
    let filter = UInt32(VIR_CONNECT_LIST_DOMAINS_ACTIVE.rawValue)
    var pending = try takeList("list running domains") { virConnectListAllDomains(connection, $0, filter) }
    defer { for domain in pending { virDomainFree(domain) } }
    let deadline = SystemClock.monotonic + UInt64(milliseconds) * 1_000_000
    var pause: UInt32 = 1_000
    while true {
      pending.removeAll { domain in
        guard !isOccupied(domain) else { return false }
        virDomainFree(domain)
        return true
      }
      guard !pending.isEmpty, SystemClock.monotonic < deadline else { break }
      SystemClock.sleep(microseconds: pause)
      pause = min(pause * 2, 20_000)
    }
    return pending.compactMap { virDomainGetName($0).map { String(cString: $0) } }
  }

  private static func isOccupied(_ domain: DomainPointer) -> Bool {
    var info = virDomainControlInfo()
    // Failure means that there is no guest (any more): nothing to wait for.
    guard virDomainGetControlInfo(domain, &info, 0) == 0 else { return false }
    // "Internal" is a job of the driver's own that does not talk to the guest just now, such as clearing up after a
    // guest that died; any other error is one that stays.
    if info.state == VIR_DOMAIN_CONTROL_ERROR.rawValue {
      return info.details == VIR_DOMAIN_CONTROL_ERROR_REASON_INTERNAL.rawValue
    }
    return info.state != VIR_DOMAIN_CONTROL_OK.rawValue
  }
}

extension LibvirtConnection {
  /// The root folder of the embedded driver that a URI names; nil for any other kind of URI.
  public static func embeddedRoot(of uri: String) -> String? { EmbeddedRoot(uri: uri)?.path }
}
