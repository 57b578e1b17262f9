// What a running guest has already: a change of the stored definition that its guest would not notice after a restart
// costs nothing but the storing.

import Vocabulary
import XMLTree

/// Whether a running guest or network has the value that a definition would give it.
///
/// - Parameters:
///   - desired: what the spec says; nil for what it no longer names.
///   - definition: the element as it is going to be stored.
///   - running: the same element of what runs; nil where nothing runs.
func isRunning(
  _ field: Field, _ lens: Lens, _ desired: Value? = nil, of definition: XMLElement, in running: XMLElement?
) -> Bool {
  guard let running else { return false }
  let stored = desired ?? lens.get(definition) ?? field.value(leftOutOf: definition)
  guard let shown = lens.get(running) ?? field.value(leftOutOf: running) else {
    // A password is not shown, be there one or not.
    if case .secretFile = field.type { return false }
    return stored == nil
  }
  guard let stored else { return field.isMet(shown, in: definition) || (field.effect.way?.isNothing(shown) ?? false) }
  // libvirt shows the host's processor as the model that it has become for the guest.
  if !field.isComparableWhenRunning, field.name.hasPrefix("cpu."), running.value(at: .cpuMode) == "custom" {
    return false
  }
  if let desired, field.isMet(desired, in: running) { return true }
  return field.effect.way?.isMet(stored, by: shown, of: field) ?? field.matches(desired: stored, stored: shown)
}

extension Field {
  /// The value that libvirt holds for meant where an element does not say.
  func value(leftOutOf element: XMLElement) -> Value? {
    if let libvirtDefault { return libvirtDefault }
    // All of the memory that the guest has when it starts.
    guard name == "current-memory", element.name == "domain" else { return nil }
    return Vocabulary.wholeMemory(of: element).map(Value.bytes)
  }
}
