// Objects that a state of the host forbids: they are refused by name, with whatever depends on them, and the rest of the plan
// stands. A mistake in the spec, which would be one on every host, refuses the whole instead.

import Diagnostics
import Spec
import Vocabulary

extension PlanBuilder {
  /// Takes what cannot be done out of the plan: objects that are refused, what depends on them, and all their steps.
  ///
  /// - Parameters:
  ///   - stack: what the objects were planned from.
  ///   - followsSpec: whether the plan makes what the spec declares, rather than taking all of it away.
  mutating func withdrawRefused(_ stack: StackContext, followsSpec: Bool) {
    guard !refusals.isEmpty else { return }
    var problems: [ObjectReference: [Diagnostic]] = [:]
    for refusal in refusals { problems[refusal.object, default: []].append(refusal.problem) }
    let ranges = ranges()
    let needs = followsSpec ? needs(stack) : []
    let leaving = Set(objects.filter { $0.verb == .delete }.map(\.object))
    var refused = Set(problems.keys)
    while let (object, cause) = nextDependent(on: refused, needs, leaving) {
      refused.insert(object)
      problems[object] = [
        Diagnostic(
          "depends-on-refused", cause.message, at: cause.range ?? ranges[object], subject: object.description,
          suggestion: nil)
      ]
    }
    withdrawSteps(of: Set(problems.keys))
    var plans = Dictionary(objects.map { ($0.object, $0) }, uniquingKeysWith: { first, _ in first })
    for (object, problems) in problems {
      plans[object] = ObjectPlan(object, .refused, problems: problems, range: plans[object]?.range ?? ranges[object])
    }
    // In the order of all plans: what the spec declares, then what leaves.
    var seen: Set<ObjectReference> = []
    let rest = problems.keys.sorted { $0.description < $1.description }
    replaceObjects(
      (declared() + objects.map(\.object) + rest).compactMap { object in
        seen.insert(object).inserted ? plans[object] : nil
      })
  }

  /// What the spec declares, in the order in which it is planned.
  private func declared() -> [ObjectReference] {
    spec.networks.map { ObjectReference(.network, $0.name) } + spec.pools.map { ObjectReference(.pool, $0.name) }
      + spec.images.map { ObjectReference(.image, $0.name) } + spec.volumes.map { ObjectReference(.volume, $0.name) }
      + spec.domains.map { ObjectReference(.domain, $0.name) }
  }

  private func ranges() -> [ObjectReference: SourceRange] {
    let objects = spec.networks + spec.pools + spec.images + spec.volumes + spec.domains
    return Dictionary(zip(declared(), objects.map(\.range)), uniquingKeysWith: { first, _ in first })
  }

  // MARK: What depends on what

  /// An object, and what it needs of others, with the places that say so.
  private typealias Needs = (object: ObjectReference, needs: [(object: ObjectReference, range: SourceRange?)])

  /// An object that cannot be planned because another one is refused.
  private func nextDependent(
    on refused: Set<ObjectReference>, _ needs: [Needs], _ leaving: Set<ObjectReference>
  ) -> (object: ObjectReference, cause: (message: String, range: SourceRange?))? {
    for (object, needs) in needs where !refused.contains(object) && !leaving.contains(object) {
      guard let need = needs.first(where: { refused.contains($0.object) && !leaving.contains($0.object) }) else {
        continue
      }
      return (object, ("needs \(need.object), which is refused", need.range))
    }
    // What leaves is needed by what stays because it is refused.
    for object in objects where leaving.contains(object.object) && !refused.contains(object.object) {
      guard let user = refused.filter({ uses($0, object.object) }).min(by: { $0.name < $1.name }) else { continue }
      return (object.object, ("needed by \(user), which is refused and stays", nil))
    }
    for action in actions where !refused.contains(action.object) {
      let causes = action.after.map { actions[$0].object }
      guard let cause = causes.first(where: refused.contains) else { continue }
      return (action.object, ("waits for \(cause), which is refused", nil))
    }
    return nil
  }

  /// What each object of the spec needs of the others.
  private func needs(_ stack: StackContext) -> [Needs] {
    let layout = stack.layout
    func named(_ kind: ObjectReference.Kind, _ setting: Setting?) -> (object: ObjectReference, range: SourceRange?)? {
      setting?.value.string.map { (ObjectReference(kind, $0), setting?.range) }
    }
    var result: [Needs] = []
    for image in spec.images {
      result.append((ObjectReference(.image, image.name), [named(.pool, image.setting(.pool))].compactMap(\.self)))
    }
    for volume in spec.volumes {
      let pool = volume[.path] == nil ? spec.filePool(of: volume) : nil
      result.append(
        (
          ObjectReference(.volume, volume.name),
          [
            pool.map { (object: ObjectReference(.pool, $0.name), range: volume.range) },
            named(.image, volume.setting(.image)),
          ]
          .compactMap(\.self)
        ))
    }
    for domain in spec.domains where domain[.state] != .absent {
      var needs = domain.dependencies.map {
        (object: ObjectReference(.domain, $0), range: domain.setting(.dependsOn)?.range)
      }
      needs += domain.members("interfaces").compactMap { named(.network, $0.setting(.network)) }
        .filter { spec.network($0.object.name) != nil }
      for disk in domain.members("disks") {
        needs += [named(.image, disk.setting(.image))].compactMap(\.self)
        if let volume = disk[.source].flatMap({ stack.volumePaths[$0] }) {
          needs.append((ObjectReference(.volume, volume), disk.range))
        }
        if layout.isMade(disk), let pool = layout.pool(of: disk) {
          needs.append((ObjectReference(.pool, pool.name), disk.range))
        }
      }
      result.append((ObjectReference(.domain, domain.name), needs))
    }
    return result
  }

  /// Whether a domain that stays as it is needs something that would leave.
  private func uses(_ user: ObjectReference, _ object: ObjectReference) -> Bool {
    guard user.kind == .domain, let domain = inventory.domains[user.name] else { return false }
    switch object.kind {
    case .network:
      return [domain.inactive, domain.running].contains { definition in
        (definition?.devices(Vocabulary.interface) ?? []).contains {
          $0.value(at: .interfaceNetwork) == object.name
        }
      }
    case .domain:
      return OwnershipRecord(in: domain.inactive)?.content(of: .dependsOn)?.contains(object.name) ?? false
    default: return false
    }
  }

  // MARK: Steps

  /// Takes the steps of objects out; the others keep their order.
  private mutating func withdrawSteps(of objects: Set<ObjectReference>) {
    var places: [Int?] = []
    var kept: [Action] = []
    for action in actions {
      guard !objects.contains(action.object) else {
        places.append(nil)
        continue
      }
      var action = action
      action.after = action.after.compactMap { places[$0] }
      places.append(kept.count)
      kept.append(action)
    }
    replaceActions(kept)
  }
}
