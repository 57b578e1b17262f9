// Rules between the fields of one pool: what each kind of storage needs.

import Diagnostics
import Vocabulary

/// Checks one pool.
enum PoolChecks {
  /// The fields that a kind of storage cannot do without; of several in one entry one is enough.
  private static let needed: [String: [[String]]] = [
    "dir": [["path"]],
    "fs": [["path"], ["source.devices"]],
    "netfs": [["path"], ["source.hosts"], ["source.dir"]],
    "logical": [["source.name", "source.devices"]],
    "disk": [["path"], ["source.devices"]],
    "iscsi": [["path"], ["source.hosts"], ["source.devices"]],
    "iscsi-direct": [["source.hosts"], ["source.devices"], ["source.initiator"]],
    "scsi": [["path"], ["source.adapter.type"]],
    "mpath": [["path"]],
    "rbd": [["source.name"], ["source.hosts"]],
    "sheepdog": [["source.name"], ["source.hosts"]],
    "gluster": [["source.name"], ["source.hosts"]],
    "zfs": [["source.name"]],
    "vstorage": [["path"], ["source.name"]],
  ]

  static func check(_ pool: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard !pool.malformed.contains("type") else { return }
    for fields in needed[pool.poolType] ?? [] where !fields.contains(where: pool.says) {
      guard let field = fields.first.flatMap(pool.type.field) else { continue }
      let kind = pool["type"].map { " of type \($0)" } ?? ""
      diagnostics.append(
        Diagnostic(
          "missing-key", "the pool\(kind) has no `\(field.name)`", at: pool.range, subject: pool.title,
          suggestion: "add `\(field.name):`, \(field.type.explanation)"))
    }
    if let path = pool.settings["path"], ["rbd", "sheepdog", "gluster", "iscsi-direct"].contains(pool.poolType) {
      diagnostics.append(
        Diagnostic(
          "conflict", "a pool of type \(pool.poolType) has no `path`", at: path.range, suggestion: "leave it out"))
    }
    if pool.says("source.auth.secret"), let usage = pool.settings["source.auth.secret-usage"] {
      diagnostics.append(
        Diagnostic(
          "conflict", "a secret is known by its UUID or by its usage", at: usage.range,
          suggestion: "leave out one of `secret` and `secret-usage`"))
    }
  }

  /// What needs a new file says its pool where there are several, or none.
  ///
  /// - Parameters:
  ///   - alternative: what else it may say in place of the pool.
  ///   - owner: the object that it is part of.
  static func checkIsSaid(
    for object: ObjectSpec, in stack: StackSpec, or alternative: String? = nil, of owner: ObjectSpec? = nil,
    into diagnostics: inout [Diagnostic]
  ) {
    let pools = stack.pools.filter(\.holdsFiles)
    guard !object.says("pool"), pools.count != 1 else { return }
    let other = alternative.map { ", or add \($0)" } ?? ""
    diagnostics.append(
      Diagnostic(
        "missing-key", "\(object.title) does not say its pool", at: object.range, subject: owner?.title,
        suggestion: (pools.isEmpty
          ? "declare a pool: `pools: { NAME: { path: /srv/vms } }`"
          : "add `pool:`, one of \(pools.map(\.name).joined(separator: ", "))") + other))
  }

  /// Disks and images are files, which not every pool has.
  static func checkHoldsFiles(_ object: ObjectSpec, in stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    guard let setting = object.settings["pool"], let pool = setting.value.string.flatMap(stack.pool), !pool.holdsFiles
    else { return }
    let known = stack.pools.filter(\.holdsFiles).map(\.name)
    diagnostics.append(
      Diagnostic(
        "conflict", "the pool \(pool.name) of type \(pool.poolType) holds no files", at: setting.range,
        subject: object.title,
        suggestion: known.isEmpty ? "declare a pool of type dir" : "write \(known.joined(separator: " or "))"))
  }
}
