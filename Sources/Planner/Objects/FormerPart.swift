// What a part of a domain was before a change that nobody could undo from the spec alone: an edit takes along what means nothing
// beside it, libvirt completes what is new, and the spec has neither. The record has the part as it was, so that a spec that
// says again what it said then gives it back.

import Spec
import Vocabulary
import XMLTree

/// A device, or an element of the domain's own, as it was.
struct FormerPart: Hashable {
  /// Its XML on one line; empty where there was none.
  let text: String
  /// Fields that the spec named then and has dropped since, by their names.
  var dropped: Set<String> = []
  /// How many devices of the kind stood before it; nil for what is still there.
  var place: Int?

  /// - Returns: nil for what a record cannot have: secrets, or what would not be read again as it is.
  init?(_ element: XMLElement?, dropped: Set<String> = [], place: Int? = nil, _ concealment: Concealment) {
    let text = element?.serialised(indent: nil) ?? ""
    if let element {
      guard element.confidentialTexts.isEmpty, concealment.secrets.redacted(text) == text,
        (try? XMLElement.parse(text)) == element
      else { return nil }
    }
    self.init(text: text, dropped: dropped, place: place)
  }

  init(text: String, dropped: Set<String>, place: Int?) {
    (self.text, self.dropped, self.place) = (text, dropped, place)
  }

  /// The part; nil where there was none.
  var element: XMLElement? { text.isEmpty ? nil : try? XMLElement.parse(text) }

  /// The same, once a spec names some of the fields again and no longer names others that were recorded.
  func updated(named: Set<String>, recorded: Set<String>) -> FormerPart {
    var result = self
    result.dropped = dropped.union(recorded).subtracting(named)
    return result
  }
}

extension ObjectSpec {
  /// The names of the fields that the spec names.
  var namedFields: Set<String> { Set(settings.keys.map(\.name)) }
}

// MARK: Devices

extension DevicePlanning {
  /// The device as it was before, where the spec says of it what it said then.
  ///
  /// - Parameter planned: the device as it would be otherwise.
  func former(insteadOf planned: XMLElement) -> XMLElement? {
    guard let former = context.record?.formers[key], let element = former.element, rule.matches(element),
      (former.place == nil) == (current != nil), former.dropped.isSubset(of: device.namedFields),
      DeviceMatcher.isEqual(element, to: device)
    else { return nil }
    // What the disk holds is not part of what it was: a snapshot, or somebody, may have given it another file since.
    guard element.first("source") == planned.first("source") || current == nil && rule.role != .storage else {
      return nil
    }
    if rule.role == .storage {
      guard element.value(at: .diskFormat) == planned.value(at: .diskFormat),
        let target = element.value(at: .diskTarget),
        target == current?.value(at: .diskTarget) || !isTaken(target)
      else { return nil }
    }
    // It stays known by the alias that it has now.
    guard current == nil || element.value(at: .alias) == planned.value(at: .alias) else { return nil }
    return current == nil && isTaken(aliasOf: element) ? nil : element
  }

  private func isTaken(_ target: String) -> Bool {
    targets.contains(target)
      || definition.devices(Vocabulary.disk).contains { $0 != current && $0.value(at: .diskTarget) == target }
  }

  private func isTaken(aliasOf element: XMLElement) -> Bool {
    guard let alias = element.value(at: .alias) else { return false }
    return definition.first("devices")?.elements.contains { $0.value(at: .alias) == alias } ?? false
  }

  /// What the record has of the device as it was before this change, or before an earlier one that still holds.
  func remembered(_ current: XMLElement, changedTo element: XMLElement) -> FormerPart? {
    let (named, recorded) = (device.namedFields, Set((context.record?.fields(of: key) ?? [:]).keys))
    if let former = context.record?.formers[key] {
      // One that took the place of another of its name can give it back.
      return former.place == nil ? former.updated(named: named, recorded: recorded) : former
    }
    let dropped = recorded.subtracting(named)
    // A device that is as the spec says, and was so before, is none that a spec has changed.
    let isEdited = device.settings.contains { field, setting in
      if case .xml(let fragment) = setting.value { return !fragment.isMet(by: current) }
      return field.lens != nil && !field.isMeant(setting.value, by: current)
    }
    guard element != current, !dropped.isEmpty || isEdited else { return nil }
    let fields = device.type.fields(device.settings.keys, named: recorded)
    guard
      DeviceMarks(of: current).isOfAnotherSort(than: DeviceMarks(of: element)) || element.hasMoreElements(than: current)
        || device.type.isKept(fields, from: current, to: element) == false
    else { return nil }
    return FormerPart(current, dropped: dropped, context.concealment)
  }
}

extension XMLElement {
  /// Whether an element is in it that the other one does not have, which libvirt completes.
  fileprivate func hasMoreElements(than other: XMLElement) -> Bool {
    elements.contains { element in
      let peers = other.all(element.name)
      return peers.isEmpty || peers.allSatisfy { element.hasMoreElements(than: $0) }
    }
  }
}

extension DeviceMarks {
  /// Whether one is another type, model or bus than the other, of which libvirt completes other things.
  fileprivate func isOfAnotherSort(than other: DeviceMarks) -> Bool {
    [.type, .model, .bus].contains { self[$0] != other[$0] }
  }
}

