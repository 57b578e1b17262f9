// Putting a plan together from the parts of its objects. What concerns the plan as a whole, such as limits and the order among
// objects, is done to it afterwards.

import Diagnostics
import Inventory
import Spec
import Vocabulary

/// A plan on its way. It is built in one place, and whatever is planned returns its part to it.
struct PlanBuilder {
  let spec: StackSpec
  let inventory: Inventory
  private(set) var objects: [ObjectPlan] = []
  private(set) var actions: [Action] = []
  private(set) var notes: [Diagnostic] = []
  /// Mistakes in the spec, and limits of the run.
  private(set) var errors: [Diagnostic] = []
  /// What states of the host forbid.
  private(set) var refusals: [Refusal] = []
  /// Texts that nothing may show: of the spec, and of what the host has in its places.
  private(set) var secrets: KnownSecrets
  /// The last action that makes an object usable, by object: what others wait for.
  private var readiness: [ObjectReference: Int] = [:]

  init(_ spec: StackSpec, _ inventory: Inventory) {
    self.spec = spec
    self.inventory = inventory
    secrets = spec.secrets
  }

  /// The objects that others have to wait for.
  var awaited: Set<ObjectReference> { Set(readiness.keys) }

  /// Adds an object's part; its steps become actions.
  mutating func add(_ part: PlanPart) {
    let first = actions.count
    for step in part.steps.list {
      let after = step.after.compactMap { prerequisite in
        switch prerequisite {
        case .step(let number): first + number
        case .object(let object): readiness[object]
        }
      }
      actions.append(Action(part.object, step.operation, after: Set(after).sorted(), effect: step.effect))
    }
    if let ready = part.steps.ready { readiness[part.object] = first + ready }
    if let plan = part.plan { objects.append(plan) }
    notes += part.findings.notes
    errors += part.findings.mistakes
    refusals += part.findings.refusals.map { Refusal(object: part.object, problem: $0) }
    secrets.formUnion(part.secrets)
  }

  // MARK: The plan as a whole

  mutating func note(
    _ rule: String, _ message: String, subject: ObjectReference? = nil, severity: Severity = .note
  ) {
    notes.append(Diagnostic(severity, rule, message, subject: subject?.description))
  }

  /// Refuses one object for a limit of the run. What does not depend on it is planned all the same.
  mutating func refuse(
    _ rule: String, _ message: String, at range: SourceRange?, subject: ObjectReference, suggestion: String
  ) {
    refusals.append(
      Refusal(
        object: subject,
        problem: Diagnostic(rule, message, at: range, subject: subject.description, suggestion: suggestion)))
  }

  /// Reports a limit of the run: nothing is planned at all.
  mutating func fail(_ rule: String, _ message: String, suggestion: String) {
    errors.append(Diagnostic(rule, message, suggestion: suggestion))
  }

  /// Replaces the actions by as many others.
  mutating func replaceActions(_ actions: [Action]) { self.actions = actions }

  /// Replaces what becomes of the objects.
  mutating func replaceObjects(_ objects: [ObjectPlan]) { self.objects = objects }

  /// Takes secrets out of all messages.
  mutating func redactMessages() {
    guard !secrets.isEmpty else { return }
    notes = notes.map(secrets.redacted)
    errors = errors.map(secrets.redacted)
    for index in refusals.indices { refusals[index].problem = secrets.redacted(refusals[index].problem) }
    for index in objects.indices { objects[index].problems = objects[index].problems.map(secrets.redacted) }
  }
}

/// Why one object cannot be what the spec says, on this host as it is.
struct Refusal: Sendable {
  var object: ObjectReference
  var problem: Diagnostic
}
