// What the files of disks and of volumes have in common: their base images, how they are made, and that they only grow.

import Diagnostics
import DiskImage
import Inventory
import Spec
import Vocabulary

/// A disk or a volume whose file is planned, in the words of messages.
struct PlannedFile {
  /// What the spec says of it.
  let spec: ObjectSpec
  /// What it is called: `disks.root`, `volume data`.
  let name: String
  /// What it is: `disk`, `image`.
  let noun: String
  let stack: StackContext

  fileprivate var base: BaseImage? { stack.base(of: spec) }
}

extension Findings {
  /// How a new file is made; nil where it cannot be, which has been reported.
  mutating func creation(of file: PlannedFile, at path: String) -> ImageCreation? {
    guard checkFolder(of: path, at: file.spec.place(of: .pool), in: file.stack) else { return nil }
    let base = file.base
    // An image that cannot be used has been reported as an image.
    guard file.spec[.image] == nil || base != nil else { return nil }
    let size = file.spec[.size]
    if let base, let size, size < base.virtualSize {
      refuse(
        "smaller-than-image", "the \(file.noun) would be smaller than its image, \(ByteCount.text(base.virtualSize))",
        at: file.spec.setting(.size)?.range,
        suggestion: "make it at least as large, or leave out `size`")
      return nil
    }
    let backing = base.map { base in
      // A name without its folder keeps working when the pool moves as a whole.
      let name =
        folder(of: base.path) == folder(of: path)
        ? String(base.path.dropFirst(folder(of: path).count).drop { $0 == "/" }) : base.path
      return ImageCreation.Backing(name: name, format: base.format, path: base.path)
    }
    return ImageCreation(
      format: ImageFormat(file.spec.fileFormat), virtualSize: size ?? base?.virtualSize ?? 0,
      backing: backing)
  }

  /// Refuses a new file in a folder in which this user can make none. False where it is refused.
  mutating func checkFolder(of path: String, at range: SourceRange?, in stack: StackContext) -> Bool {
    let folder = folder(of: path)
    guard stack.inventory.closedFolders.contains(folder) else { return true }
    // A folder that cannot be made has been reported as a pool.
    guard case .folder = stack.file(folder) else { return false }
    refuse(
      "unwritable-folder", "\(path) cannot be created: the folder \(folder) is not writable", at: range,
      suggestion: "give this user the right to write to it, run as another user, or name another folder")
    return false
  }

  /// Compares an overlay's base with the one that the spec names.
  ///
  /// - Parameter isNew: whether the file is taken for the first time, so that another base makes it another file.
  mutating func checkBase(of file: PlannedFile, _ chain: BackingChain, isNew: Bool) {
    let expected = file.base?.path
    let actual = chain.images.dropFirst().first?.path
    guard file.spec[.image] == nil || expected != nil, actual != expected else { return }
    if isNew {
      refuse(
        "other-base",
        "\(chain.top.path) already exists with the backing file \(actual ?? "none") instead of \(expected ?? "none")",
        at: file.spec.range, suggestion: "move the file away, or use it with `source:`")
    } else {
      // A note names its object by itself.
      let name = file.name == object.description ? "the image" : file.name
      note(
        "base-kept", "\(name) keeps its base, \(actual ?? "none"); the spec's image is \(expected ?? "none")",
        at: file.spec.place(of: .image),
        suggestion: "new \(file.noun)s get the new one", severity: .warning)
    }
  }

  /// Refuses a file that is there under the name of a new disk or volume and has other names too. Whoever may write to the
  /// folder can make a name in it for somebody else's file, which a guest would then write to.
  ///
  /// - Returns: whether it may be used.
  mutating func checkNames(of file: PlannedFile, _ image: ImageInfo) -> Bool {
    guard image.hasOtherNames else { return true }
    refuse(
      "linked-file",
      "\(image.path) already exists and has several names (hard links), so it may belong to another folder",
      at: file.spec.range,
      suggestion: "replace it with a copy of it, or use it with `source:`")
    return false
  }

  /// The size that an image is to grow to; nil where it stays as it is. A smaller size is refused.
  mutating func growth(of file: PlannedFile, _ image: ImageInfo) -> (setting: Setting, size: UInt64)? {
    guard let setting = file.spec.setting(.size), let size = setting.value.bytes, size != image.virtualSize else {
      return nil
    }
    guard size > image.virtualSize else {
      refuse(
        "shrink", "\(file.name) is \(ByteCount.text(image.virtualSize)) and would lose data at its end",
        at: setting.range,
        suggestion:
          "\(file.noun.withArticle) only grows: write \(ByteCount.text(image.virtualSize)), or a new \(file.noun) and copy the data"
      )
      return nil
    }
    return (setting, size)
  }

  /// Refuses that the disk of a saved guest grows.
  mutating func refuseGrowth(underSavedState image: ImageInfo, at setting: Setting) {
    refuse(
      "saved-state", "the guest has a saved state, in which the disk has \(ByteCount.text(image.virtualSize))",
      at: setting.range,
      suggestion: "start the guest, or discard the state with --discard-saved-state")
  }
}
