// Planning the files that disks are: made, found, grown, or left alone because something stands in the way.

import Diagnostics
import DiskImage
import Inventory
import Spec
import Vocabulary
import XMLTree

extension DomainContext {
  /// The file or block device that a disk is to have; nil for an empty tray and for what is neither.
  func desiredPath(of disk: ObjectSpec) -> String? {
    if let source = disk[.source] { return source }
    guard stack.layout.isMade(disk) else { return stack.base(of: disk)?.path }
    let path = stack.layout.path(of: disk, domain: spec.name)
    return path.map { fileBeforeRenaming(of: disk, like: $0) ?? $0 }
  }

  /// The file of a disk whose domain had another name when it was made: a domain that is renamed keeps its files.
  private func fileBeforeRenaming(of disk: ObjectSpec, like path: String) -> String? {
    guard let file = record?[fileOf: "disks.\(disk.name)"], file != path else { return nil }
    let (folder, name) = (path.prefix(through: path.lastIndex(of: "/") ?? path.startIndex), spec.name)
    let ending = path.dropFirst(folder.count + name.count)
    guard file.hasPrefix(folder), file.hasSuffix(ending), !file.dropFirst(folder.count).contains("/") else {
      return nil
    }
    return file
  }

  /// Whether a disk's file is of the format that the spec says, so that the definition may be put right.
  func hasFile(of disk: ObjectSpec, in format: Setting) -> Bool {
    guard let path = desiredPath(of: disk), case .image(let chain)? = stack.inventory.files[path] else { return false }
    return chain.top.format.rawValue == format.value.string
  }
}

/// Works out what becomes of the file of one disk.
struct DiskFilePlanning {
  private let context: DomainContext
  private let disk: ObjectSpec
  /// The disk's whole name: `disks.root`.
  private let key: String
  /// How the running guest's disk is found.
  private let identity: DeviceIdentity
  /// The disk as the definition has it; nil for a new one.
  private let current: XMLElement?
  private let file: PlannedFile
  private var part: DomainPart

  /// Plans a disk's file and puts it into the disk's element. What is planned notes a disk that stands on a snapshot's overlay,
  /// which stays as it is.
  static func plan(
    _ context: DomainContext, _ disk: ObjectSpec, _ key: String, _ identity: DeviceIdentity, current: XMLElement?,
    into element: inout XMLElement
  ) -> DomainPart {
    var planning = DiskFilePlanning(
      context: context, disk: disk, key: key, identity: identity, current: current,
      file: PlannedFile(spec: disk, name: key, noun: "disk", stack: context.stack), part: DomainPart(context))
    if planning.plan(into: &element) { planning.part.snapshotDisks = [key] }
    return planning.part
  }

  private var stack: StackContext { context.stack }
  private var isMadeByVireo: Bool { stack.layout.isMade(disk) }

  /// What happens where the medium of a drive is missing. libvirt takes an `optional` one out when the guest starts, and a
  /// `requisite` one only when a guest is restored or migrated (formatdomain.html#hard-drives-floppy-disks-cdroms).
  private func accepts(missing path: String) -> Bool? {
    guard disk[.device] == .cdrom || disk[.device] == .floppy else { return nil }
    switch disk[.startupPolicy] {
    case "optional": return true
    case "requisite": return !([.running, .paused].contains(context.spec[.state]) && !context.isActive)
    default: return nil
    }
  }

  /// Notes a missing medium that the spec allows to be missing. False where it must be there.
  private mutating func noteMissing(_ path: String, at range: SourceRange) -> Bool {
    guard let isAccepted = accepts(missing: path) else { return false }
    if isAccepted {
      let isOptional = disk[.startupPolicy] == "optional"
      part.findings.note(
        "missing-medium", "there is no file \(path)", at: range,
        suggestion: isOptional ? "the guest starts with an empty drive" : "the guest cannot start without it")
    } else {
      part.findings.refuse(
        "missing-file",
        "there is no file \(path), and a guest with `startup-policy: requisite` does not start without it",
        at: range, suggestion: "put it there, or write `startup-policy: optional`")
    }
    return true
  }

  /// - Returns: whether the disk stands on a snapshot's overlay.
  private mutating func plan(into element: inout XMLElement) -> Bool {
    guard let path = context.desiredPath(of: disk) else {
      // What a fragment says is put by the fragment.
      let isSaid = disk[.xml]?.root.first("source") != nil
      if let medium = current.flatMap(DiskSource.path), disk[.image] == nil, !isSaid {
        changeSource(from: medium, to: nil)
        DiskSource.put(nil, into: &element)
      }
      return false
    }
    if isMadeByVireo { part.owned[fileOf: key] = path }
    if disk[.source] != nil, let name = stack.volumePaths[path] {
      let volume = ObjectReference(.volume, name)
      if stack.awaited.contains(volume) { part.volumes.append(volume) }
    }
    let isWritable = disk[.device] != .cdrom && disk[.readOnly] != true
    if isWritable, let image = stack.basePaths[path] {
      part.findings.fail(
        "base-image", "\(path) is the base image \(image), which must not change",
        at: disk.place(of: .source),
        suggestion: "write `image: \(image)` for an overlay on it")
      return false
    }
    let isShared = disk[.shareable] == true
    if isWritable,
      let other = stack.uses.other(
        than: context.nameOnHost, using: path, isShared: isShared, besides: context.spec.exclusions)
    {
      part.findings.refuse(
        "shared-disk", "\(path) is a disk of the domain \(other)", at: disk.place(of: .source),
        suggestion: DiskUses.sharingRemedy)
      return false
    }
    guard let current, let old = DiskSource.path(of: current) else {
      if current != nil { changeSource(from: nil, to: path) }
      DiskSource.put(path, into: &element)
      planNewFile(at: path)
      return false
    }
    if old == path {
      planFoundFile(at: path, isKept: true)
      return false
    }
    return planOtherFile(from: old, to: path, into: &element)
  }

