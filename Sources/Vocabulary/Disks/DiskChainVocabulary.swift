// The fields of a disk that definitions of all ages say in ways of their own: what the file is to libvirt, the images behind it,
// labels of the file, and where a login or an encryption stands.

import XMLTree

extension Vocabulary {
  static let diskSourceForms: [Field] = [
    Field(
      "block-device", .boolean,
      "Whether libvirt opens `source` as a block device and not as a file; it does if the path is below `/dev`.",
      lens: blockDeviceLens, reference: diskReference
    ).never(with: "image").never(with: "dir").never(with: "volume.entry").never(with: "volume.pool").never(
      with: "network.protocol"
    ).never(with: "nvme.namespace").never(with: "vhost-user.path").never(with: "vhost-vdpa"),
    Field(
      "backing-chain.images", .list(of: backingLayer),
      """
      The images that the file is based on, the nearest first. libvirt finds them in the files itself; a chain that is said \
      takes precedence.
      """, lens: backingChainLens, isComparableWhenRunning: false, reference: diskReference
    ).only(with: "source"),
    Field(
      "backing-chain.ends", .boolean,
      "Whether the chain ends there: libvirt does not look into the last image for another one.",
      lens: backingEndsLens, isComparableWhenRunning: false, reference: diskReference),
    beside("auth", "Whether the login stands beside the source, as older definitions have it; it means the same.")
      .only(with: "auth.username").never(with: "volume.pool"),
    beside(
      "encryption", "Whether the encryption stands beside the source, as older definitions have it; it means the same."
    ).only(with: "encryption.format"),
  ]

  /// Behind what makes a disk one of a type, which re-creates its source.
  static let diskSourceLabels: [Field] = [
    Field(
      "source-labels", "Security labels of the file, one for each security model of the host.", list: "source",
      "seclabel",
      .record([
        Part(
          "model", .text(.word("the name of a security model")), "The model, such as `selinux`, `apparmor`, `dac`.",
          at: "@model"),
        Part("relabel", .boolean, "Whether libvirt labels the file.", at: "@relabel", .yesNo),
        Part("label", .text(.line), "The label.", at: "label").required(unless: "relabel")
          .required(with: "relabel", "true").never(with: "relabel", "false"),
      ]), isComparableWhenRunning: false, reference: "formatdomain.html#security-label"
    ).never(with: "network.protocol").never(with: "nvme.namespace").never(with: "vhost-user.path")
  ]

  // MARK: Files and devices

  /// `@type` of a disk that is a file or a device where the path suggests the other one, and with it the attribute of the
  /// source.
  private static let blockDeviceLens = Lens(places: ["@type"]) { disk in
    guard let isBlock = DiskSource.isBlock(disk), isBlock != DiskSource.looksLikeBlock(disk) else { return nil }
    return .boolean(isBlock)
  } write: { disk, value in
    guard let isBlock = DiskSource.isBlock(disk) else { return }
    let wanted = value?.boolean ?? DiskSource.looksLikeBlock(disk)
    guard wanted != isBlock else { return }
    let path = DiskSource.path(of: disk)
    disk[attribute: "type"] = wanted ? "block" : "file"
    disk.update("source", create: false) { source in
      source[attribute: isBlock ? "dev" : "file"] = nil
      source[attribute: wanted ? "dev" : "file"] = path
    }
  }
  .alsoMeant { disk, value in value.boolean == DiskSource.isBlock(disk) }

  // MARK: The images behind

  private static let backingLayer = ValueType.record([
    ValueType.Member("source", .path, "The image.", isRequired: true),
    ValueType.Member(
      "format",
      .enumeration([
        "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "luks", "cow", "qcow",
        "qcow2",
        "qed", "vmdk",
      ]), "Its format.", isRequired: true),
  ])

  /// Elements `backingStore` within each other, without the empty one that ends them.
  private static let backingChainLens = Lens(places: ["backingStore/source/@file", "backingStore/format/@type"]) {
    disk in
    let layers = BackingLayers(of: disk).named
    let values = layers.compactMap(\.value)
    return layers.isEmpty || values.count < layers.count ? nil : .list(values)
  } write: { disk, value in
    var layers = BackingLayers(of: disk)
    layers.named = (value?.list ?? []).compactMap(BackingLayers.layer)
    layers.put(into: &disk)
  }

  /// The empty `backingStore` that ends a chain.
  private static let backingEndsLens = Lens(places: ["backingStore"]) { disk in
    .boolean(BackingLayers(of: disk).ends)
  } write: { disk, value in
    var layers = BackingLayers(of: disk)
    layers.ends = value?.boolean ?? false
    layers.put(into: &disk)
  }

