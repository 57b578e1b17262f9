// Planning one storage pool: its folder, and its definition where the driver has storage pools.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// Works out what becomes of one pool.
struct PoolPlanning {
  let spec: ObjectSpec
  let object: ObjectReference
  let builder: PlanBuilder
  private var changes: [FieldChange] = []
  /// The steps that the next one waits for.
  private var last: [Int] = []

  init(_ spec: ObjectSpec, in builder: PlanBuilder) {
    self.spec = spec
    self.builder = builder
    object = ObjectReference(.pool, spec.name)
  }

  private var observed: ObservedPool? { builder.inventory.pools?[spec.name] }
  private var isToRun: Bool { spec[.poolState] != .any }
  private var isFolder: Bool { spec.poolType == .dir }

  mutating func plan() {
    guard planFolder() else { return }
    if let pools = builder.inventory.pools ?? (builder.inventory.host.isSupposed ? [:] : nil) {
      guard planDefinition(among: pools) else { return }
    } else {
      guard refuseWithoutPools() else { return }
    }
    if let step = last.last { builder.setReady(object, after: step) }
    let verb: ObjectPlan.Verb = changes.isEmpty ? .none : observed != nil ? .update : .create
    let concealment = Concealment(
      of: spec, record: nil, salt: builder.inventory.salt, definitions: [observed?.inactive].compactMap(\.self))
    builder.conceal(concealment.secrets)
    builder.add(concealment.concealed(ObjectPlan(object, verb, changes: changes, range: spec.range)))
  }

  // MARK: The folder

  /// Plans the folder of a pool of type `dir`. False when it cannot be.
  private mutating func planFolder() -> Bool {
    guard isFolder, let setting = spec.setting(.path), let path = spec[.path] else { return !isFolder }
    switch builder.inventory.files[path] ?? .missing {
    case .folder: break
    // A pool that need not run needs no folder.
    case .missing where !isToRun: break
    case .missing:
      changes.append(
        FieldChange(
          FieldKey.path.name, new: setting.value, effect: .define, reason: .spec, detail: "make the folder",
          range: setting.range))
      last = [builder.add(.createDirectory(path: path), for: object)]
    case .image:
      builder.refuse("not-a-folder", "\(path) is a file, not a folder", at: setting.range, subject: object)
      return false
    case .unusable(let error):
      builder.refuse("unusable-folder", "\(error)", at: setting.range, subject: object)
      return false
    }
    return true
  }

  /// Without storage pools there are folders, and nothing that libvirt would have to do with them.
  private func refuseWithoutPools() -> Bool {
    let host = builder.inventory.host
    if let reason = host.missingDrivers[.storagePools], reason != .unsupported {
      let (message, remedy) = reason.explanation(of: .storagePools, on: host.uri)
      builder.refuse("no-pools", message, at: spec.range, subject: object, suggestion: remedy)
      return false
    }
    let type = spec.type
    let known: Set = [type[.poolType], type[.path], type[.uuid], type[.poolState]]
    let rest = type.fields.first { !known.contains($0) && spec.settings[$0] != nil }
    guard let field = isFolder ? rest : type[.poolType], let setting = spec.settings[field] else { return true }
    builder.refuse(
      "no-pools", "the connection \(host.uri) has no storage pools: a pool is its folder alone", at: setting.range,
      subject: object,
      suggestion: isFolder
        ? "leave out `\(field.name)`, or connect to a daemon, such as `--connect qemu:///system`"
        : "connect to a daemon, such as `--connect qemu:///system`")
    return false
  }

  // MARK: The definition