  /// The disk has another file than the spec would give it.
  private mutating func planOtherFile(from old: String, to path: String, into element: inout XMLElement) -> Bool {
    if case .image(let chain)? = stack.inventory.files[old],
      chain.images.dropFirst().contains(where: { $0.path == path })
    {
      // Writing the spec's file back would drop everything that the guest wrote since the snapshot.
      part.findings.note(
        "snapshot", "\(key) is on a snapshot, \(old), whose chain contains \(path)", at: disk.range,
        suggestion: "it is left alone")
      planGrowth(chain.top)
      return true
    }
    let isFree = disk[.source] != nil || disk[.device] == .cdrom
    let wasDrift = context.record?[fileOf: key] == path
    guard isFree || wasDrift else {
      part.findings.refuse(
        "other-file", "\(key) has the file \(old), and the spec would replace it with a new one", at: disk.range,
        suggestion: "to keep the existing disk, write `source: \(old)` and its format")
      return false
    }
    changeSource(from: old, to: path)
    DiskSource.put(path, into: &element)
    guard disk[.device] != .cdrom || disk[.source] != nil else { return false }
    switch stack.file(path) {
    case .missing where stack.isVolume(path):
      // Another volume is asked for explicitly; another place of the same one would be an empty disk by accident.
      guard let name = disk[.volumeEntry], context.record?[key, .volumeEntry] == name else { break }
      part.findings.refuse(
        "other-file", "\(key) has the file \(old), and volume \(name) would be a new one in its place", at: disk.range,
        suggestion: "move the file to \(path) first, while no guest uses it; or write `path: \(old)` at the volume")
    case .missing where noteMissing(path, at: disk.place(of: .source)): break
    case .missing:
      part.findings.refuse(
        "missing-file", "there is no file \(path)", at: disk.place(of: .source),
        suggestion: "\(key) has \(old) now; put the file there or correct the spec")
    default: planFoundFile(at: path, isKept: true)
    }
    return false
  }

  /// What another file takes: media are changed in the drive of a running guest, disks wait for its next start.
  private mutating func effectOfMedium(_ path: String?, name: String) -> Effect {
    guard context.isActive else { return .define }
    guard let running = context.running.flatMap(identity.find) else { return .nextBoot }
    // What the guest has already costs nothing.
    if DiskSource.path(of: running) == path { return .define }
    let (field, medium) = (disk.type[.source], path.map(Value.string))
    let effect = context.effect(of: field, to: medium, on: identity)
    if effect == .live { part.addLive(field, name: name, to: medium, on: identity, context) }
    return effect
  }

  private mutating func changeSource(from old: String?, to new: String?) {
    let setting = disk.setting(.source) ?? disk.setting(.image)
    let isDrift =
      new != nil
      && (context.record?[fileOf: key] == new || context.record?[key, .source] == new
        || (disk[.image] != nil && context.record?[key, .image] == disk[.image]))
    let name = "\(key).\(FieldKey.source.name)"
    let effect = effectOfMedium(new, name: name)
    part.changes.append(
      FieldChange(
        name, old: old.map(Value.string), new: new.map(Value.string), effect: effect,
        reason: isDrift ? .drift : .spec, range: setting?.range ?? disk.range))
  }

  // MARK: Files that are there or not

  /// A new disk: its file is made, unless it is there.
  private mutating func planNewFile(at path: String) {
    // A cdrom's image has been planned as an image.
    if disk[.device] == .cdrom, disk[.source] == nil { return }
    let range = disk.place(of: .source)
    switch stack.file(path) {
    case .missing where isMadeByVireo:
      planCreation(at: path)
    case .missing where stack.isVolume(path): break
    case .missing where noteMissing(path, at: range): break
    case .missing:
      part.findings.refuse(
        "missing-file", "there is no file \(path)", at: range,
        suggestion: disk[.device] == .cdrom || disk[.device] == .floppy
          ? "put it there, or write `startup-policy: optional` for a drive that is empty until it is there"
          : "put it there, or write `size:` in place of `source:` for a new disk")
    case .image(let chain) where isMadeByVireo:
      guard part.findings.checkNames(of: file, chain.top) else { return }
      part.findings.note(
        "found-file", "\(key) uses the existing file \(path)", at: disk.range)
      planFoundFile(at: path, isKept: false)
      part.findings.checkBase(of: file, chain, isNew: true)
    default:
      planFoundFile(at: path, isKept: false)
    }
  }

