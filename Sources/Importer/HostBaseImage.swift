// The base images that disks stand on: what keeps them from being written to once a spec names them.

import DiskImage
import Inventory
import Planner
import Vocabulary

/// The bottom of a disk's backing chain.
struct HostBaseImage {
  let name: String
  /// The base alone, as a chain.
  let chain: BackingChain

  /// The base images below the disks of domains, each once, in the order of the disks.
  static func all(below objects: [HostObject], in inventory: Inventory) -> [HostBaseImage] {
    var images: [HostBaseImage] = []
    var paths: Set<String> = []
    var names: Set<String> = []
    for case .domain(let domain) in objects {
      for disk in domain.inactive.devices(Vocabulary.disk) {
        guard let path = DiskSource.path(of: disk), case .image(let chain)? = inventory.files[path],
          chain.images.count > 1, paths.insert(chain.base.path).inserted
        else { continue }
        let stem = Self.stem(of: chain.base.path)
        let name = ([stem] + (2...99).map { "\(stem)-\($0)" }).first { names.insert($0).inserted }
        if let name { images.append(HostBaseImage(name: name, chain: chain.baseAlone)) }
      }
    }
    return images
  }

  /// A name of the spec's from a file's: without its folder and ending, and without what no name may have.
  private static func stem(of path: String) -> String {
    let file = path.split(separator: "/").last ?? "image"
    let stem = file.lastIndex(of: ".").map { file[..<$0] } ?? file
    let kept = stem.unicodeScalars.map { scalar in
      scalar.isASCII
        && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
          || "._-".unicodeScalars.contains(scalar))
        ? Character(scalar) : "-"
    }
    let text = String(kept.drop { !$0.isLetter && !$0.isNumber }.prefix(60))
    return text.isEmpty ? "image" : text
  }

  var object: ImportedObject {
    var object = ImportedObject(Vocabulary.image, name)
    object[.source] = .string(chain.top.path)
    object[.format] = .string(chain.top.format.rawValue)
    return object
  }

  /// What a plan asks about it.
  var request: InventoryRequest.BaseImage {
    .init(source: chain.top.path, format: chain.top.format, sha256: nil, copy: nil)
  }
}

extension Inventory {
  /// The inventory as it would be had a spec with the images among the objects asked for it.
  func knowing(_ objects: [HostObject]) -> Inventory {
    var result = self
    for case .image(let image) in objects {
      result.baseImages[image.request] = ObservedBaseImage(source: .image(image.chain))
    }
    return result
  }
}
