// What a plan is put together with: objects, actions and what they wait for, and everything that is wrong.

import Diagnostics
import Inventory
import Spec
import Vocabulary

/// Collects a plan.
///
/// A class, so that what has been collected is not copied for each object; it does not outlive one call of the planner.
final class PlanBuilder {
  let spec: StackSpec
  let inventory: Inventory
  /// What has been collected.
  private(set) var parts: PlanParts
  /// Whether the saved memory of stopped guests is given up.
  let discardsSavedStates: Bool
  /// What new objects are given.
  var given = GivenValues()
  /// The stack's base images by the path that overlays stand on.
  var basePaths: [String: String] = [:]
  /// The stack's volumes by their file.
  var volumePaths: [String: String] = [:]
  /// The last step that makes an object usable, by object: what others wait for.
  private var readiness: [ObjectReference: Int] = [:]

  init(_ spec: StackSpec, _ inventory: Inventory, discardsSavedStates: Bool = false) {
    self.spec = spec
    self.discardsSavedStates = discardsSavedStates
    self.inventory = inventory
    parts = PlanParts(firstStep: 0)
  }

  /// Starts with what another builder knows and nothing of what it has collected, whose steps can be waited for.
  init(continuing other: PlanBuilder) {
    spec = other.spec
    discardsSavedStates = other.discardsSavedStates
    inventory = other.inventory
    basePaths = other.basePaths
    volumePaths = other.volumePaths
    readiness = other.readiness
    parts = PlanParts(firstStep: other.parts.actions.count)
  }

  /// Adds what a builder has collected that continued this one.
  func append(_ more: PlanParts) {
    let shift = parts.actions.count - more.firstStep
    parts.objects += more.objects
    parts.actions += more.actions.map { action in
      var action = action
      action.after = action.after.map { $0 < more.firstStep ? $0 : $0 + shift }
      return action
    }
    parts.notes += more.notes
    parts.errors += more.errors
    parts.refusals += more.refusals
    parts.secrets.formUnion(more.secrets)
  }

  /// Takes note of texts that nothing may show.
  func conceal(_ secrets: KnownSecrets) { parts.secrets.formUnion(secrets) }

  /// Takes secrets out of all messages.
  func redactMessages() {
    guard !parts.secrets.isEmpty else { return }
    let secrets = parts.secrets
    parts.notes = parts.notes.map(secrets.redacted)
    parts.errors = parts.errors.map(secrets.redacted)
    for index in parts.refusals.indices {
      parts.refusals[index].problem = secrets.redacted(parts.refusals[index].problem)
    }
    for index in parts.objects.indices {
      parts.objects[index].problems = parts.objects[index].problems.map(secrets.redacted)
    }
  }

  func add(_ object: ObjectPlan) { parts.objects.append(object) }

  /// Replaces the actions by as many others.
  func replaceActions(_ actions: [Action]) { parts.actions = actions }

  /// Adds a step.
  ///
  /// - Parameters:
  ///   - steps: indices of steps that it waits for.
  ///   - objects: objects whose steps so far it waits for.
  /// - Returns: the step's index.
  @discardableResult
  func add(
    _ operation: Operation, for object: ObjectReference, after steps: [Int] = [],
    waitingFor objects: [ObjectReference] = [],
    effect: Effect = .define
  ) -> Int {
    let before = Set(steps + objects.compactMap { readiness[$0] }).sorted()
    parts.actions.append(Action(object, operation, after: before, effect: effect))
    return parts.firstStep + parts.actions.count - 1
  }

  /// Says that an object is usable once a step is done.
  func setReady(_ object: ObjectReference, after step: Int) { readiness[object] = step }

  /// The step after which an object is usable; nil where there is none to wait for.
  func readyStep(of object: ObjectReference) -> Int? { readiness[object] }

  func note(
    _ rule: String, _ message: String, at range: SourceRange? = nil, subject: ObjectReference? = nil,
    suggestion: String? = nil, severity: Severity = .note
  ) {
    parts.notes.append(
      Diagnostic(severity, rule, message, at: range, subject: subject?.description, suggestion: suggestion))
  }

  /// Reports a mistake in the spec, which would be wrong on every host, or a limit of the run: nothing is planned at all.
  func fail(_ problem: Diagnostic) { parts.errors.append(problem) }

  /// Replaces what becomes of the objects.
  func replaceObjects(_ objects: [ObjectPlan]) { parts.objects = objects }

  /// Refuses one object for a state of the host. What does not depend on it is planned all the same.
  func refuse(
    _ rule: String, _ message: String, at range: SourceRange? = nil, subject: ObjectReference,
    suggestion: String? = nil
  ) {
    parts.refusals.append(
      Refusal(
        object: subject,
        problem: Diagnostic(rule, message, at: range, subject: subject.description, suggestion: suggestion)))
  }

  /// Reports a mistake in the spec, or a limit of the run: nothing is planned at all.
  func fail(
    _ rule: String, _ message: String, at range: SourceRange? = nil, subject: ObjectReference? = nil,
    suggestion: String? = nil
  ) {
    parts.errors.append(Diagnostic(rule, message, at: range, subject: subject?.description, suggestion: suggestion))
  }
}

/// A plan, or a part of one that is made by a builder of its own.
struct PlanParts: Sendable {
  var objects: [ObjectPlan] = []
  var actions: [Action] = []
  var notes: [Diagnostic] = []
  /// Mistakes in the spec, and limits of the run.
  var errors: [Diagnostic] = []
  /// What states of the host forbid.
  var refusals: [Refusal] = []
  /// Texts that nothing may show: of the spec, and of what the host has in its places.
  var secrets = KnownSecrets()
  /// Where the part's own steps begin; what they wait for before that are steps of the whole.
  let firstStep: Int
}

/// Why one object cannot be what the spec says, on this host as it is.
struct Refusal: Sendable {
  var object: ObjectReference
  var problem: Diagnostic
}
