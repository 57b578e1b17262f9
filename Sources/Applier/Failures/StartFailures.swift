// Why guests do not start: QEMU's long messages cut down to the line that matters, with what helps for the usual causes.

import DiskImage
import SystemCalls
import SystemPackage
import Libvirt
import Vocabulary
import XMLTree

/// Finds out why a guest does not start, or does not get a device.
struct StartFailures {
  let context: ApplyContext

  /// What kept a domain from starting.
  func failure(_ error: LibvirtError, of domain: LibvirtDomain) async -> ActionFailure {
    var failure = await cause(error, of: domain)
    let definition = try? await context.connection.storedDefinition(of: domain)
    failure.field = definition.flatMap { faultyField(error.message, in: $0) }
    return failure
  }

  private func cause(_ error: LibvirtError, of domain: LibvirtDomain) async -> ActionFailure {
    if error.unreachableDaemon != nil { return ActionFailure(error) }
    let (text, path) = startMessage(error)
    let plain = ActionFailure("cannot \(error.operation): \(text)", remedy: FailureCause(text)?.remedy)
    guard let path else {
      // libvirt may notice that QEMU has ended before it has its last words.
      let locked = try? await lockedDisk(of: domain)
      return (locked ?? nil).map { ActionFailure("cannot \(error.operation): \($0.message)", remedy: $0.remedy) }
        ?? plain
    }
    guard let found = await explanation(of: path, text) else { return plain }
    return ActionFailure("cannot \(error.operation): \(found.message)", remedy: found.remedy ?? plain.remedy)
  }

  /// Why a device cannot be plugged in, with the file that is at fault where there is one.
  func failure(_ error: LibvirtError, plugging name: String, into domain: String) async -> ActionFailure {
    if error.unreachableDaemon != nil { return ActionFailure(error) }
    let (text, path) = startMessage(error)
    let found = if let path { await explanation(of: path, text) } else { ActionFailure?.none }
    return ActionFailure(
      "cannot plug `\(name)` into the running domain \(domain): \(found?.message ?? text)",
      remedy: found?.remedy ?? FailureCause(text)?.remedy, field: name)
  }

  private func explanation(of path: String, _ text: String) async -> ActionFailure? {
    (try? await context.files.run { explainFile(path, text) }) ?? nil
  }

  /// The first of a domain's disks that another process has open for writing.
  private func lockedDisk(of domain: LibvirtDomain) async throws -> ActionFailure? {
    let disks = try await context.connection.storedDefinition(of: domain).devices(Vocabulary.disk)
    let paths = disks.filter { !$0.exists(at: .diskReadOnly) }.compactMap { $0.value(at: .diskFile) }
    return try await context.files.run {
      for path in paths {
        if let holders = writers(of: path) { return ActionFailure(.locked(path: path, by: holders)) }
      }
      return nil
    }
  }
}

/// The line of a message that says what happened, and the file that it names.
///
/// QEMU's output follows libvirt's words, with a time and QEMU's name before each message, and the whole JSON of an
/// option before what is wrong with it: `2026-01-01T00:00:00.0Z qemu-system-x86_64: -blockdev {…}: Failed to get
/// "write" lock`, and on the next line `Is another process using the image [/srv/a.qcow2]?`.
func startMessage(_ error: LibvirtError) -> (text: String, path: String?) {
  startMessage(error.message, whole: plainMessage(error.message))
}

/// - Parameters:
///   - message: libvirt's message, of one line or more.
///   - whole: what is left when QEMU said nothing.
func startMessage(_ message: String, whole: String) -> (text: String, path: String?) {
  let lines = message.split(whereSeparator: \.isNewline).map(String.init)
  // Only what QEMU itself said; libvirt's own messages are one line.
  let spoken = lines.compactMap(qemuText)
  let path = lines.reversed().lazy.compactMap(quotedPath).first
  let informative = spoken.last { !$0.hasPrefix("warning:") } ?? spoken.last
  return (informative.map(withoutOption) ?? whole, path)
}

/// What stands behind `qemu-system-…: `.
private func qemuText(_ line: String) -> String? {
  guard let program = line.range(ofText: "qemu-system-") ?? line.range(ofText: "qemu-kvm"),
    let colon = line[program.upperBound...].range(ofText: ": ")
  else { return nil }
  let text = line[colon.upperBound...]
  return text.isEmpty ? nil : String(text)
}

/// A message without the option that it begins with.
private func withoutOption(_ text: String) -> String {
  guard text.hasPrefix("-") else { return text }
  let end = text.range(ofText: "}: ")?.upperBound ?? text.range(ofText: ": ")?.upperBound
  return end.map { String(text[$0...]) } ?? text
}

/// An absolute path in quotes or brackets.
private func quotedPath(_ line: String) -> String? {
  for (open, close) in [("[/", "]"), ("'/", "'"), ("\"/", "\"")] {
    guard let start = line.range(ofText: open)?.lowerBound else { continue }
    let path = line[line.index(after: start)...]
    if let end = path.range(ofText: close)?.lowerBound { return String(path[..<end]) }
  }
  return nil
}

/// Whether a path is called as sockets are. What is not there has no kind of its own.
private func isSocketName(_ path: String) -> Bool {
  [".sock", ".socket", "-sock", "-sock-ro"].contains { path.hasSuffix($0) }
}

/// What can be said about a file that QEMU or libvirt could not open.
func explainFile(_ path: String, _ text: String) -> ActionFailure? {
  do throws(Errno) {
    _ = try FileStatus(of: path)
  } catch  where error.saysAbsence {
    return ActionFailure(
      "\(path) does not exist",
      remedy: isSocketName(path)
        ? "start the program that makes this socket, then apply again"
        : "restore the file, or plan again to see what Vireo would create")
  } catch {
    // It may be there: what QEMU says of it counts.
  }
  if text.contains("Permission denied") {
    guard let folder = closedFolder(above: path) else { return nil }
    return ActionFailure(
      "QEMU's user may not pass the folder \(folder), which leads to \(path)",
      remedy: "allow others to pass it (chmod o+x \(folder)), or keep the images elsewhere")
  }
  if FailureCause(text) == .imageLocked {
    if let holders = writers(of: path) { return ActionFailure(.locked(path: path, by: holders)) }
    return ActionFailure("\(path) is in use by another process", remedy: "stop what uses it, then apply again")
  }
  return nil
}

/// Who keeps an image from being written; nil when nobody does any more.
private func writers(of path: String) -> [LockHolder]? {
  do throws(ImageError) {
    // Taken for a moment, to learn who holds it.
    _ = try ImageLock(path: path, for: .write)
    return nil
  } catch {
    if case .locked(_, let holders) = error { return holders }
    return nil
  }
}

/// The first folder on the way that only its owner and group may pass.
private func closedFolder(above path: String) -> String? {
  var present = ""
  for part in path.split(separator: "/").dropLast() {
    present += "/\(part)"
    guard let status = try? FileStatus(of: present) else { return nil }
    if status.mode & 0o001 == 0 { return present }
  }
  return nil
}