  // MARK: What stands beside the source

  /// A volume's login has no place within its source.
  fileprivate static func isAlwaysBeside(_ name: String, _ disk: XMLElement) -> Bool {
    name == "auth" && disk[attribute: "type"] == "volume"
  }

  private static func beside(_ name: String, _ summary: String) -> Field {
    Field(
      "\(name).beside-source", .boolean, summary,
      lens: Lens(places: [name]) { disk in
        .boolean(disk.first(name) != nil && !isAlwaysBeside(name, disk))
      } write: { disk, value in
        guard !isAlwaysBeside(name, disk) else { return }
        if value?.boolean ?? false {
          guard disk.first(name) == nil else { return }
          let moved = disk.first("source")?.first(name) ?? XMLElement(name)
          disk.update("source", create: false) { $0.removeAll(name) }
          disk.insertBehind("driver", moved)
        } else if let moved = disk.first(name) {
          disk.removeAll(name)
          if !moved.isBare { disk.update("source") { $0.append(moved) } }
        }
      }, isComparableWhenRunning: false, reference: diskReference)
  }
}

extension Lens {
  /// A place in an element of a disk that stands within the source or beside it.
  ///
  /// - Parameters:
  ///   - name: the element.
  ///   - path: the place within it.
  static func inSourceOrBeside(_ name: String, _ path: String, _ type: ValueType) -> Lens {
    let (within, beside) = (Lens.at("source/\(name)/\(path)", type), Lens.at("\(name)/\(path)", type))
    @Sendable func isBeside(_ disk: XMLElement) -> Bool {
      disk.first(name) != nil || Vocabulary.isAlwaysBeside(name, disk)
    }
    return Lens(places: within.places + beside.places) { disk in
      isBeside(disk) ? beside.get(disk) : within.get(disk)
    } write: { disk, value in
      isBeside(disk) ? beside.put(value, into: &disk) : within.put(value, into: &disk)
    }
  }
}

/// The elements `backingStore` of a disk, which stand within each other.
private struct BackingLayers {
  /// Those that name an image, without what stands behind.
  var named: [XMLElement] = []
  /// Whether an empty one ends the chain.
  var ends = false

  init(of disk: XMLElement) {
    var next = disk.first("backingStore")
    while var layer = next {
      next = layer.first("backingStore")
      layer.removeAll("backingStore")
      guard !layer.attributes.isEmpty || layer.elements.contains(where: { _ in true }) else {
        ends = true
        return
      }
      named.append(layer)
    }
  }

  func put(into disk: inout XMLElement) {
    var chain = ends ? XMLElement("backingStore") : nil
    for var layer in named.reversed() {
      if let chain { layer.append(chain) }
      chain = layer
    }
    if let chain, let index = disk.indexOfChild("backingStore") {
      disk.replaceChild(at: index, with: chain)
    } else if let chain {
      disk.insertBehind("source", chain)
    } else {
      disk.removeAll("backingStore")
    }
  }

  /// A layer of a value of the field `backing-chain.images`.
  static func layer(_ value: Value) -> XMLElement? {
    guard let source = value.table?["source"]?.string, let format = value.table?["format"]?.string else { return nil }
    let isDevice = DiskSource.isDevice(source)
    return XMLElement(
      "backingStore", ["type": isDevice ? "block" : "file"],
      children: [
        XMLElement("format", ["type": format]), XMLElement("source", [isDevice ? "dev" : "file": source]),
      ])
  }
}

extension XMLElement {
  /// The value of a layer; nil for one that says something else than the field does.
  fileprivate var value: Value? {
    guard let type = self[attribute: "type"], let attribute = DiskSource.attributes[type],
      let source = value(at: type == "file" ? "source/@file" : "source/@dev"), let format = value(at: "format/@type")
    else { return nil }
    let value = Value.table(["source": .string(source), "format": .string(format)])
    guard let again = BackingLayers.layer(value), again[attribute: "type"] == type,
      elements.allSatisfy({ child in
        child.name == "format" && child.attributes.count == 1
          || child.name == "source" && child.attributes.map(\.name) == [attribute]
            && !child.elements.contains { _ in true }
      })
    else { return nil }
    return value
  }

  /// Puts a child behind those of a name, or at the start.
  fileprivate mutating func insertBehind(_ name: String, _ child: XMLElement) {
    let index = children.lastIndex { $0.element?.name == name }
    insert(child, at: index.map { $0 + 1 } ?? 0)
  }
}

extension FieldKey<Bool> {
  /// Whether the source of a disk is a block device to libvirt.
  public static var blockDevice: Self { Self("block-device") }
}
