// A device in a few words, for plans. The words of each kind stand in its table.

import Spec
import Vocabulary
import XMLTree

extension ObjectSpec {
  /// The words for a device that the entry becomes.
  func summary(as element: XMLElement) -> String {
    type.device?.summary.text(of: type, { settings[$0]?.value }, element) ?? element.deviceSummary
  }
}

extension XMLElement {
  /// The words for a device that a definition has.
  var deviceSummary: String { DeviceRule.rule(of: self)?.summary.text(self) ?? name }
}
