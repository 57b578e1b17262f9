// Planning the files that disks are: made, found, grown, or left alone because something stands in the way.

import Diagnostics
import DiskImage
import Inventory
import Spec
import Vocabulary
import XMLTree

extension DomainPlanning {
  private var layout: DiskLayout { DiskLayout(spec: builder.spec) }

  /// The file or block device that a disk is to have; nil for an empty tray and for what is neither.
  func desiredPath(of disk: ObjectSpec) -> String? {
    if let source = disk[.source] { return source }
    guard isMadeByVireo(disk) else { return builder.base(of: disk)?.path }
    let path = layout.path(of: disk, domain: spec.name)
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

  private func isMadeByVireo(_ disk: ObjectSpec) -> Bool {
    layout.isMade(disk)
  }

  /// Plans a disk's file and puts it into the disk's element.
  ///
  /// - Returns: whether the disk stands on a snapshot's overlay, which stays as it is.
  mutating func planFile(
    of disk: ObjectSpec, key: String, current: XMLElement?, into element: inout XMLElement
  ) -> Bool {
    guard let path = desiredPath(of: disk) else {
      // What a fragment says is put by the fragment.
      let isSaid = disk[.xml]?.root.first("source") != nil
      if let medium = current.flatMap(DiskSource.path), disk[.image] == nil, !isSaid {
        changeSource(of: disk, key: key, from: medium, to: nil)
        DiskSource.put(nil, into: &element)
      }
      return false
    }
    if isMadeByVireo(disk) { owned[fileOf: key] = path }
    if disk[.source] != nil, let volume = builder.volumePaths[path],
      let step = builder.readyStep(of: ObjectReference(.volume, volume))
    {
      fileSteps.append(step)
    }
    let isWritable = disk[.device] != .cdrom && disk[.readOnly] != true
    if isWritable, let image = builder.basePaths[path] {
      builder.fail(
        "base-image", "\(path) is the base image \(image), which nobody may write to",
        at: disk.place(of: .source), subject: object,
        suggestion: "write `image: \(image)` for an overlay on it")
      return false
    }
    let isShared = disk[.shareable] == true
    if isWritable,
      let other = uses.other(than: nameOnHost, using: path, isShared: isShared, besides: spec.exclusions)
    {
      builder.refuse(
        "shared-disk", "\(path) is a disk of the domain \(other)", at: disk.place(of: .source),
        subject: object, suggestion: Self.sharingRemedy)
      return false
    }
    guard let current, let old = DiskSource.path(of: current) else {
      if current != nil { changeSource(of: disk, key: key, from: nil, to: path) }
      DiskSource.put(path, into: &element)
      planNewFile(of: disk, key: key, at: path)
      return false
    }
    if old == path {
      planFoundFile(of: disk, key: key, at: path, current: current)
      return false
    }
    return planOtherFile(of: disk, key: key, current: current, from: old, to: path, into: &element)
  }

  /// What to do about a file that another domain writes to.
  static let sharingRemedy =
    "two guests that write to one disk destroy it: give each its own; where their file system is made for it, both "
    + "disks need `shareable: true`; where only one of the two ever runs, both domains need `exclusive-with`"

  /// The disk has another file than the spec would give it.
  private mutating func planOtherFile(
    of disk: ObjectSpec, key: String, current: XMLElement, from old: String, to path: String,
    into element: inout XMLElement
  ) -> Bool {
    if case .image(let chain)? = builder.inventory.files[old],
      chain.images.dropFirst().contains(where: { $0.path == path })
    {
      // Writing the spec's file back would drop everything that the guest wrote since the snapshot.
      builder.note(
        "snapshot", "\(key) is on a snapshot, \(old), whose chain contains \(path)", at: disk.range, subject: object,
        suggestion: "it is left as it is")
      planGrowth(of: disk, key: key, chain.top, current: current)
      return true
    }
    let isFree = disk[.source] != nil || disk[.device] == .cdrom
    let wasDrift = record?[fileOf: key] == path
    guard isFree || wasDrift else {
      builder.refuse(
        "other-file", "\(key) has the file \(old), and the spec would put a new one in its place", at: disk.range,
        subject: object, suggestion: "to take the disk as it is, write `source: \(old)` and its format")
      return false
    }
    changeSource(of: disk, key: key, from: old, to: path)
    DiskSource.put(path, into: &element)
    guard disk[.device] != .cdrom || disk[.source] != nil else { return false }
    switch builder.inventory.files[path] ?? .missing {
    case .missing where isVolume(path):
      // Another volume is asked for explicitly; another place of the same one would be an empty disk by accident.
      guard let name = disk[.volumeEntry], record?[key, .volumeEntry] == name else { break }
      builder.refuse(
        "other-file", "\(key) has the file \(old), and volume \(name) would be a new one in its place", at: disk.range,
        subject: object,
        suggestion: "move the file to \(path) first, while no guest has it; or write `path: \(old)` at the volume")
    case .missing:
      builder.refuse(
        "missing-file", "there is no file \(path)", at: disk.place(of: .source), subject: object,
        suggestion: "\(key) has \(old) now; put the file there or correct the spec")
    default: planFoundFile(of: disk, key: key, at: path, current: current)
    }
    return false
  }

  /// Whether a file is one of the stack's volumes.
  private func isVolume(_ path: String) -> Bool { builder.volumePaths[path] != nil }

  /// What another file takes: media are changed in the drive of a running guest, disks wait for its next start.
  private mutating func effectOfMedium(_ path: String?, in disk: ObjectSpec, name: String) -> Effect {
    guard let observed, observed.isActive else { return .define }
    guard let rule = disk.type.device else { return .nextBoot }
    let drive = identities["disks.\(disk.name)"] ?? DeviceIdentity(of: disk, rule)
    guard let running = observed.running.flatMap(drive.find) else { return .nextBoot }
    // What the guest has already costs nothing.
    if DiskSource.path(of: running) == path { return .define }
    let (field, medium) = (disk.type[.source], path.map(Value.string))
    let effect = effect(of: field, to: medium, on: drive)
    if effect == .live { addLive(field, name: name, to: medium, on: drive) }
    return effect
  }

  private mutating func changeSource(of disk: ObjectSpec, key: String, from old: String?, to new: String?) {
    let setting = disk.setting(.source) ?? disk.setting(.image)
    let isDrift =
      new != nil
      && (record?[fileOf: key] == new || record?[key, .source] == new
        || (disk[.image] != nil && record?[key, .image] == disk[.image]))
    changes.append(
      FieldChange(
        "\(key).\(FieldKey.source.name)", old: old.map(Value.string), new: new.map(Value.string),
        effect: effectOfMedium(new, in: disk, name: "\(key).\(FieldKey.source.name)"), reason: isDrift ? .drift : .spec,
        range: setting?.range ?? disk.range))
  }

  // MARK: Files that are there or not

  /// A new disk: its file is made, unless it is there.
  private mutating func planNewFile(of disk: ObjectSpec, key: String, at path: String) {
    // A cdrom's image has been planned as an image.
    if disk[.device] == .cdrom, disk[.source] == nil { return }
    let range = disk.place(of: .source)
    switch builder.inventory.files[path] ?? .missing {
    case .missing where isMadeByVireo(disk):
      planCreation(of: disk, key: key, at: path)
    case .missing where isVolume(path): break
    case .missing:
      builder.refuse(
        "missing-file", "there is no file \(path)", at: range, subject: object,
        suggestion: "put it there, or write `size:` in place of `source:` for a new disk")
    case .image(let chain) where isMadeByVireo(disk):
      guard builder.checkNames(of: file(of: disk, key: key), chain.top) else { return }
      builder.note(
        "found-file", "\(key) takes the file that is there: \(path)", at: disk.range, subject: object)
      planFoundFile(of: disk, key: key, at: path, current: nil)
      builder.checkBase(of: file(of: disk, key: key), chain, isNew: true)
    default:
      planFoundFile(of: disk, key: key, at: path, current: nil)
    }
  }

  private mutating func planFoundFile(of disk: ObjectSpec, key: String, at path: String, current: XMLElement?) {
    if disk[.device] == .cdrom, disk[.source] == nil { return }
    let range = disk.place(of: .source)
    let observedFile = builder.inventory.files[path] ?? .missing
    // A disk that has the file already is taken as it is: whether the guest can start with it is another matter.
    if current != nil, disk[.source] != nil, disk[.size] == nil, let problem = observedFile.problem {
      builder.note(
        "unusable-file", "the file \(path) of \(key) \(problem)", at: range, subject: object,
        suggestion: "the guest cannot start with it", severity: .warning)
      return
    }
    switch observedFile {
    // A volume is made, or what is wrong with it is reported, by its own steps.
    case .missing where isVolume(path), .folder where isVolume(path), .unusable where isVolume(path): break
    case .missing:
      builder.refuse(
        "missing-file", "the file \(path) of \(key) is missing", at: range, subject: object,
        suggestion: "restore it; a new disk would be empty, so none is made in its place")
    case .folder:
      builder.refuse("not-an-image", "\(path) is a folder", at: range, subject: object)
    case .unusable(let error):
      // A pool that cannot be looked into has been reported as a pool.
      if isMadeByVireo(disk), layout.pool(of: disk).map(builder.isUnusable) ?? false { return }
      builder.refuse("unusable-file", "\(key): \(error)", at: range, subject: object)
    case .image(let chain):
      if current == nil, disk[.source] != nil, let looksLike = chain.top.looksLike {
        builder.note(
          "looks-like", "the file of \(key) is taken as \(chain.top.format.rawValue) and looks like \(looksLike)",
          at: disk.setting(.format)?.range ?? range, subject: object,
          suggestion: "correct `format` unless the guest should see the image file itself", severity: .warning)
      }
      if current != nil, isMadeByVireo(disk) {
        builder.checkBase(of: file(of: disk, key: key), chain, isNew: false)
      }
      planGrowth(of: disk, key: key, chain.top, current: current)
    }
  }

  private mutating func planCreation(of disk: ObjectSpec, key: String, at path: String) {
    guard let creation = builder.creation(of: file(of: disk, key: key), at: path) else { return }
    var objects = layout.pool(of: disk).map { [ObjectReference(.pool, $0.name)] } ?? []
    if let image = disk[.image] { objects.append(ObjectReference(.image, image)) }
    fileSteps.append(builder.add(.createImage(path: path, creation, device: key), for: object, waitingFor: objects))
  }

  private func file(of disk: ObjectSpec, key: String) -> PlannedFile {
    PlannedFile(spec: disk, object: object, name: key, noun: "disk")
  }

  // MARK: Sizes

  private mutating func planGrowth(of disk: ObjectSpec, key: String, _ image: ImageInfo, current: XMLElement?) {
    guard let (setting, size) = builder.growth(of: file(of: disk, key: key), image) else { return }
    guard !(observed?.hasManagedSave ?? false) else {
      return builder.refuseGrowth(underSavedState: image, at: setting, object)
    }
    let running = observed?.running?.devices(Vocabulary.disk)
      .first { DiskSource.path(of: $0) == image.path }
    let isLive = observed?.isActive ?? false && running != nil
    // A volume is grown by its own steps.
    guard isLive || builder.volumePaths[image.path] == nil else { return }
    guard running?.first("readonly") == nil else {
      return builder.refuse(
        "read-only", "\(key) is read-only in the running guest and cannot be grown there", at: setting.range,
        subject: object, suggestion: "stop the guest, then apply again")
    }
    changes.append(
      FieldChange(
        "\(key).\(FieldKey.size.name)", old: .bytes(image.virtualSize), new: setting.value,
        effect: isLive ? .live : .define,
        reason: .spec, range: setting.range))
    let operation: Operation =
      if isLive, let target = running?.value(at: .diskTarget) {
        .resizeBlockDevice(domain: identity, target: target, path: image.path, to: size, device: key)
      } else {
        .growImage(
          path: image.path, format: image.format, from: image.virtualSize, to: size, device: key,
          file: PlannedImage(isStated: !isMadeByVireo(disk), identity: image.identity))
      }
    // Not before a saved state that knows the old size is gone.
    fileSteps.append(
      builder.add(
        operation, for: object, after: [discarding].compactMap(\.self), effect: isLive ? .live : .define))
  }

  /// Whether the file is of the format that the spec says, so that the definition may be put right.
  func formatAgrees(_ disk: ObjectSpec, _ setting: Setting) -> Bool {
    guard let path = desiredPath(of: disk), case .image(let chain)? = builder.inventory.files[path] else {
      return false
    }
    return chain.top.format.rawValue == setting.value.string
  }

  // MARK: What a new disk gets

  /// Values of a new disk that the spec leaves out.
  func completeDisk(_ disk: ObjectSpec, _ element: inout XMLElement) {
    let isMedium = disk[.device] == .cdrom
    if element.value(at: .diskBus) == nil {
      let isOldPC = xml.value(at: .machine).map { MachineType.isOne($0, of: "pc") } ?? false
      element.set(isMedium ? (isOldPC ? "ide" : "sata") : "virtio", at: .diskBus)
    }
    if element.value(at: .diskTarget) == nil { element.set(freeTarget(for: element), at: .diskTarget) }
    if isMedium {
      element.set(builder.base(of: disk)?.format.rawValue ?? "raw", at: .diskFormat)
      element.set("", at: .diskReadOnly)
      return
    }
    if disk[.discard] == nil { element.set("unmap", at: .diskDiscard) }
    if disk[.serial] == nil {
      element.set(Identity.serial(stack: stack, domain: spec.name, disk: disk.name), at: .diskSerial)
    }
  }

  /// A disk that changes its bus gets a target of the new one, unless the spec names it: libvirt derives the disk's place
  /// on the bus from it.
  mutating func retarget(_ disk: ObjectSpec, _ element: inout XMLElement, from current: XMLElement?) {
    guard disk[.target] == nil, current?.value(at: .diskBus) != element.value(at: .diskBus) else { return }
    let inGuest = observed?.running.flatMap { identities["disks.\(disk.name)"]?.find(in: $0) }
    // A guest that has the disk on this bus keeps what it knows it by.
    let isRight = inGuest?.value(at: .diskBus) == element.value(at: .diskBus)
    var others = xml.devices(Vocabulary.disk).compactMap { $0.value(at: .diskTarget) }
    if let own = current?.value(at: .diskTarget).flatMap({ others.firstIndex(of: $0) }) { others.remove(at: own) }
    let kept = inGuest?.value(at: .diskTarget).flatMap { isRight && !others.contains($0) ? $0 : nil }
    let target = kept ?? freeTarget(for: element)
    newTargets.insert(target)
    let old = element.value(at: .diskTarget)
    element.set(target, at: .diskTarget)
    guard old != target else { return }
    changes.append(
      FieldChange(
        "disks.\(disk.name).target", old: old.map(Value.string), new: .string(target),
        effect: inGuest.map { $0.value(at: .diskTarget) != target } ?? false ? .nextBoot : .define, reason: .default,
        range: disk.range))
  }

  /// The first target of the bus that no disk has, here or in the spec.
  private func freeTarget(for element: XMLElement) -> String {
    let bus = element.value(at: .diskBus)
    let prefix =
      switch bus {
      case "virtio": "vd"
      case "ide": "hd"
      default: "sd"
      }
    // A disk that left the definition earlier keeps its target in the running guest.
    let here = [xml, observed?.running].compactMap { $0?.first("devices") }.flatMap { devices in
      devices.all("disk").compactMap { $0.value(at: .diskTarget) }
    }
    let taken = Set(here + spec.members("disks").compactMap { $0[.target] }).union(newTargets)
    if bus == "nvme" { return (1...).lazy.map { "nvme0n\($0)" }.first { !taken.contains($0) } ?? "nvme0n1" }
    let letters = (0...25).map { String(UnicodeScalar(UInt8(ascii: "a") + $0)) }
    let names = letters + letters.flatMap { first in letters.map { first + $0 } }
    return names.lazy.map { prefix + $0 }.first { !taken.contains($0) } ?? prefix + "a"
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