extension ObjectType {
  /// Whether putting fields back gives an element as it was.
  fileprivate func isKept(_ fields: [Field], from before: XMLElement, to after: XMLElement) -> Bool {
    // What decides which other fields there are takes more with it than itself.
    let changed = fields.filter { $0.lens.map { $0.get(before) != $0.get(after) } ?? false }
    guard
      !changed.contains(where: {
        decidingNames.contains($0.name) || $0.staysWhenDropped && $0.name != FieldKey.alias.name
      })
    else { return false }
    var back = after
    for field in changed { field.lens?.put(field.lens?.get(before), into: &back) }
    return back == before
  }
}

// MARK: The domain's own elements

/// Elements of a domain outside of its devices that its fields are in.
enum FormerElements {
  /// Gives elements back that the spec says again as it did before they were changed, and has those recorded that it changes.
  ///
  /// - Parameter definition: the domain with its fields planned.
  static func settle(_ context: DomainContext, in definition: inout XMLElement) -> OwnershipRecord {
    var owned = OwnershipRecord(stack: context.stack.name)
    guard let observed = context.observed?.inactive else { return owned }
    let formers = (context.record?.formers ?? [:]).filter { !$0.key.contains(".") }
    guard !formers.isEmpty || definition != observed else { return owned }
    let (named, recorded) = (
      context.spec.namedFields, Set((context.record?.fields(of: OwnershipRecord.itself) ?? [:]).keys)
    )
    let fields = Vocabulary.domain.fields(context.spec.settings.keys, named: recorded)
    var restored: Set<String> = []
    let original = definition
    let candidates = formers.filter { path, former in
      let own = Vocabulary.domain.fields.filter { isIn($0, path) }
      var candidate = original
      candidate.put(former.element, inPlaceOf: path)
      return former.dropped.isSubset(of: named)
        && own.allSatisfy { field in context.spec.settings[field].map { field.isMet($0.value, in: candidate) } ?? true }
    }
    for (path, former) in formers.sorted(by: { $0.key < $1.key }) {
      // What libvirt completes with another element waits for that one.
      let isCaused = causes[path].map { formers[$0] != nil && candidates[$0] == nil } ?? false
      if candidates[path] != nil, !isCaused {
        definition.put(former.element, inPlaceOf: path)
        restored.insert(path)
      } else {
        let own = Set(Vocabulary.domain.fields.filter { isIn($0, path) }.map(\.name))
        owned.formers[path] = former.updated(named: named, recorded: recorded.intersection(own))
      }
    }
    for path in Set(fields.flatMap { parts(of: $0, in: observed) })
    where !restored.contains(path) && !owned.formers.keys.contains(where: { path == $0 || path.hasPrefix($0 + "/") }) {
      let place = XMLPath(stringLiteral: path)
      let (before, after) = (observed.element(at: place), definition.element(at: place))
      guard before != after else { continue }
      let own = fields.filter { parts(of: $0, in: observed) == [path] }
      let dropped = Set(own.map(\.name)).intersection(recorded).subtracting(named)
      guard !dropped.isEmpty || own.contains(where: { isEdited($0, context.spec, in: observed) }),
        isCompleted(path) || !Vocabulary.domain.isKept(own, from: observed, to: definition.with(path, of: observed))
      else { continue }
      owned.formers[path] = FormerPart(before, dropped: dropped, context.concealment)
      for (other, cause) in causes where cause == path && owned.formers[other] == nil {
        owned.formers[other] = FormerPart(observed.first(other), context.concealment)
      }
    }
    return owned
  }

  private static func isEdited(_ field: Field, _ spec: ObjectSpec, in observed: XMLElement) -> Bool {
    spec.settings[field].map { !field.isMeant($0.value, by: observed) } ?? false
  }

  /// Whether a field has a place in the element at a path.
  private static func isIn(_ field: Field, _ path: String) -> Bool {
    field.lens?.places.contains { place in
      let steps = place.split(separator: "/").map { $0.prefix { $0 != "[" } }
      return steps.starts(with: path.split(separator: "/"))
    } ?? false
  }

  /// Whether libvirt completes an element by what one of its fields says.
  private static func isCompleted(_ path: String) -> Bool {
    ["os", "cpu", "clock", "features/hyperv", "features"].contains(path) || causes.values.contains(path)
  }

  /// Elements that libvirt completes by what a field of another one says: the nodes of a guest that is placed by itself, the
  /// number of threads that have numbers.
  private static let causes = ["numatune": "vcpu", "vcpu": "numatune", "iothreads": "iothreadids"]

  /// The elements that a field is in: a part of the domain's `features`, of which there are many, or a child of the domain.
  private static func parts(of field: Field, in observed: XMLElement) -> Set<String> {
    guard let lens = field.lens else { return [] }
    let hasFeatures = observed.first("features") != nil
    let paths = lens.places.compactMap { place -> String? in
      let steps = place.split(separator: "/")
      guard let first = steps.first.map({ $0.prefix { $0 != "[" } }), !first.hasPrefix("@"), first != "devices",
        first != "metadata", first != ".", first != "*"
      else { return nil }
      guard first == "features", hasFeatures, steps.count > 1, !steps[1].hasPrefix("@") else { return String(first) }
      return "features/\(steps[1].prefix { $0 != "[" })"
    }
    return Set(paths)
  }
}

extension XMLElement {
  /// Puts an element where a path leads; nil takes out what is there.
  fileprivate mutating func put(_ element: XMLElement?, inPlaceOf path: String) {
    let place = XMLPath(stringLiteral: path)
    guard let element else { return remove(at: place) }
    update(at: place) { $0 = element }
  }

  /// The other element, with what this one has where a path leads.
  fileprivate func with(_ path: String, of other: XMLElement) -> XMLElement {
    var result = other
    result.put(element(at: XMLPath(stringLiteral: path)), inPlaceOf: path)
    return result
  }
}
