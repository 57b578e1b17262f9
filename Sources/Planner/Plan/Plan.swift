// A plan as plain data: what differs, and what is to be done about it, in which order.

public import Diagnostics
public import struct SystemCalls.FileIdentity
public import Vocabulary

/// What has to happen for the host to look like the spec says.
///
/// A plan is a value: it can be printed, compared, saved and tested without a host. Its coding has everything that an apply
/// needs, passwords in definitions too: whoever saves one keeps it private. An encoder that sorts keys writes equal plans
/// alike.
public struct Plan: Sendable, Equatable, Codable {
  /// The stack's name.
  public var stack: String
  /// The connection that it was planned against.
  public var uri: String
  /// Every object of the spec, changed or not, in the order in which they are best read: networks, pools, images,
  /// volumes, domains.
  public var objects: [ObjectPlan]
  /// What is to be done; an action's place in the array is its identity.
  public var actions: [Action]
  /// What the reader should know and that is not a change: choices made, devices nobody declared, restarts waited for.
  public var notes: [Diagnostic]
  /// The folders of the pools by their paths: which folder each was when the host was looked at; nil for one that is not
  /// there yet. An apply works in these very folders.
  public var pools: [String: FileIdentity?] = [:]
  /// Texts that no output of the plan or of its apply may show. ``actions`` have them, for libvirt.
  public var secrets = KnownSecrets()
  /// What was to leave the host.
  public var scope = DeletionOptions.Scope.declared

  /// A plan from its parts. Without objects and actions it has nothing to do.
  public init(
    stack: String, uri: String, objects: [ObjectPlan] = [], actions: [Action] = [], notes: [Diagnostic] = []
  ) {
    self.stack = stack
    self.uri = uri
    self.objects = objects
    self.actions = actions
    self.notes = notes
  }

  /// Whether there is nothing to do: the host already is as the spec says, but for objects that are refused.
  public var isEmpty: Bool { actions.isEmpty }

  /// The objects that a state of the host keeps from being what the spec says, with what depends on them.
  public var refused: [ObjectPlan] { objects.filter { $0.verb == .refused } }
}

/// Which object a change or an action is about.
public struct ObjectReference: Sendable, Hashable, Codable, CustomStringConvertible {
  /// A kind of object that a stack has at its top.
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    /// A virtual network.
    case network
    /// A storage pool.
    case pool
    /// A base image, with its copy in a pool.
    case image
    /// A domain, with its disks and other devices.
    case domain
    /// An image that no domain owns.
    case volume
  }

  /// The kind: names are unique only within it.
  public var kind: Kind
  /// The name in the spec, for a domain with the number that `count` adds.
  public var name: String

  /// A reference to an object by its kind and its name.
  public init(_ kind: Kind, _ name: String) {
    self.kind = kind
    self.name = name
  }

  /// `domain web`.
  public var description: String { "\(kind.rawValue) \(name)" }
}

/// What becomes of one object.
public struct ObjectPlan: Sendable, Equatable, Codable {
  /// What is done with an object as a whole.
  public enum Verb: String, Sendable, Hashable, Codable {
    /// It does not exist, and is made.
    case create
    /// It exists and belongs to the stack; something of it changes.
    case update
    /// It exists, was not Vireo's, and becomes so without a change of its own.
    case adopt
    /// It leaves the host.
    case delete
    /// A state of the host forbids what the spec says of it, or something that it depends on: nothing is done to it.
    case refused
    /// Nothing to do.
    case none
  }

  /// The object, which the host may not have yet.
  public var object: ObjectReference
  /// What is done with it as a whole; ``changes`` has its fields.
  public var verb: Verb
  /// What differs, field by field; for a new object what it gets.
  public var changes: [FieldChange]
  /// Values that are stored and that the running guest does not have yet: waiting for a restart.
  public var pending: [PendingValue]
  /// Why it is refused; nothing for an object that is not.
  public var problems: [Diagnostic]
  /// Where the spec declares the object.
  public var range: SourceRange?

  /// A plan for one object, by default without any difference.
  public init(
    _ object: ObjectReference, _ verb: Verb, changes: [FieldChange] = [], pending: [PendingValue] = [],
    problems: [Diagnostic] = [], range: SourceRange? = nil
  ) {
    self.object = object
    self.verb = verb
    self.problems = problems
    self.changes = changes
    self.pending = pending
    self.range = range
  }

  /// The most disruptive effect among the changes.
  public var effect: Effect? { changes.map(\.effect).max() }
}

/// One difference between the spec and the host.
public struct FieldChange: Sendable, Hashable, Codable {
  /// Why a field changes.
  public enum Reason: String, Sendable, Hashable, Codable {
    /// The spec says something new.
    case spec
    /// The host was changed behind Vireo's back: the last apply stored what the spec still says.
    case drift
    /// The spec no longer names what an earlier apply set.
    case dropped
    /// Not named by the spec: a Vireo default for something new.
    case `default`
  }

  /// The field as the spec writes it: `memory`, `disks.root.size`.
  public var field: String
  /// The value on the host; nil where the host has none, or for a new object.
  public var old: Value?
  /// The value that the field gets; nil where it goes back to libvirt's default or leaves.
  public var new: Value?
  /// What the change costs, a running guest being taken as it was when it was read.
  public var effect: Effect
  /// Whether the spec, the host or a default is the cause.
  public var reason: Reason
  /// What the reader should know beside the values, such as `overlay on debian-12`.
  public var detail: String?
  /// The place in the spec.
  public var range: SourceRange?

  /// The detail of a change to a guest alone: the definition has the value.
  static let storedAlready = "stored already"

  /// A change; without values for one that ``detail`` alone describes.
  public init(
    _ field: String, old: Value? = nil, new: Value? = nil, effect: Effect, reason: Reason, detail: String? = nil,
    range: SourceRange? = nil
  ) {
    self.field = field
    self.old = old
    self.new = new
    self.effect = effect
    self.reason = reason
    self.detail = detail
    self.range = range
  }
}

/// A value that the stored definition has and the running guest does not.
public struct PendingValue: Sendable, Hashable, Codable {
  /// The field as the spec writes it: `memory`, `disks.root.bus`.
  public var field: String
  /// The value that the running guest has; nil for none.
  public var running: Value?
  /// The value that the definition has, and the guest after its next start; nil for none.
  public var stored: Value?
  /// Whether no guest runs: `running` is what a saved one resumes with.
  public var isSaved: Bool

  /// A value that waits for the next start.
  public init(_ field: String, running: Value?, stored: Value?, isSaved: Bool = false) {
    self.field = field
    self.running = running
    self.stored = stored
    self.isSaved = isSaved
  }
}

/// One step of an apply.
public struct Action: Sendable, Equatable, Codable {
  /// The object whose plan the step belongs to; messages name it.
  public var object: ObjectReference
  /// What is done, with all that it takes beside the host itself.
  public var operation: Operation
  /// Indices into ``Plan/actions`` of the steps that must have succeeded before; always smaller than its own.
  public var after: [Int]
  /// The most disruptive effect that the step may have.
  public var effect: Effect

  /// A step; `after` names its predecessors by their indices in the plan.
  public init(_ object: ObjectReference, _ operation: Operation, after: [Int], effect: Effect) {
    self.object = object
    self.operation = operation
    self.after = after
    self.effect = effect
  }
}
