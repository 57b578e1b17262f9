// How each domain of a stack stands: what a plan says of it, in a word or two. Nothing is compared here that a plan does
// not compare.

public import Diagnostics
public import Inventory
public import Spec
import Vocabulary

/// How a domain stands to what it is meant to be.
public struct DomainStatus: Sendable, Hashable {
  /// What a domain is like; where several are so, the first of them in this order.
  public enum Condition: String, Sendable, Hashable, CaseIterable {
    /// A plan for it cannot be made.
    case refused
    /// The spec has it, and the host does not.
    case missing
    /// It was changed on the host since the last apply.
    case drifted
    /// An apply would change it: the spec says something new.
    case toChange = "to-change"
    /// It exists, and belongs to no stack yet.
    case toAdopt = "to-adopt"
    /// The definition is as it should be, and the running guest has other values until it is restarted.
    case waiting
    /// The definition, and the guest where it runs, are as the spec has them; without a spec, as the record has them.
    case inSync = "in-sync"
    /// It belongs to the stack, and the spec does not have it.
    case undeclared
  }

  /// The domain's name, in the spec and on the host.
  public var name: String
  /// The stack that declares or owns it.
  public var stack: String
  /// What the guest is doing; nil for a domain that is not there.
  public var state: ObservedDomain.State?
  /// Whether its memory is saved, to be resumed at its next start.
  public var isSaved = false
  /// The first of the conditions that hold for it, in their order.
  public var condition: Condition
  /// The fields that drifted, by their names in the spec.
  public var drifted: [String] = []
  /// The fields that an apply would change because the spec changed.
  public var toChange: [String] = []
  /// The fields that wait for a restart of the guest.
  public var waiting: [String] = []
  /// Why no plan can be made for it, and what a plan warns of.
  public var problems: [Diagnostic] = []

  /// A status without fields and problems, which are added one by one.
  public init(name: String, stack: String, state: ObservedDomain.State? = nil, condition: Condition) {
    self.name = name
    self.stack = stack
    self.state = state
    self.condition = condition
  }

  /// Whether there is nothing to do about it. What the spec does not have is left alone.
  public var isSettled: Bool { condition == .inSync || condition == .undeclared }
}

/// How the domains of one stack stand, or of all stacks of a host.
public struct HostStatus: Sendable {
  /// The connection that the domains are on.
  public var uri: String
  /// The stack that was asked for; nil for all of the host.
  public var stack: String?
  /// The domains, those that the spec no longer has among them.
  public var domains: [DomainStatus]
  /// Objects besides domains that an apply would change.
  public var others: [ObjectReference] = []
  /// What stands in the way of a plan, or what it warns of, and is about no single domain.
  public var problems: [Diagnostic] = []
  /// Domains of the host that belong to no stack, where all stacks were asked for.
  public var unowned: [String] = []

  /// A status with these domains and no other findings, which are added afterwards.
  public init(uri: String, stack: String? = nil, domains: [DomainStatus]) {
    self.uri = uri
    self.stack = stack
    self.domains = domains
  }

  /// Whether every domain is as it should be, and so is all that they need.
  public var isSettled: Bool { domains.allSatisfy(\.isSettled) && others.isEmpty && problems.isEmpty }
}