  /// - Parameter isKept: whether the disk exists, be it with another file.
  private mutating func planFoundFile(at path: String, isKept: Bool) {
    if disk[.device] == .cdrom, disk[.source] == nil { return }
    let range = disk.place(of: .source)
    let observedFile = stack.file(path)
    if case .missing = observedFile, noteMissing(path, at: range) { return }
    // A disk that has the file already is taken as it is: whether the guest can start with it is another matter.
    if isKept, disk[.source] != nil, disk[.size] == nil, let problem = observedFile.problem {
      part.findings.note(
        "unusable-file", "the file \(path) of \(key) \(problem)", at: range,
        suggestion: "the guest cannot start with it", severity: .warning)
      return
    }
    switch observedFile {
    // A volume is made, or what is wrong with it is reported, by its own steps.
    case .missing where stack.isVolume(path), .folder where stack.isVolume(path), .unusable where stack.isVolume(path):
      break
    case .missing:
      part.findings.refuse(
        "missing-file", "the file \(path) of \(key) is missing", at: range,
        suggestion: "restore it; Vireo does not replace it, because a new disk would be empty")
    case .folder:
      part.findings.refuse("not-an-image", "\(path) is a folder", at: range)
    case .unusable(let error):
      // A pool that cannot be looked into has been reported as a pool.
      if isMadeByVireo, stack.layout.pool(of: disk).map(stack.isUnusable) ?? false { return }
      part.findings.refuse("unusable-file", "\(key): \(error)", at: range)
    case .image(let chain):
      if disk[.source] != nil, disk.setting(.format) == nil, current.flatMap(DiskSource.path) != path,
        let misnomer = chain.top.misnomer
      {
        part.findings.refuse(
          "misnamed-file", "the file \(path) of \(key) \(misnomer.clause)", at: range,
          suggestion:
            "fetch the file again or rename it, or write `format: \(chain.top.format)` if the guest is to have this")
        return
      }
      if !isKept, disk[.source] != nil, let looksLike = chain.top.looksLike {
        part.findings.note(
          "looks-like",
          "the file of \(key) has the format \(chain.top.format.rawValue) in the spec, but looks like \(looksLike)",
          at: disk.setting(.format)?.range ?? range,
          suggestion: "correct `format` unless the guest should see the image file itself", severity: .warning)
      }
      if isKept, isMadeByVireo {
        part.findings.checkBase(of: file, chain, isNew: false)
      }
      planGrowth(chain.top)
    }
  }

  private mutating func planCreation(at path: String) {
    guard let creation = part.findings.creation(of: file, at: path) else { return }
    var objects = stack.layout.pool(of: disk).map { [ObjectReference(.pool, $0.name)] } ?? []
    if let image = disk[.image] { objects.append(ObjectReference(.image, image)) }
    part.fileSteps.append(
      Step(operation: .createImage(path: path, creation, device: key), after: objects.map(Prerequisite.object)))
  }

  // MARK: Sizes

  private mutating func planGrowth(_ image: ImageInfo) {
    guard let (setting, size) = part.findings.growth(of: file, image) else { return }
    guard !(context.observed?.hasManagedSave ?? false) else {
      return part.findings.refuseGrowth(underSavedState: image, at: setting)
    }
    let running = context.running?.devices(Vocabulary.disk).first { DiskSource.path(of: $0) == image.path }
    let isLive = context.isActive && running != nil
    // A volume is grown by its own steps.
    guard isLive || !stack.isVolume(image.path) else { return }
    guard running?.first("readonly") == nil else {
      return part.findings.refuse(
        "read-only", "\(key) is read-only in the running guest and cannot grow while it runs", at: setting.range,
        suggestion: "stop the guest, then apply again")
    }
    part.changes.append(
      FieldChange(
        "\(key).\(FieldKey.size.name)", old: .bytes(image.virtualSize), new: setting.value,
        effect: isLive ? .live : .define, reason: .spec, range: setting.range))
    let operation: Operation =
      if isLive, let target = running?.value(at: .diskTarget) {
        .resizeBlockDevice(domain: context.identity, target: target, path: image.path, to: size, device: key)
      } else {
        .growImage(
          path: image.path, format: image.format, from: image.virtualSize, to: size, device: key,
          file: PlannedImage(isStated: !isMadeByVireo, identity: image.identity))
      }
    // Not before a saved state that knows the old size is gone.
    part.fileSteps.append(
      Step(operation: operation, after: context.discarding, effect: isLive ? .live : .define))
  }
}

extension ObservedFile {
  /// Why no disk can be made of it, in words behind its name; nil for an image.
  fileprivate var problem: String? {
    switch self {
    case .missing: "is missing"
    case .folder: "is a folder"
    case .unusable(let error): "cannot be used: \(error)"
    case .image: nil
    }
  }
}