  /// Plans the definition in libvirt. False when it cannot be.
  private mutating func planDefinition(among pools: [String: ObservedPool]) -> Bool {
    if let observed = pools[spec.name] {
      guard isSame(observed) else { return false }
    } else if isFolder, let path = spec[.path],
      let other = pools.values.filter({ $0.path == path }).min(by: { $0.name < $1.name })
    {
      // libvirt refuses a second pool over one folder; the one that is there does as well.
      builder.note(
        "pool-exists", "the folder is libvirt's pool \(other.name) already, which is left as it is", subject: object)
      return true
    }
    let uuid = spec[.uuid] ?? Identity.uuid(stack: builder.spec.name, pool: spec.name)
    if observed == nil, let other = pools.values.first(where: { $0.inactive.value(at: .uuid)?.lowercased() == uuid }) {
      builder.refuse(
        "renamed-pool", "the host has this pool's UUID, \(uuid), under the name \(other.name)",
        at: spec.place(of: .uuid), subject: object, suggestion: "use that name, or another UUID")
      return false
    }
    var fresh = XMLElement("pool", ["type": spec.poolType.rawValue], children: [XMLElement("name", text: spec.name)])
    // libvirt's schema wants it even where it says nothing.
    if spec.poolType == .mpath { fresh.append(XMLElement("source")) }
    if spec.poolType == .logical { fresh.append(XMLElement("target")) }
    var fields = DefinitionFields(
      spec, object, in: builder, observed: observed?.inactive,
      running: observed?.isActive ?? false ? observed?.inactive : nil, fresh: fresh)
    fields.setDefault(.uuid, uuid)
    // The path is looked after above; a pool that is found has it.
    fields.plan(except: observed == nil ? [] : [spec.type[.path], spec.type[.poolType]])
    fields.noteGiven()
    if observed == nil {
      changes.append(
        FieldChange(
          "definition", new: .string("libvirt pool"), effect: .define, reason: .spec, detail: spec[.path],
          range: spec.place(of: .path)))
    }
    changes += fields.changes.filter { $0.field != FieldKey.path.name }
    // libvirt keeps no metadata of pools, so that nothing is recorded; what a new one gets is shown all the same.
    if observed == nil {
      changes += RecordDifference(before: nil, now: fields.owned, isNew: true).changes(
        of: OwnershipRecord.itself, spec, besides: changes + fields.changes, held: { _ in nil })
    }
    addSteps(fields)
    return true
  }

  /// Whether the pool that libvirt has under the name is the one that is meant.
  private func isSame(_ observed: ObservedPool) -> Bool {
    let range = spec.place(of: .path)
    if observed.type != spec.poolType.rawValue, !(isFolder && observed.path != spec[.path]) {
      builder.refuse(
        "cannot-change",
        "libvirt has a pool of this name of type \(observed.type), which cannot become \(spec.poolType)",
        at: spec.place(of: .poolType), subject: object, suggestion: "give the pool another name")
      return false
    }
    guard spec[.path] == nil || observed.path == spec[.path] else {
      builder.refuse(
        "pool-elsewhere", "libvirt has a pool of this name at \(observed.path ?? "another kind of place")", at: range,
        subject: object, suggestion: "write that path, or give the pool another name")
      return false
    }
    return true
  }

  private mutating func addSteps(_ fields: DefinitionFields) {
    let definition = ObjectDefinition(
      name: spec.name, xml: fields.xml, replacing: observed?.inactive, expectations: spec.expectations())
    let autostart = spec.setting(.autostart)
    if observed == nil, autostart == nil {
      changes.append(
        FieldChange(FieldKey.autostart.name, new: .boolean(true), effect: .define, reason: .default, range: spec.range))
    }
    if fields.xml != observed?.inactive {
      let isBuilt =
        [.fs, .netfs].contains(spec.poolType) && observed == nil
        || isFolder && fields.changes.contains { $0.field.hasPrefix("permissions.") }
      last = [
        builder.add(
          .definePool(
            PoolDefinition(
              definition, isBuilt: isBuilt && isToRun, isStarted: isToRun,
              autostart: observed == nil ? spec[.autostart] ?? true : nil)),
          for: object, after: last, effect: fields.changes.map(\.effect).max() ?? .define)
      ]
    }
    guard let observed else { return }
    // One that Vireo has made is known by its UUID. The run that made it may have been cut off before it got its autostart.
    let isMade =
      observed.inactive.value(at: .uuid)?.lowercased() == Identity.uuid(stack: builder.spec.name, pool: spec.name)
    if let wanted = spec[.autostart] ?? (isMade ? true : nil), wanted != observed.autostart {
      changes.append(
        FieldChange(
          FieldKey.autostart.name, old: .boolean(observed.autostart), new: .boolean(wanted), effect: .define,
          reason: autostart == nil ? .drift : .spec, range: autostart?.range ?? spec.range))
      builder.add(.setPoolAutostart(name: spec.name, wanted), for: object, after: last)
    }
    guard !observed.isActive, isToRun else { return }
    changes.append(
      FieldChange(
        "active", old: .boolean(false), new: .boolean(true), effect: .define, reason: .drift, range: spec.range))
    last = [builder.add(.startPool(name: spec.name), for: object, after: last)]
  }
}
