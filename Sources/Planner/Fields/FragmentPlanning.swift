// Planning what a spec says in libvirt's own XML: merged, shown place by place, recorded, and taken back.

import Diagnostics
import Spec
import Vocabulary
import XMLTree

/// What becomes of an object's fragment.
struct FragmentPlan {
  private(set) var changes: [FieldChange] = []
  /// The field of the fragment.
  private let field: Field
  /// What this apply owns of it.
  private(set) var owned: Value?
  /// The fragment has the last word, and must not contradict the object's own fields: one of the two would never hold.
  private(set) var conflicts: [Diagnostic] = []

  /// Merges an object's fragment into its element, and takes out what an earlier one said and this one does not.
  ///
  /// - Parameters:
  ///   - owner: the object's name in what it belongs to, `disks.root`; ``OwnershipRecord/itself`` for a domain, a network
  ///     or a pool.
  ///   - isNew: whether the object is new; nothing is taken out of it then.
  ///   - running: the element that a running guest or network has; nil where nothing runs.
  ///   - isShown: whether changes are reported place by place. A new device is reported as a whole.
  init(
    of object: ObjectSpec, of owner: String = OwnershipRecord.itself, in element: inout XMLElement,
    record: OwnershipRecord?, concealment: Concealment, isNew: Bool, isShown: Bool = true, running: XMLElement?,
    subject: ObjectReference
  ) {
    field = object.type[.xml]
    let name = owner == OwnershipRecord.itself ? Field.xmlName : "\(owner).\(Field.xmlName)"
    let setting = object.setting(.xml)
    let wanted = object[.xml]
    let recorded = record?[owner, .xml].flatMap { try? XMLFragment.parse($0, element: element.name) }
    let before = element
    func settle(_ element: inout XMLElement) {
      if !isNew, let dropped = recorded?.beyond(wanted) { dropped.remove(from: &element) }
      wanted?.merge(into: &element)
    }
    settle(&element)
    // Memory devices of the fragment's count too, unless it does so itself.
    if element.name == "domain", wanted?.root.first("memory") == nil, recorded?.root.first("memory") == nil {
      Vocabulary.recountMemory(
        of: &element, devicesBefore: Vocabulary.deviceMemory(of: before), current: object.setting(.currentMemory)?.value
      )
    }
    if wanted != nil, let setting {
      owned = setting.value
      conflicts = Self.conflicts(of: object, setting, with: element, subject)
    }
    let range = setting?.range ?? object.range
    guard element != before, isShown else { return }
    let reason: FieldChange.Reason =
      setting.map { concealment.isRecorded($0.value, of: owner, object.type[.xml]) ? .drift : .spec } ?? .dropped
    // Digests tell secrets apart that are shown alike.
    let paths = concealment.places.paths(of: owner)
    let shownBefore = XMLFragment(before).masked(.salted(concealment.salt), besides: paths).root
    let shown = XMLFragment(element).masked(.salted(concealment.salt), besides: paths).root
    // What the running guest has already costs nothing.
    let isWaiting = running.map { running in
      var settled = running
      settle(&settled)
      return settled != running
    }
    let effect: Effect = isWaiting ?? false ? .nextBoot : .define
    if shownBefore == shown {
      changes = [FieldChange(name, effect: effect, reason: reason, detail: "a password", range: range)]
    }
    changes += difference(shownBefore, shown, options: .siblings).map { difference in
      let place = difference.path.drop { $0 == "/" }.drop { $0 != "/" }
      return FieldChange(
        name + place, old: difference.old.map(Value.string), new: difference.new.map(Value.string), effect: effect,
        reason: reason, range: range)
    }
  }

  /// Records what this apply owns of the fragment.
  func record(of owner: String, _ concealment: Concealment, in record: inout OwnershipRecord) {
    if let owned { concealment.record(owned, of: owner, field, in: &record) }
  }

