// Planning pools and base images: folders, pool definitions, copies.

import DiskImage
import Inventory
import Spec
import Vocabulary
import XMLTree

extension PlanBuilder {
  /// Plans a pool: its folder, and its definition where the driver has storage pools.
  func plan(pool: ObjectSpec) {
    let object = ObjectReference(.pool, pool.name)
    guard let setting = pool.settings["path"], let path = setting.value.string else { return }
    var changes: [FieldChange] = []
    var last: [Int] = []
    switch inventory.files[path] ?? .missing {
    case .folder: break
    case .missing:
      changes.append(
        FieldChange(
          "path", new: setting.value, effect: .define, reason: .spec, detail: "make the folder", range: setting.range))
      last = [add(.createDirectory(path: path), for: object)]
    case .image:
      return fail("not-a-folder", "\(path) is a file, not a folder", at: setting.range, subject: object)
    case .unusable(let error):
      return fail("unusable-folder", "\(error)", at: setting.range, subject: object)
    }
    if let pools = inventory.pools {
      guard let step = plan(definitionOf: pool, at: path, among: pools, after: last, changes: &changes) else { return }
      last = step
    }
    if let step = last.last { setReady(object, after: step) }
    let verb: ObjectPlan.Verb =
      changes.isEmpty ? .none : inventory.pools?[pool.name] != nil ? .update : .create
    add(ObjectPlan(object, verb, changes: changes, range: pool.range))
  }

  /// Plans a pool's definition in libvirt; nil when it cannot be.
  private func plan(
    definitionOf pool: ObjectSpec, at path: String, among pools: [String: ObservedPool], after steps: [Int],
    changes: inout [FieldChange]
  ) -> [Int]? {
    let object = ObjectReference(.pool, pool.name)
    let range = pool.settings["path"]?.range
    if let observed = pools[pool.name] {
      guard observed.path == path else {
        fail(
          "pool-elsewhere", "libvirt has a pool of this name at \(observed.path ?? "another kind of place")", at: range,
          subject: object, suggestion: "write that path, or give the pool another name")
        return nil
      }
      guard !observed.isActive else { return steps }
      changes.append(
        FieldChange(
          "active", old: .boolean(false), new: .boolean(true), effect: .define, reason: .drift, range: pool.range))
      return [add(.startPool(name: pool.name), for: object, after: steps)]
    }
    // libvirt refuses a second pool over one folder; the one that is there does as well.
    if let other = pools.values.filter({ $0.path == path }).min(by: { $0.name < $1.name }) {
      note("pool-exists", "the folder is libvirt's pool \(other.name) already, which is left as it is", subject: object)
      return steps
    }
    changes.append(
      FieldChange(
        "definition", new: .string("libvirt pool"), effect: .define, reason: .spec, detail: path, range: range))
    let xml = XMLElement(
      "pool", ["type": "dir"],
      children: [
        XMLElement("name", text: pool.name),
        XMLElement("target", children: [XMLElement("path", text: path)]),
      ])
    return [add(.definePool(name: pool.name, xml: xml), for: object, after: steps)]
  }

  /// Plans a base image: checks it where it is, or copies it into its pool.
  func plan(image: ObjectSpec) {
    let object = ObjectReference(.image, image.name)
    guard let request = DiskLayout(spec: spec).request(for: image), let base = BaseImage(image, in: self) else {
      explainMissing(image)
      return
    }
    var changes: [FieldChange] = []
    if request.copy != nil, let observed = inventory.baseImages[request.source], observed.copy != base.path,
      let sha256 = observed.sha256, case .image(let chain) = observed.source
    {
      let `import` = ImageImport(
        source: request.source, destination: base.path, format: base.format, sha256: sha256,
        length: chain.top.fileLength)
      changes.append(
        FieldChange(
          "source", new: .string(request.source), effect: .define, reason: .spec,
          detail: "copy \(ByteCount.approximate(`import`.length)) to \(base.path)",
          range: image.settings["source"]?.range))
      let step = add(
        .importImage(`import`), for: object,
        waitingFor: image["pool"]?.string.map { [ObjectReference(.pool, $0)] } ?? [])
      setReady(object, after: step)
    }
    add(ObjectPlan(object, changes.isEmpty ? .none : .create, changes: changes, range: image.range))
  }

  /// Says why a base image cannot be used.
  private func explainMissing(_ image: ObjectSpec) {
    let object = ObjectReference(.image, image.name)
    guard let source = image["source"]?.string else { return }
    let range = image.settings["source"]?.range
    switch inventory.baseImages[source]?.source ?? .missing {
    case .missing:
      fail(
        "missing-image", "there is no file \(source)", at: range, subject: object,
        suggestion: "put the base image there, or correct the path")
    case .folder:
      fail("not-an-image", "\(source) is a folder", at: range, subject: object, suggestion: "name the image file")
    case .unusable(let error):
      fail("unusable-image", "\(error)", at: image.settings["format"]?.range ?? range, subject: object)
    case .image(let chain):
      fail(
        "not-standalone", "\(source) is an overlay on \(chain.images.dropFirst().first?.path ?? "another image")",
        at: range,
        subject: object,
        suggestion: "a copy would lose its backing file: flatten it with `vireo image convert`, or leave out `pool`")
    }
  }
}

/// A base image as disks see it: where it is or will be, and what it is.
struct BaseImage {
  var path: String
  var format: ImageFormat
  var virtualSize: UInt64

  /// Nil when the image cannot be used.
  init?(_ image: ObjectSpec, in builder: PlanBuilder) {
    guard let request = DiskLayout(spec: builder.spec).request(for: image),
      let observed = builder.inventory.baseImages[request.source]
    else { return nil }
    if let copy = observed.copy, case .image(let chain)? = builder.inventory.files[copy] {
      (path, format, virtualSize) = (copy, chain.top.format, chain.top.virtualSize)
      return
    }
    guard case .image(let chain) = observed.source else { return nil }
    (path, format, virtualSize) = (request.source, chain.top.format, chain.top.virtualSize)
    if let copy = request.copy {
      guard chain.images.count == 1, let sha256 = observed.sha256 else { return nil }
      path = copy.path(sha256: sha256, format: chain.top.format)
    }
  }
}