extension HostStatus {
  /// How the domains of a stack stand to its spec.
  public init(of spec: StackSpec, on inventory: Inventory) {
    let builder = PlanBuilder(planning: spec, on: inventory)
    self.init(uri: inventory.host.uri, stack: spec.name, domains: [])
    var messages: [String: [Diagnostic]] = [:]
    let names = Set(spec.domains.map(\.name))
    let warnings = builder.notes.filter { $0.severity == .warning }
    let refused = builder.objects.flatMap(\.problems)
    for message in builder.errors + refused + warnings {
      if let subject = message.subject, subject.hasPrefix("domain "), names.contains(String(subject.dropFirst(7))) {
        messages[String(subject.dropFirst(7)), default: []].append(message)
      } else {
        problems.append(message)
      }
    }
    let plans = Dictionary(builder.objects.map { ($0.object, $0) }, uniquingKeysWith: { first, _ in first })
    let acted = Set(builder.actions.map(\.object))
    for domain in spec.domains {
      let object = ObjectReference(.domain, domain.name)
      let observed =
        inventory.domains[domain.name] ?? domain[.renamedFrom].flatMap { inventory.domains[$0] }
      domains.append(
        DomainStatus(
          of: domain, plans[object], observed, hasSteps: acted.contains(object),
          problems: messages[domain.name] ?? [], in: spec.name))
    }
    let renamed = spec.domains.compactMap { $0[.renamedFrom] }
    for observed in inventory.domains.values.sorted(by: { $0.name < $1.name })
    where !names.contains(observed.name) && !renamed.contains(observed.name)
      && OwnershipRecord(in: observed.inactive)?.stack == spec.name
    {
      domains.append(DomainStatus(of: observed, in: spec.name, .undeclared))
    }
    others = builder.objects.map(\.object).filter { object in
      object.kind != .domain && plans[object]?.verb != .refused
        && (plans[object]?.verb != ObjectPlan.Verb.none || acted.contains(object))
    }
  }

  /// How the domains of all stacks of a host stand to what the last apply of each has recorded.
  ///
  /// - Parameter inventory: what ``RecordedStack/request(for:)`` asks for.
  public init(recordedOn inventory: Inventory) {
    self.init(uri: inventory.host.uri, domains: [])
    for stack in RecordedStack.all(on: inventory) {
      let status = HostStatus(of: stack, on: inventory)
      domains += status.domains.map { domain in
        // What the record cannot hold, such as a base image's file, is not news here.
        var domain = domain
        domain.toChange = []
        if domain.condition == .toChange { domain.condition = domain.waiting.isEmpty ? .inSync : .waiting }
        // By its spec it would be refused: a disk that Vireo made is never made twice.
        if domain.problems.contains(where: { $0.rule == "unusable-file" }) { domain.condition = .refused }
        domain.problems = domain.problems.map(Self.withoutPlace)
        return domain
      }
      problems += status.problems.map(Self.withoutPlace)
    }
    unowned = inventory.domains.values.filter { OwnershipRecord(in: $0.inactive) == nil }.map(\.name).sorted()
  }
}

extension HostStatus {
  /// A message about what a record says, which stands in no file.
  private static func withoutPlace(_ problem: Diagnostic) -> Diagnostic {
    var problem = problem
    problem.range = nil
    problem.notes = []
    return problem
  }
}

extension DomainStatus {
  fileprivate init(of observed: ObservedDomain, in stack: String, _ condition: Condition) {
    self.init(name: observed.name, stack: stack, state: observed.state, condition: condition)
    isSaved = observed.hasManagedSave && !observed.isActive
  }

  /// - Parameters:
  ///   - plan: what a plan says of it; nil where it cannot be planned.
  ///   - hasSteps: whether the plan has steps of it.
  fileprivate init(
    of spec: ObjectSpec, _ plan: ObjectPlan?, _ observed: ObservedDomain?, hasSteps: Bool,
    problems: [Diagnostic], in stack: String
  ) {
    self.init(name: spec.name, stack: stack, state: observed?.state, condition: .inSync)
    isSaved = observed.map { $0.hasManagedSave && !$0.isActive } ?? false
    self.problems = problems
    for change in plan?.changes ?? [] where plan?.verb != .create && plan?.verb != .adopt {
      switch change.reason {
      case .drift where change.detail != FieldChange.storedAlready: drifted.append(change.field)
      case _ where change.detail == FieldChange.storedAlready: waiting.append(change.field)
      // It comes with something that is to change.
      case .default: break
      default: toChange.append(change.field)
      }
    }
    waiting += plan?.pending.map(\.field) ?? []
    condition =
      if problems.hasErrors || plan == nil || plan?.verb == .refused {
        .refused
      } else if plan?.verb == .create {
        .missing
      } else if !drifted.isEmpty {
        .drifted
      } else if plan?.verb == .adopt {
        .toAdopt
      } else if !toChange.isEmpty {
        .toChange
      } else if !waiting.isEmpty {
        .waiting
      } else if hasSteps {
        .toChange
      } else {
        .inSync
      }
  }
}
