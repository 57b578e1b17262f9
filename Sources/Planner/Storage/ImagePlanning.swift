// Planning base images: where they are, and copies in pools.

import DiskImage
import Inventory
import Spec
import Vocabulary

/// Works out what becomes of one base image.
enum ImagePlanning {
  /// Plans a base image: checks it where it is, or copies it into its pool.
  ///
  /// - Returns: its part of the plan, and the path that overlays stand on; no path where it cannot be used.
  static func plan(_ image: ObjectSpec, in stack: StackContext) -> (part: PlanPart, path: String?) {
    var part = PlanPart(ObjectReference(.image, image.name))
    guard let request = stack.layout.request(for: image) else { return (part, nil) }
    let observed = stack.inventory.baseImages[request]
    let source = image.setting(.source)?.range
    if let problem = observed?.copyProblem {
      part.findings.refuse("false-copy", "\(problem)", at: source)
      return (part, nil)
    }
    guard let base = BaseImage(image, in: stack) else {
      part.findings.refuse(unusable: observed?.source ?? .missing, image, request.source)
      return (part, nil)
    }
    // A copy that is there already has nothing to do with its source any more.
    let isRead = base.path == request.source || observed?.copy != base.path
    if isRead, let user = stack.uses.user(of: request.source),
      request.copy == nil || stack.inventory.domains[user]?.isActive ?? false
    {
      part.findings.refuse(
        "written-image", "\(request.source) is a disk of the domain \(user), which writes to it", at: source,
        suggestion: request.copy == nil
          ? "give the image a `pool`, so that it is copied while that domain is stopped"
          : "stop that domain until the image is copied")
      return (part, nil)
    }
    var plan = ObjectPlan(part.object, .none, range: image.range)
    if request.copy != nil, let observed {
      if observed.copy == base.path {
        if let (step, change) = stack.narrowing(ofCopy: base.path, from: observed.source, image) {
          part.steps.add(step)
          (plan.verb, plan.changes) = (.update, [change])
        }
      } else if let sha256 = observed.sha256, case .image(let chain) = observed.source {
        guard part.findings.checkFolder(of: base.path, at: image.place(of: .pool), in: stack) else {
          return (part, nil)
        }
        let `import` = ImageImport(
          source: request.source, destination: base.path, format: base.format, sha256: sha256,
          length: chain.top.fileLength)
        let pool = image[.pool].map { [Prerequisite.object(ObjectReference(.pool, $0))] } ?? []
        part.steps.setReady(after: part.steps.add(.importImage(`import`), after: pool))
        plan.verb = .create
        plan.changes = [
          FieldChange(
            FieldKey.source.name, new: .string(request.source), effect: .define, reason: .spec,
            detail: "copy \(ByteCount.approximate(`import`.length)) to \(base.path)", range: source)
        ]
      }
    }
    part.plan = plan
    return (part, base.path)
  }
}

extension Findings {
  /// Says why a base image cannot be used.
  fileprivate mutating func refuse(unusable file: ObservedFile, _ image: ObjectSpec, _ source: String) {
    let range = image.setting(.source)?.range
    switch file {
    case .missing:
      refuse(
        "missing-image", "there is no file \(source)", at: range,
        suggestion: "put the base image there, or correct the path")
    case .folder:
      refuse("not-an-image", "\(source) is a folder", at: range, suggestion: "name the image file")
    case .unusable(let error):
      refuse("unusable-image", "\(error)", at: image.setting(.format)?.range ?? range)
    case .image(let chain):
      refuse(
        "not-standalone", "\(source) is an overlay on \(chain.images.dropFirst().first?.path ?? "another image")",
        at: range,
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
  init?(_ image: ObjectSpec, in stack: StackContext) {
    guard let request = stack.layout.request(for: image), let observed = stack.inventory.baseImages[request]
    else { return nil }
    guard observed.copyProblem == nil else { return nil }
    if let copy = observed.copy, case .image(let chain)? = stack.inventory.files[copy] {
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
