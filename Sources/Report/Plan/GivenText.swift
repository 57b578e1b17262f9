// What the spec leaves out, as text: the values that something new is given, apart from what the spec says.

import Planner
import Vocabulary

extension PlanBlock {
  /// Values that belong together: of the object itself, of a group of its fields, or of a device.
  private struct GivenItem {
    /// What it is about; empty for the object itself.
    let label: String
    let words: [String]
    /// Whether it is a device that no entry of the spec stands for.
    var isOther = false

    var text: String { label + ": " + words.joined(separator: " ") }
  }

  /// What something new is given where the spec is silent. What an earlier block says word for word is not said again.
  func givenValues() -> String {
    let items = givenItems()
    let known = items.compactMap { item in earlier[item.text].map { (label: item.label, object: $0) } }
    let news = items.filter { earlier[$0.text] == nil }
    let devices = news.filter(\.isOther).map(\.words)
    var parts = news.filter { !$0.isOther }.map { ($0.label, [$0.words]) }
    if !devices.isEmpty { parts.append(("devices", devices)) }
    for (object, items) in Dictionary(grouping: known, by: \.object).sorted(by: { $0.key < $1.key }) {
      parts.append(("as " + object, items.map { [$0.label] }))
    }
    func paragraph(_ label: String, _ words: [[String]], margin: String = Self.margin) -> String {
      self.paragraph(label.isEmpty ? "" : label + ":", words, separator: ",", ink: .dim, margin: margin)
    }
    if parts.count == 1, parts[0].0.isEmpty { return paragraph("by default", parts[0].1) }
    guard !parts.isEmpty else { return "" }
    return Self.margin + style.paint("by default:", .dim) + "\n"
      + parts.map { paragraph($0.0, $0.1, margin: Self.margin + "  ") }.joined()
  }

  /// What a later block need not repeat, and the object that this one says it of.
  var said: [String: String] {
    Dictionary(givenItems().filter { !$0.label.isEmpty }.map { ($0.text, plan.object.description) }) { first, _ in first
    }
  }

  private func givenItems() -> [GivenItem] {
    let given = plan.changes.filter { $0.isGiven && !repeatsAnother($0) }
    var items: [GivenItem] = []
    for (owner, changes) in owners(given.filter { $0.givenDevice == nil }) {
      items += owner.isEmpty ? itemsOfGroups(changes) : [item(owner, changes.map { words($0, after: owner) })]
    }
    return items + otherDevices(given.filter { $0.givenDevice != nil })
  }

  private func item(_ label: String, _ pairs: [[String]]) -> GivenItem {
    GivenItem(label: label, words: Self.joined(pairs, separator: ","))
  }

  /// The object's own fields: those of a group together, and the others before them.
  private func itemsOfGroups(_ changes: [FieldChange]) -> [GivenItem] {
    let names = changes.map { String($0.field.prefix { $0 != "." }) }
    let counts = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +)
    var single: [[String]] = []
    var groups: [(name: String, pairs: [[String]])] = []
    for (name, change) in zip(names, changes) {
      guard counts[name] ?? 0 > 1 else {
        single.append(words(change, after: ""))
        continue
      }
      if groups.last?.name != name, !groups.contains(where: { $0.name == name }) { groups.append((name, [])) }
      if let index = groups.firstIndex(where: { $0.name == name }) {
        groups[index].pairs.append(words(change, after: name))
      }
    }
    return (single.isEmpty ? [] : [item("", single)]) + groups.map { item($0.name, $0.pairs) }
  }

  private func words(_ change: FieldChange, after owner: String) -> [String] {
    let isLater = plan.verb == .update && change.effect != effect && change.effect > .define
    return pair(change, owner: owner) + (isLater ? ["(\(change.effect.rawValue))"] : [])
  }

  /// Devices without an entry: `controllers.pci-1 … pci-14 (model pcie-root-port)`.
  private func otherDevices(_ changes: [FieldChange]) -> [GivenItem] {
    var devices: [(kind: String, first: String, last: String?, values: [String])] = []
    for change in changes {
      let parts = change.field.split(separator: ".", maxSplits: 1).map(String.init)
      let values = (change.givenDevice ?? []).filter { key, value in
        // The name says as much.
        key != "index"
          && !(key == "type" && value.string.map { ($0 == parts[1]) || parts[1].hasPrefix($0 + "-") } ?? false)
      }.map { ([$0.key] + FieldChange.words($0.value)).joined(separator: " ") }
      // Numbered devices that are alike are one range.
      if let last = devices.last, last.values == values, last.kind == parts[0] {
        devices[devices.count - 1].last = parts[1]
      } else {
        devices.append((parts[0], parts[1], nil, values))
      }
    }
    return devices.map { kind, first, last, values in
      // `serials.serial` is a serial port.
      let isPlain = Vocabulary.domain.collection(kind)?.type.name == first
      let name = (isPlain ? first : "\(kind).\(first)") + (last.map { " … \($0)" } ?? "")
      let words = name + (values.isEmpty ? "" : " (" + values.joined(separator: ", ") + ")")
      return GivenItem(label: name, words: words.split(separator: " ").map(String.init), isOther: true)
    }
  }

  /// Whether a value goes without saying beside another one: a device is known by its key, and a guest
  /// has all its processors and memory.
  func repeatsAnother(_ change: FieldChange) -> Bool {
    guard change.reason == .default else { return false }
    if let whole = ["vcpus.current": "vcpus", "current-memory": "memory"][change.field] {
      return plan.changes.contains { $0.field == whole && $0.new == change.new }
    }
    return !change.owner(in: plan.object.kind).isEmpty && change.field.hasSuffix(".alias")
  }
}

extension FieldChange {
  /// Whether Vireo has chosen the value for something new.
  var isGiven: Bool { reason == .default && old == nil }

  /// The fields of a device that has no entry in the spec; nil for other changes.
  fileprivate var givenDevice: [(key: String, value: Value)]? {
    guard isGiven, field.split(separator: ".").count == 2, owner(in: .domain) == field, new?.table != nil else {
      return nil
    }
    return new?.sortedEntries
  }
}
