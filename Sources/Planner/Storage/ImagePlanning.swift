// Planning base images: where they are, and copies in pools.

import DiskImage
import Inventory
import Spec
import Vocabulary

extension PlanBuilder {
  /// Plans a pool: its folder, and its definition where the driver has storage pools.
  func plan(pool: ObjectSpec) {
    var planning = PoolPlanning(pool, in: self)
    planning.plan()
  }

  /// Whether a pool's folder cannot be looked into.
  func isUnusable(_ pool: ObjectSpec) -> Bool {
    guard let path = pool[.path], case .unusable? = inventory.files[path] else { return false }
    return true
  }

  /// Plans a base image: checks it where it is, or copies it into its pool.
  func plan(image: ObjectSpec, uses: DiskUses) {
    let object = ObjectReference(.image, image.name)
    guard let request = DiskLayout(spec: spec).request(for: image) else { return explainMissing(image) }
    if let problem = inventory.baseImages[request]?.copyProblem {
      return refuse("false-copy", "\(problem)", at: image.setting(.source)?.range, subject: object)
    }
    guard let base = BaseImage(image, in: self) else { return explainMissing(image) }
    // A copy that is there already has nothing to do with its source any more.
    let isRead = base.path == request.source || inventory.baseImages[request]?.copy != base.path
    if isRead, let user = uses.user(of: request.source),
      request.copy == nil || inventory.domains[user]?.isActive ?? false
    {
      return refuse(
        "written-image", "\(request.source) is a disk of the domain \(user), which writes to it",
        at: image.setting(.source)?.range, subject: object,
        suggestion: request.copy == nil
          ? "give the image a `pool`, so that it is copied while that domain is stopped"
          : "stop that domain while the image is copied")
    }
    basePaths[base.path] = image.name
    var changes: [FieldChange] = []
    if request.copy != nil, let observed = inventory.baseImages[request], observed.copy != base.path,
      let sha256 = observed.sha256, case .image(let chain) = observed.source
    {
      let `import` = ImageImport(
        source: request.source, destination: base.path, format: base.format, sha256: sha256,
        length: chain.top.fileLength)
      changes.append(
        FieldChange(
          FieldKey.source.name, new: .string(request.source), effect: .define, reason: .spec,
          detail: "copy \(ByteCount.approximate(`import`.length)) to \(base.path)",
          range: image.setting(.source)?.range))
      let step = add(
        .importImage(`import`), for: object,
        waitingFor: image[.pool].map { [ObjectReference(.pool, $0)] } ?? [])
      setReady(object, after: step)
    }
    let isNew = !changes.isEmpty
    if request.copy != nil, let observed = inventory.baseImages[request], observed.copy == base.path,
      let change = planMode(ofCopy: base.path, from: observed.source, image)
    {
      changes.append(change)
    }
    add(
      ObjectPlan(
        object, isNew ? .create : changes.isEmpty ? .none : .update, changes: changes, range: image.range))
  }

  /// Says why a base image cannot be used.
  private func explainMissing(_ image: ObjectSpec) {
    let object = ObjectReference(.image, image.name)
    guard let request = DiskLayout(spec: spec).request(for: image) else { return }
    let source = request.source
    let range = image.setting(.source)?.range
    switch inventory.baseImages[request]?.source ?? .missing {
    case .missing:
      refuse(
        "missing-image", "there is no file \(source)", at: range, subject: object,
        suggestion: "put the base image there, or correct the path")
    case .folder:
      refuse("not-an-image", "\(source) is a folder", at: range, subject: object, suggestion: "name the image file")
    case .unusable(let error):
      refuse("unusable-image", "\(error)", at: image.setting(.format)?.range ?? range, subject: object)
    case .image(let chain):
      refuse(
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
      let observed = builder.inventory.baseImages[request]
    else { return nil }
    guard observed.copyProblem == nil else { return nil }
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
