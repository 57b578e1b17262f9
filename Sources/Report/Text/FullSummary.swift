// What an entry means and since when libvirt knows it, in one text.

import Versions
import Vocabulary

extension Field {
  /// The summary, what other fields it depends on, and the versions of libvirt that brought the field and its values.
  var fullSummary: String { [summary, rules.note, origin.note].compactMap(\.self).joined(separator: " ") }
}

extension ValueType.Member {
  /// The summary, what other members it depends on, and the versions of libvirt that brought the member and its values.
  var fullSummary: String { [summary, rules.note, origin.note].compactMap(\.self).joined(separator: " ") }
}

extension ObjectType {
  /// The summary, and the version of libvirt that brought such objects.
  var fullSummary: String { [summary, Origin(version: since).note].compactMap(\.self).joined(separator: " ") }
}
