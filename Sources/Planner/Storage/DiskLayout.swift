// Where the files of a stack are: pools, copies of base images, disks.

import DiskImage
import Inventory
import Spec
import Vocabulary

/// Where a stack's files are, from the spec alone.
struct DiskLayout {
  let spec: StackSpec

  /// Whether a disk's file is Vireo's to make: an overlay or a blank one.
  func isMade(_ disk: ObjectSpec) -> Bool {
    disk[.source] == nil && (disk[.image] != nil || disk[.size] != nil) && disk[.device] != .cdrom
  }

  /// The pool that a new disk's file is made in.
  func pool(of disk: ObjectSpec) -> ObjectSpec? { spec.filePool(of: disk) }

  /// The file of a disk that Vireo makes.
  ///
  /// The dot keeps the names apart: a disk's key has none, so that no two pairs of domain and disk share a file.
  func path(of disk: ObjectSpec, domain: String) -> String? {
    guard let folder = pool(of: disk)?[.path] else { return nil }
    return StackSpec.path(in: folder, "\(domain).\(disk.name).\(disk.fileFormat)")
  }

  func format(of disk: ObjectSpec) -> ImageFormat { ImageFormat(disk.fileFormat) }

  /// What to ask the inventory about a base image.
  func request(for image: ObjectSpec) -> InventoryRequest.BaseImage? {
    guard let source = image[.source] else { return nil }
    let folder = image[.pool].flatMap(spec.pool)?[.path]
    return InventoryRequest.BaseImage(
      source: source, format: image[.format].map(ImageFormat.init),
      sha256: image[.sha256], copy: folder.map { .init(folder: $0, name: image.name) })
  }
}

extension ImageFormat {
  /// The format that a spec says.
  init(_ format: FileFormat) {
    switch format {
    case .qcow2: self = .qcow2
    case .raw: self = .raw
    }
  }
}
