// Planning one storage pool: its folder, and its definition where the driver has storage pools.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// Works out what becomes of one pool.
struct PoolPlanning {
  private let spec: ObjectSpec
  private let stack: StackContext
  private var part: PlanPart
  private var changes: [FieldChange] = []
  /// The steps that the next one waits for.
  private var last: [Prerequisite] = []

  /// Plans a pool: its folder, and its definition where the driver has storage pools.
  static func plan(_ spec: ObjectSpec, in stack: StackContext) -> PlanPart {
    var planning = PoolPlanning(spec: spec, stack: stack, part: PlanPart(ObjectReference(.pool, spec.name)))
    planning.plan()
    return planning.part
  }

  private init(spec: ObjectSpec, stack: StackContext, part: PlanPart) {
    self.spec = spec
    self.stack = stack
    self.part = part
  }

  private var observed: ObservedPool? { stack.inventory.pools?[spec.name] }
  private var isToRun: Bool { spec[.poolState] != .any }
  private var isFolder: Bool { spec.poolType == .dir }

  private mutating func plan() {
    guard planFolder() else { return }
    if let pools = stack.inventory.pools ?? (stack.host.isSupposed ? [:] : nil) {
      guard planDefinition(among: pools) else { return }
    } else {
      guard refuseWithoutPools() else { return }
    }
    if let step = last.last { part.steps.setReady(after: step) }
    let verb: ObjectPlan.Verb = changes.isEmpty ? .none : observed != nil ? .update : .create
    let concealment = Concealment(
      of: spec, record: nil, salt: stack.inventory.salt, definitions: [observed?.inactive].compactMap(\.self))
    part.secrets.formUnion(concealment.secrets)
    part.plan = concealment.concealed(ObjectPlan(part.object, verb, changes: changes, range: spec.range))
  }

  // MARK: The folder

  /// Plans the folder of a pool of type `dir`. False when it cannot be.
  private mutating func planFolder() -> Bool {
    guard isFolder, let setting = spec.setting(.path), let path = spec[.path] else { return !isFolder }
    switch stack.file(path) {
    case .folder: break
    // A pool that need not run needs no folder.
    case .missing where !isToRun: break
    case .missing where stack.inventory.closedFolders.contains(path):
      part.findings.refuse(
        "unwritable-folder", "the folder \(path) cannot be created: its parent is not writable", at: setting.range,
        suggestion: "create it for this user, run as another user, or write another path")
      return false
    case .missing:
      changes.append(
        FieldChange(
          FieldKey.path.name, new: setting.value, effect: .define, reason: .spec, detail: "make the folder",
          range: setting.range))
      last = [part.steps.add(.createDirectory(path: path))]
    case .image:
      part.findings.refuse("not-a-folder", "\(path) is a file, not a folder", at: setting.range)
      return false
    case .unusable(let error):
      part.findings.refuse("unusable-folder", "\(error)", at: setting.range)
      return false
    }
    return true
  }

  /// Without storage pools there are folders, and nothing that libvirt would have to do with them.
  private mutating func refuseWithoutPools() -> Bool {
    let host = stack.host
    if let reason = host.missingDrivers[.storagePools], reason != .unsupported {
      let (message, remedy) = reason.explanation(of: .storagePools, on: host.uri)
      part.findings.refuse("no-pools", message, at: spec.range, suggestion: remedy)
      return false
    }
    let type = spec.type
    let known: Set = [type[.poolType], type[.path], type[.uuid], type[.poolState]]
    let rest = type.fields.first { !known.contains($0) && spec.settings[$0] != nil }
    guard let field = isFolder ? rest : type[.poolType], let setting = spec.settings[field] else { return true }
    part.findings.refuse(
      "no-pools", "the connection \(host.uri) has no storage pools: a pool is its folder alone", at: setting.range,
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
      part.findings.note(
        "pool-exists", "the folder already is libvirt's pool \(other.name), which is left alone")
      return true
    }
    let uuid = spec[.uuid] ?? Identity.uuid(stack: stack.name, pool: spec.name)
    if observed == nil, let other = pools.values.first(where: { $0.inactive.value(at: .uuid)?.lowercased() == uuid }) {
      part.findings.refuse(
        "renamed-pool", "the host has this pool's UUID, \(uuid), under the name \(other.name)",
        at: spec.place(of: .uuid), suggestion: "use that name, or another UUID")
      return false
    }
    var fresh = XMLElement("pool", ["type": spec.poolType.rawValue], children: [XMLElement("name", text: spec.name)])
    // libvirt's schema wants it even where it says nothing.
    if spec.poolType == .mpath { fresh.append(XMLElement("source")) }
    if spec.poolType == .logical { fresh.append(XMLElement("target")) }
    var fields = DefinitionFields(
      spec, part.object, in: stack, observed: observed?.inactive,
      running: observed?.isActive ?? false ? observed?.inactive : nil, fresh: fresh)
    fields.setDefault(.uuid, uuid)
    // The path is looked after above; a pool that is found has it.
    fields.plan(except: observed == nil ? [] : [spec.type[.path], spec.type[.poolType]])
    fields.noteGiven()
    part.findings += fields.findings
    part.secrets = fields.concealment.secrets
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
  private mutating func isSame(_ observed: ObservedPool) -> Bool {
    let range = spec.place(of: .path)
    if observed.type != spec.poolType.rawValue, !(isFolder && observed.path != spec[.path]) {
      part.findings.refuse(
        "cannot-change",
        "libvirt has a pool of this name of type \(observed.type), which cannot become \(spec.poolType)",
        at: spec.place(of: .poolType), suggestion: "give the pool another name")
      return false
    }
    guard spec[.path] == nil || observed.path == spec[.path] else {
      part.findings.refuse(
        "pool-elsewhere", "libvirt has a pool of this name at \(observed.path ?? "another kind of place")", at: range,
        suggestion: "write that path, or give the pool another name")
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
      part.findings += SchemaRules.check(pool: fields)
      let isBuilt =
        [.fs, .netfs].contains(spec.poolType) && observed == nil
        || isFolder && fields.changes.contains { $0.field.hasPrefix("permissions.") }
      last = [
        part.steps.add(
          .definePool(
            PoolDefinition(
              definition, isBuilt: isBuilt && isToRun, isStarted: isToRun,
              autostart: observed == nil ? spec[.autostart] ?? true : nil)),
          after: last, effect: fields.changes.map(\.effect).max() ?? .define)
      ]
    }
    guard let observed else { return }
    // One that Vireo has made is known by its UUID. The run that made it may have been cut off before it got its autostart.
    let isMade =
      observed.inactive.value(at: .uuid)?.lowercased() == Identity.uuid(stack: stack.name, pool: spec.name)
    if let wanted = spec[.autostart] ?? (isMade ? true : nil), wanted != observed.autostart {
      changes.append(
        FieldChange(
          FieldKey.autostart.name, old: .boolean(observed.autostart), new: .boolean(wanted), effect: .define,
          reason: autostart == nil ? .drift : .spec, range: autostart?.range ?? spec.range))
      part.steps.add(.setPoolAutostart(name: spec.name, wanted), after: last)
    }
    guard !observed.isActive, isToRun else { return }
    changes.append(
      FieldChange(
        "active", old: .boolean(false), new: .boolean(true), effect: .define, reason: .drift, range: spec.range))
    last = [part.steps.add(.startPool(name: spec.name), after: last)]
  }
}
