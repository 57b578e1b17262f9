// When a stored value of several parts has all that was asked for.

extension ValueType {
  /// Whether a stored value has all that is asked for. libvirt may have filled in members of a record that the spec is
  /// silent about; entries of a table and of a list it never adds.
  func covers(desired: Value, stored: Value) -> Bool {
    if desired == stored { return true }
    switch (self, desired, stored) {
    case (.list(let element), .list(let wanted), .list(let found)):
      return wanted.count == found.count && zip(wanted, found).allSatisfy { element.covers(desired: $0, stored: $1) }
    case (.table(_, let element), .table(let wanted), .table(let found)):
      return wanted.count == found.count
        && wanted.allSatisfy { key, value in found[key].map { element.covers(desired: value, stored: $0) } ?? false }
    case (.record(let members), .table(let wanted), .table(let found)):
      return wanted.allSatisfy { name, value in
        guard let other = found[name], let member = members.first(where: { $0.name == name }) else { return false }
        return member.type.covers(desired: value, stored: other)
      }
    default: return false
    }
  }
}
