// Hosts that are only supposed: what a spec would make is worked out without looking at one.

import DiskImage

extension Inventory {
  /// A host with nothing but some files and the base images that a question asks about: to see what a spec makes without
  /// a host.
  public static func supposed(for request: InventoryRequest, with files: Set<String>) -> Inventory {
    var inventory = Inventory(host: Host(uri: "no host"))
    inventory.host.isSupposed = true
    for (path, format) in request.files where files.contains(path) {
      inventory.files[path] = format.map { .image(.supposed(path: path, format: $0)) } ?? .folder
    }
    for image in request.baseImages {
      let chain = BackingChain.supposed(path: image.source, format: image.format ?? .qcow2)
      inventory.baseImages[image] = ObservedBaseImage(
        source: .image(chain), sha256: image.sha256 ?? String(repeating: "0", count: 64))
    }
    return inventory
  }

  /// Supposes that every file is there that a reading for the request would look at, those among them that the host's own
  /// objects bring along.
  package mutating func supposeFiles(for request: InventoryRequest) {
    for question in FileQuestion.all(request, of: self) {
      files[question.path] =
        question.isFolder
        ? .folder : .image(.supposed(path: question.path, format: question.format ?? .raw))
    }
  }
}
