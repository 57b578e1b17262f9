// What a disk is: an overlay, a blank one, a file that exists or an empty tray; one of them, and what goes with it.

import Diagnostics
import Vocabulary

/// Checks one disk.
enum DiskChecks {
  static func check(
    _ disk: ObjectSpec, of domain: ObjectSpec, in stack: StackSpec, into diagnostics: inout [Diagnostic]
  ) {
    guard checkVolume(disk, into: &diagnostics) else { return }
    if let image = disk.setting(.image), disk.says(.source) {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(disk.title) has both `image` and `source`", at: image.range,
          suggestion: "`image` creates an overlay, `source` uses an existing file"))
      return
    }
    guard checkSources(disk, into: &diagnostics) else { return }
    checkThrottling(disk, of: domain, into: &diagnostics)
    if disk[.device] == .cdrom {
      checkMedium(disk, into: &diagnostics)
      return
    }
    if disk[.readOnly] == true, let bus = disk.setting(.bus), let name = bus.value.string,
      ["sata", "ide"].contains(name)
    {
      diagnostics.append(
        Diagnostic(
          "conflict", "a disk on the bus \(name) cannot be read-only", at: bus.range,
          suggestion: "write virtio, scsi or usb"))
    }
    if disk.says(.source) {
      checkExisting(disk, into: &diagnostics)
    } else if disk.says(.image) || disk.says(.size) {
      checkNew(disk, of: domain, in: stack, into: &diagnostics)
    } else if !disk.says(.xml), disk[.device] != .floppy, !otherSources.contains(where: { disk.says($0) }) {
      diagnostics.append(
        Diagnostic(
          "missing-key", "\(disk.title) does not set its content", at: disk.range,
          suggestion: "add `image:` for an overlay, `size:` for a blank disk, or `source:` for an existing file"))
    }
  }

  /// Whether a disk that is one of the stack's volumes says no other thing that it is.
  private static func checkVolume(_ disk: ObjectSpec, into diagnostics: inout [Diagnostic]) -> Bool {
    guard let volume = disk.setting(.volumeEntry) else { return !disk.hasMalformed(.volumeEntry) }
    // The volume's file has been put in as the source, at the place where the volume is named.
    let source = disk.setting(.source).map { $0.range == volume.range } ?? true ? nil : disk.type[.source]
    let others = [disk.type[.image], disk.type[.pool]] + otherSources
    guard let other = source ?? others.first(where: { disk.says($0) }) else { return disk.says(.source) }
    diagnostics.append(
      Diagnostic(
        "conflict", "\(disk.title) has both `volume` and `\(other)`", at: volume.range,
        suggestion: "a disk has one source: leave out one of them"))
    return false
  }

  /// Keys of what is neither a file nor a block device.
  private static let otherSources = [
    Vocabulary.disk[.dir], Vocabulary.disk[.volumePool], Vocabulary.disk[.networkProtocol],
    Vocabulary.disk[.nvmeNamespace], Vocabulary.disk[.vhostUserPath], Vocabulary.disk[.vhostVDPA],
  ]

  /// Whether the disk says one kind of source at most.
  private static func checkSources(_ disk: ObjectSpec, into diagnostics: inout [Diagnostic]) -> Bool {
    let others = otherSources.filter { disk.says($0) }
    guard let other = others.first, let setting = disk.settings[other] else { return true }
    let files = [disk.type[.image], disk.type[.source], disk.type[.size]].filter { disk.says($0) }
    if let second = files.first ?? others.dropFirst().first {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(disk.title) has both `\(second)` and `\(other)`", at: setting.range,
          suggestion: "a disk has one source: leave out one of them"))
      return false
    }
    return true
  }

  /// The groups that a disk names are the domain's, and the only limits of the disk.
  private static func checkThrottling(_ disk: ObjectSpec, of domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard let setting = disk.setting(.throttleGroups) else { return }
    if let limit = disk.type.fields.first(where: { $0.group == "iotune" && disk.says($0) }) {
      diagnostics.append(
        Diagnostic(
          "conflict", "\(disk.title) has both `throttle-groups` and `\(limit.name)`", at: setting.range,
          suggestion: "put the limits of `iotune` into a throttle group"))
    }
    guard !domain.hasMalformed(.throttleGroups), !domain.says(.xml) else { return }
    let known = domain[.throttleGroups]?.table?.keys.sorted() ?? []
    for name in setting.value.list?.compactMap(\.string) ?? [] where !known.contains(name) {
      diagnostics.append(
        Diagnostic(
          "unknown-reference", "\(domain.title) has no throttle group `\(name)`", at: setting.range,
          suggestion: closestMatch(to: name, among: known).map { "did you mean `\($0)`?" }
            ?? "add it under the domain's `throttle-groups`"))
    }
  }

  private static func checkMedium(_ disk: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    for field in [disk.type[.size], disk.type[.pool]] {
      guard let setting = disk.settings[field] else { continue }
      diagnostics.append(
        Diagnostic("conflict", "a cdrom has no `\(field)`", at: setting.range, suggestion: "leave it out"))
    }
    if let readOnly = disk.setting(.readOnly), disk[.readOnly] == false {
      diagnostics.append(
        Diagnostic("conflict", "a cdrom is always read-only", at: readOnly.range, suggestion: "leave it out"))
    }
    if let bus = disk.setting(.bus), disk[.bus] == "virtio" {
      diagnostics.append(
        Diagnostic("conflict", "a cdrom cannot be on the bus virtio", at: bus.range, suggestion: "write sata or scsi"))
    }
  }

  private static func checkExisting(_ disk: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    if !disk.says(.format), let source = disk.setting(.source) {
      diagnostics.append(
        source.value.string.flatMap(ForeignImageName.init).map { foreign in
          Diagnostic(
            "unsupported-format",
            "\(disk.title) has the name of a \(foreign.displayName) image; disks are qcow2 or raw",
            at: source.range, suggestion: foreign.remedy)
        }
          ?? Diagnostic(
            "missing-key", "\(disk.title) does not set the format of its file", at: source.range,
            suggestion: "add `format: qcow2` or `format: raw`"))
    }
    if let pool = disk.setting(.pool) {
      diagnostics.append(
        Diagnostic(
          "conflict", "`pool` is for a new file, and `source` names an existing one", at: pool.range,
          suggestion: "leave out one of them"))
    }
  }

  private static func checkNew(
    _ disk: ObjectSpec, of domain: ObjectSpec, in stack: StackSpec, into diagnostics: inout [Diagnostic]
  ) {
    checkOverlay(disk, into: &diagnostics)
    PoolChecks.checkHoldsFiles(disk, in: stack, into: &diagnostics)
    PoolChecks.checkIsSaid(for: disk, in: stack, of: domain, into: &diagnostics)
  }

  /// What stands on an image is qcow2.
  static func checkOverlay(_ disk: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard disk.says(.image), let format = disk.setting(.format), disk[.format] == .raw else { return }
    diagnostics.append(
      Diagnostic(
        "conflict", "an overlay is always qcow2: a raw file cannot have a backing file", at: format.range,
        suggestion: "leave out `format`"))
  }
}
