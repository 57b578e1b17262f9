// Other values for a field than the one that it has, as a person might write them.

import Vocabulary

/// Values to try a field with.
enum EditValues {
  /// Values of a type other than the present one, at most a few; none for what says something only beside other things.
  static func others(of type: ValueType, than current: Value?) -> [Value] {
    var found: [Value] = []
    for value in values(of: type, near: current) where value != current && !found.contains(value) {
      found.append(value)
    }
    return found
  }

  private static func values(of type: ValueType, near current: Value?) -> [Value] {
    switch type {
    case .text(let rule):
      let words = rule.words ?? []
      let texts = (words.count > 3 ? [words[0], words[1], words[words.count / 2], words[words.count - 1]] : words)
      return (texts + samples).compactMap { try? type.parse($0) }.prefix(words.isEmpty ? 2 : 4).map(\.self)
    case .integer(let range):
      let near = (current?.integer).map { [$0 + 1, $0 * 2] } ?? [1, 2, 64]
      return near.filter(range.contains).map(Value.integer)
        + [.integer(max(range.lowerBound, min(range.upperBound, 3)))]
    case .boolean: return [.boolean(true), .boolean(false)]
    case .size(let granularity, let least, let most):
      let near: [UInt64] = (current?.bytes).map { [$0 &* 2, $0 / 2] } ?? [64 << 20, 1 << 30, 16 << 10]
      return near.filter { $0 >= least && $0 <= most && $0.isMultiple(of: max(granularity, 1)) }.map { Value.bytes($0) }
    case .duration: return [.seconds(90), .seconds(300)]
    case .enumeration(let names): return names.map(Value.string)
    case .path: return [.string("/srv/edited/one")]
    case .list(let inner):
      let inner = values(of: inner, near: current?.list?.first)
      return inner.isEmpty ? [] : [.list([inner[inner.count - 1]])]
    case .table(let key, let inner):
      // One entry more than there is, or another value for one that is there.
      let entries = current?.table ?? [:]
      if let first = entries.sorted(by: { $0.key < $1.key }).first {
        return others(of: inner, than: first.value).prefix(2).map {
          .table(entries.merging([first.key: $0]) { $1 })
        }
      }
      let keys = ((key.words ?? []) + samples).compactMap { try? key.normalised($0) }
      return keys.isEmpty ? [] : values(of: inner, near: nil).prefix(2).map { .table([keys[0]: $0]) }
    case .record(let members):
      let entries = current?.table ?? [:]
      let changed = members.flatMap { member in
        others(of: member.type, than: entries[member.name]).prefix(1).map { (member.name, $0) }
      }
      guard entries.isEmpty else { return changed.map { .table(entries.merging([$0.0: $0.1]) { $1 }) } }
      let names = Set(members.filter(\.isRequired).map(\.name))
      let least = Dictionary(uniqueKeysWithValues: changed.filter { names.contains($0.0) })
      let more = changed.filter { !names.contains($0.0) }
      return (least.isEmpty ? [] : [.table(least)])
        + more.prefix(4).map { .table(least.merging([$0.0: $0.1]) { $1 }) }
    case .xml, .secretFile, .reference, .map: return []
    }
  }

  private static let samples = [
    "edited", "EPYC", "52:54:00:ed:17:ed", "vdz", "10.9.8.7", "10.9.8.7/24", "3", "0-1", "0x1f", "GenuineIntel",
    "/dev/edited", "reset", "1024-2048", "org.edited.0",
  ]
}
