// Rules between the fields of one pool: what each kind of storage needs.

import Diagnostics
import Vocabulary

/// Checks one pool.
enum PoolChecks {
  /// The fields that a kind of storage cannot do without; of several in one entry one is enough.
  private static let needed: [PoolType: [[Field]]] = {
    let type = Vocabulary.pool
    let (path, name, dir) = ([type[.path]], [type[.sourceName]], [type[.sourceDir]])
    let (hosts, devices) = ([type[.sourceHosts]], [type[.sourceDevices]])
    return [
      .dir: [path],
      .fs: [path, devices],
      .netfs: [path, hosts, dir],
      .logical: [name + devices],
      .disk: [path, devices],
      .iscsi: [path, hosts, devices],
      .iscsiDirect: [hosts, devices, [type[.initiator]]],
      .scsi: [path, [type[.adapterType]]],
      .mpath: [path],
      .rbd: [name, hosts],
      .sheepdog: [name, hosts],
      .gluster: [name, hosts],
      .zfs: [name],
      .vstorage: [path, name],
    ]
  }()

  static func check(_ pool: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard !pool.hasMalformed(.poolType) else { return }
    for fields in needed[pool.poolType] ?? [] where !fields.contains(where: { pool.says($0) }) {
      guard let field = fields.first else { continue }
      let kind = pool[.poolType].map { " of type \($0)" } ?? ""
      diagnostics.append(
        Diagnostic(
          "missing-key", "the pool\(kind) has no `\(field.name)`", at: pool.range, subject: pool.title,
          suggestion: "add `\(field.name):`, \(field.type.explanation)"))
    }
    if let path = pool.setting(.path), [.rbd, .sheepdog, .gluster, .iscsiDirect].contains(pool.poolType) {
      diagnostics.append(
        Diagnostic(
          "conflict", "a pool of type \(pool.poolType) has no `path`", at: path.range, suggestion: "leave it out"))
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
    guard !object.says(.pool), pools.count != 1 else { return }
    let other = alternative.map { ", or add \($0)" } ?? ""
    diagnostics.append(
      Diagnostic(
        "missing-key", "\(object.title) does not set its pool", at: object.range, subject: owner?.title,
        suggestion: (pools.isEmpty
          ? "declare a pool: `pools: { NAME: { path: /srv/vms } }`"
          : "add `pool:`, one of \(pools.map(\.name).joined(separator: ", "))") + other))
  }

  /// Disks and images are files, which not every pool has.
  static func checkHoldsFiles(_ object: ObjectSpec, in stack: StackSpec, into diagnostics: inout [Diagnostic]) {
    guard let setting = object.setting(.pool), let pool = object[.pool].flatMap(stack.pool), !pool.holdsFiles
    else { return }
    let known = stack.pools.filter(\.holdsFiles).map(\.name)
    diagnostics.append(
      Diagnostic(
        "conflict", "the pool \(pool.name) of type \(pool.poolType) has no files", at: setting.range,
        subject: object.title,
        suggestion: known.isEmpty ? "declare a pool of type dir" : "write \(known.joined(separator: " or "))"))
  }
}
