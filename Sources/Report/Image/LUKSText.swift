// How a disk is encrypted, for people and, with qemu-img's names, for programs.

import DiskImage

extension LUKSInfo {
  /// `LUKS1, aes-xts-plain64 with a key of 512 bits, sha256`
  var summary: String {
    guard let cipherName, let cipherMode, let hash, let keyBytes else { return "LUKS\(version)" }
    return "LUKS\(version), \(cipherName)-\(cipherMode) with a key of \(keyBytes * 8) bits, \(hash)"
  }

  /// The members of qemu-img's `format-specific` for LUKS; `version`, `label` and `subsystem` are of our own.
  ///
  /// - Parameter format: what qemu-img calls the encryption inside of a qcow2 image.
  func json(format: String?) -> JSON {
    // "cbc-essiv:sha256" is a mode, a way to make initial vectors, and the hash of that.
    let parts = cipherMode?.description.split(separator: "-", maxSplits: 1).map(String.init) ?? []
    let vector = parts.count == 2 ? parts[1].split(separator: ":", maxSplits: 1).map(String.init) : []
    let keyBits = keyBytes.map { parts.first == "xts" ? $0 * 4 : $0 * 8 }
    return .object([
      ("format", format.map(JSON.string)), ("version", .integer(version)),
      ("cipher-alg", cipherName.map { name in .string(keyBits.map { "\(name)-\($0)" } ?? "\(name)") }),
      ("cipher-mode", parts.first.map(JSON.string)), ("ivgen-alg", vector.first.map(JSON.string)),
      ("ivgen-hash-alg", vector.count == 2 ? .string(vector[1]) : nil),
      ("hash-alg", hash.map { .string("\($0)") }), ("uuid", .string("\(uuid)")),
      // The header is in the file that is looked at.
      ("detached-header", .boolean(false)),
      ("payload-offset", payloadOffset.map(JSON.unsigned)), ("master-key-iters", keyIterations.map(JSON.integer)),
      ("label", label.map { .string("\($0)") }), ("subsystem", subsystem.map { .string("\($0)") }),
      ("slots", keySlots.isEmpty ? nil : .array(keySlots.map(\.json))),
    ])
  }
}

extension LUKSInfo.KeySlot {
  fileprivate var json: JSON {
    .object([
      ("active", .boolean(isActive)), ("iters", isActive ? .integer(iterations) : nil),
      ("key-offset", .unsigned(offset)), ("stripes", isActive ? .integer(stripes) : nil),
    ])
  }
}
