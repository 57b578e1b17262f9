// What can be changed on a guest that runs, as tables in Markdown: the fields by libvirt's calls, and the devices by kind.

import Vocabulary

extension SpecLanguage {
  /// The fields that libvirt changes in what runs.
  static func liveFields() -> String {
    var text = "\n### Live changes\n"
    text += wrapped(
      """
      These fields change while the guest or network runs. Vireo calls the function of libvirt beside them, if what it \
      depends on holds; otherwise the change waits for the next start.
      """)
    text += "\n| keys | libvirt | depends on |\n| --- | --- | --- |\n"
    // Profiles have what domains have.
    for place in places where place.type !== Vocabulary.profile {
      for (names, effect) in liveFields(of: place.type) {
        let keys = names.map { "`\($0)`" }.joined(separator: ", ")
        let calls = (effect.call ?? "").split(separator: ", ").map { "`\($0)`" }.joined(separator: ", ")
        text += "| `\(place.path.last ?? place.type.name)`: \(keys) | \(calls) | \(effect.condition ?? "") |\n"
      }
    }
    return text
  }

  /// The live fields of a kind of object, those together that change in the same way. A group whose fields all do stands for
  /// its fields.
  private static func liveFields(of type: ObjectType) -> [(names: [String], effect: EffectRule)] {
    var found: [(names: [String], effect: EffectRule)] = []
    for field in type.fields {
      guard let call = field.effect.call else { continue }
      let isAlike = { (other: EffectRule) in other.call == call && other.condition == field.effect.condition }
      let isWhole = type.fields.allSatisfy { $0.group != field.group || isAlike($0.effect) }
      let name = isWhole ? field.group ?? field.name : field.name
      guard let index = found.firstIndex(where: { isAlike($0.effect) }) else {
        found.append(([name], field.effect))
        continue
      }
      if !found[index].names.contains(name) { found[index].names.append(name) }
    }
    return found
  }

  /// The devices that a running guest gets and lets go of.
  static func hotplug() -> String {
    let kinds = Vocabulary.domain.collections.compactMap { kind in kind.type.device.map { (kind.key, $0.hotplug) } }
    var text = "\n### Devices of running guests\n"
    text += wrapped(
      """
      A running guest gets a new device of these kinds, and is asked to release one that leaves the spec. If it lacks \
      what the device requires, or does not release it, the change waits for the next start.
      """)
    text += "\n| devices | require | are released |\n| --- | --- | --- |\n"
    for (key, classes) in kinds {
      for hotplug in classes where hotplug.canPlug {
        let name = "`\(key)`" + (hotplug.devices.isEmpty ? "" : " \(hotplug.devices)")
        let release = !hotplug.canUnplug ? "at the next start" : hotplug.needsGuestToUnplug ? "by the guest" : "at once"
        text += "| \(name) | \(hotplug.needs.compactMap(\.words).joined(separator: "; ")) | \(release) |\n"
      }
    }
    let waiting = kinds.filter { !$0.1.contains(where: \.canPlug) }.map { "`\($0.0)`" }
    return text
      + wrapped(
        "All other devices wait for the next start: \(waiting.joined(separator: ", ")), and others of the kinds above.")
  }
}