  private static func conflicts(
    of object: ObjectSpec, _ fragment: Setting, with element: XMLElement, _ subject: ObjectReference
  ) -> [Diagnostic] {
    object.type.fields.compactMap { field in
      guard let setting = object.settings[field], let lens = field.lens else { return nil }
      guard !field.isMet(setting.value, in: element) else { return nil }
      let value = lens.get(element)
      let name = object.type.displayName(of: field)
      return Diagnostic(
        "conflict", "`xml` makes \(name) \(value.map(\.description) ?? "undefined"), and it is to be \(setting.value)",
        at: fragment.range, subject: subject.description, suggestion: "say it once, with the field")
    }
  }
}

extension DomainPlanning {
  /// Plans the fragment of the domain itself, once its fields and devices are in place.
  mutating func planFragment() {
    refuseFragmentOfDevices()
    var domain = xml
    changes += plan(
      fragmentOf: spec, of: OwnershipRecord.itself, in: &domain, isNew: observed == nil, isShown: true,
      running: observed?.running)
    xml = domain
    refuseFilesOfOthers()
  }

  /// Refuses disks that come from libvirt's own XML and have the file of another domain, or a base image. Those that the
  /// definition has already stay, as they are.
  private func refuseFilesOfOthers() {
    func disks(_ definition: XMLElement?) -> [XMLElement] { definition?.devices(Vocabulary.disk) ?? [] }
    let present = Set(
      disks(observed?.inactive).compactMap { DiskSource.path(of: $0, in: builder.inventory).map(Self.plainPath) })
    // What a field names is looked at where that is planned.
    let named = Set(spec.members("disks").compactMap(desiredPath))
    for disk in disks(xml) where !disk.exists(at: .diskReadOnly) && disk[attribute: "device"] != "cdrom" {
      guard let path = DiskSource.path(of: disk, in: builder.inventory).map(Self.plainPath), !present.contains(path),
        !named.contains(path)
      else { continue }
      let entry = spec.members("disks").first { identities["disks.\($0.name)"]?.isMet(by: disk) ?? false }
      let range = (entry ?? spec).setting(.xml)?.range ?? entry?.range ?? spec.range
      let name = entry.map { "disks.\($0.name)" } ?? "the disk \(disk.value(at: .diskTarget) ?? "") in `xml`"
      if let image = builder.basePaths[path] {
        builder.fail(
          "base-image", "\(name) is the base image \(image), \(path), which nobody may write to", at: range,
          subject: object, suggestion: "write `image: \(image)` in an entry of `disks` for an overlay on it")
      } else if let other = uses.other(
        than: nameOnHost, using: path, isShared: disk.exists(at: .diskShareable), besides: spec.exclusions)
      {
        builder.refuse(
          "shared-disk", "\(name) is \(path), a disk of the domain \(other)", at: range, subject: object,
          suggestion: Self.sharingRemedy)
      }
    }
  }

  /// A path without the parts that lead nowhere else: libvirt takes any spelling.
  private static func plainPath(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The domain's fragment cannot say what a device is that has an entry of its own: its file, its network, its alias.
  private func refuseFragmentOfDevices() {
    guard let setting = spec.setting(.xml), let fragment = spec[.xml],
      fragment.root.first("devices") != nil
    else { return }
    var merged = xml
    fragment.merge(into: &merged)
    for (name, identity) in identities.sorted(by: { $0.key < $1.key }) {
      guard let device = identity.find(in: xml), merged.first("devices")?.elements.contains(device) == false else {
        continue
      }
      builder.fail(
        "conflict", "`xml` of the domain changes the device of `\(name)`", at: setting.range, subject: object,
        suggestion: "write it in that entry, with its fields or under its own `xml`")
    }
  }

  /// Plans the fragment of the domain or of a device, and returns what changes.
  mutating func plan(
    fragmentOf object: ObjectSpec, of owner: String, in element: inout XMLElement, isNew: Bool, isShown: Bool,
    running: XMLElement?
  ) -> [FieldChange] {
    let plan = FragmentPlan(
      of: object, of: owner, in: &element, record: record, concealment: concealment, isNew: isNew, isShown: isShown,
      running: running, subject: self.object)
    plan.record(of: owner, concealment, in: &owned)
    plan.conflicts.forEach(builder.fail)
    return plan.changes
  }
}
