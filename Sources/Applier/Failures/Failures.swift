// From the errors of libvirt and of the image engine to what a person reads: what happened, and what to do.

import BlockingWork
import DiskImage
import Libvirt
import SystemCalls
import XMLTree

let planAgain = "plan again"

extension ActionFailure {
  init(_ error: any Error) {
    switch error {
    case let failure as ActionFailure: self = failure
    case let error as LibvirtError: self.init(error)
    case let error as ImageError: self.init(error)
    case let error as SystemError: self.init(error)
    case let error as XMLError: self.init("libvirt's XML cannot be read: \(error)")
    default: self.init("\(error)")
    }
  }

  /// Every action that a lost connection stops says the same, so that it is reported once.
  static let connectionLost = ActionFailure(
    "the connection to libvirt was lost",
    remedy: "make sure that libvirt's daemon runs, then apply again: completed steps are not repeated")

  /// Likewise, where there is a daemon that does not answer any more.
  static let daemonSilent = ActionFailure(
    "libvirt's daemon does not answer any more",
    remedy:
      "look at what it does, or restart it (guests keep running); then apply again: completed steps are not repeated")

  /// Whether it is one of these two, so that whatever else needs the connection would fail likewise.
  var isConnectionLost: Bool { self == .connectionLost || self == .daemonSilent }

  /// Work that only shows when it is complete was given up because the run was asked to stop: as if it had not been started.
  static let interrupted = ActionFailure("interrupted before it was done")

  init(_ error: LibvirtError) {
    if error.isConnectionLost {
      self = error.isDaemonSilent ? .daemonSilent : .connectionLost
      return
    }
    if let daemon = error.unreachableDaemon {
      self.init("cannot \(error.operation): \(daemon.message)", remedy: daemon.remedy)
      return
    }
    let remedy: String? =
      switch error.code {
      case .operationDenied, .accessDenied, .authenticationFailed:
        "libvirt does not allow this user to do it; connect as a user who may"
      case .noDomain, .noNetwork, .noStoragePool: planAgain
      case .operationTimeout: "another operation on the domain has not finished; apply again when it has"
      default: nil
      }
    self.init("cannot \(error.operation): \(plainMessage(error))", remedy: remedy)
  }

  init(_ error: ImageError) {
    switch error {
    case .locked(let path, let holders):
      self.init(
        "\(path) is in use by \(holders.isEmpty ? "another process" : holders.map(name(of:)).joined(separator: ", "))",
        remedy: "stop what uses it, then apply again")
      isFileInUse = true
    case .permissionDenied(let path, let operation):
      self.init(
        "cannot \(operation) \(path): permission denied",
        remedy: "check the owner and mode of the file and its folders, or run Vireo as a user who has access")
    case .notFound(let path):
      self.init("\(path) does not exist", remedy: planAgain)
    case .noSpace(let path, let operation):
      self.init(
        "cannot \(operation) (\(path)): no space left", remedy: "make room on the file system, then apply again")
    case .needsRepair(let path, let reason):
      self.init("\(path): \(reason)", remedy: "look at it with `vireo image check` and repair it first")
    default:
      self.init("\(error)")
    }
  }
}

/// libvirt's own sentence on one line, without what its error code says already.
func plainMessage(_ error: LibvirtError) -> String { plainMessage(error.message) }

func plainMessage(_ message: String) -> String {
  var text = message
  for prefix in ["internal error: ", "XML error: ", "unsupported configuration: ", "operation failed: "]
  where text.hasPrefix(prefix) {
    text.removeFirst(prefix.count)
  }
  let lines = text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
  text = lines.joined(separator: "; ")
  while let last = text.last, last == "." || last == " " || last == ";" { text.removeLast() }
  return text
}

/// The process behind a lock, with the guest's name where it is QEMU: `domain web (qemu-system-x86, process 4711)`.
private func name(of holder: LockHolder) -> String {
  let process = "process \(holder.pid)"
  guard let guest = guestName(of: holder.pid) else { return "\(holder.program) (\(process))" }
  return "domain \(guest) (\(holder.program), \(process))"
}

/// The guest's name on QEMU's command line, where libvirt puts it: `-name guest=web,debug-threads=on`.
private func guestName(of pid: Int32) -> String? {
  guard let bytes = try? SmallFile.read("/proc/\(pid)/cmdline", limit: 4096, []) else { return nil }
  let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  guard let option = words.firstIndex(of: "-name"), words.indices.contains(option + 1) else { return nil }
  let value = words[option + 1]
  guard value.hasPrefix("guest=") else { return nil }
  // A comma in the name is doubled.
  let name = value.dropFirst("guest=".count).split(separator: ",").first.map(String.init)
  return name?.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F } == true ? name : nil
}
