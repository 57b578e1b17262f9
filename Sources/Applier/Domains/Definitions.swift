// Domain definitions: compared with what the plan saw, stored, read back, and put back where libvirt did not keep them.

import Libvirt
import Planner
import Vocabulary
import XMLTree

extension ApplyRun {
  /// Stores a definition, new or changed.
  ///
  /// - Returns: what libvirt stored beside it that nobody asked for; nil for nothing.
  func defineDomain(_ definition: DomainDefinition) async throws -> String? {
    let name = definition.identity.name
    if let seen = definition.replacing {
      let domain = try await domain(definition.identity)
      try await requireUnmoved(domain, seen)
    } else if let other = try await domainIfAny(named: name) {
      throw ActionFailure("domain \(name) now exists (UUID \(other.uuid))", remedy: planAgain)
    }
    try await requireOwn(definition)

    let (domain, stored): (LibvirtDomain, XMLElement)
    do {
      (domain, stored) = try await connection.store(definition)
    } catch let dropped as DroppedDefinition {
      var failure = definitionFailure(dropped.refusal)
      failure.message += "; it does not know \(dropped.place), or not with that value"
      throw failure
    } catch let error as LibvirtError where !error.isConnectionLost {
      var failure = definitionFailure(error)
      failure.field = faultyField(error.message, in: definition.xml)
      throw failure
    }
    let unasked = UnaskedChange.all(in: stored, asked: definition.xml, replacing: definition.replacing)
    do {
      try definition.check(stored)
      try throwSubstance(of: unasked)
    } catch {
      throw await undo(definition, on: domain, because: ActionFailure(error))
    }
    if let old = definition.replacing {
      await replaced.note(domain.uuid, ReplacedDefinition(old: old, new: stored))
    }
    return unasked.isEmpty ? nil : "libvirt " + unasked.map(\.description).joined(separator: "; ")
  }

  /// What makes another machine of the guest is not stored.
  private func throwSubstance(of changes: [UnaskedChange]) throws(ActionFailure) {
    let found = changes.filter(\.isSubstance)
    guard !found.isEmpty else { return }
    throw ActionFailure(
      "libvirt \(found.map(\.description).joined(separator: "; ")), which nobody asked for",
      remedy: "set the value in the spec")
  }

  /// The domain with this name and UUID.
  func domain(_ identity: DomainIdentity) async throws -> LibvirtDomain {
    guard let domain = try await domainIfAny(named: identity.name) else {
      throw ActionFailure("domain \(identity.name) does not exist any more", remedy: planAgain)
    }
    guard domain.uuid == identity.uuid.lowercased() else {
      throw ActionFailure(
        "domain \(identity.name) changed since it was planned: its UUID is \(domain.uuid), not \(identity.uuid)",
        remedy: planAgain)
    }
    return domain
  }

  /// Throws unless a domain's stored definition is still `seen`.
  func requireUnmoved(_ domain: LibvirtDomain, _ seen: XMLElement) async throws {
    try await connection.requireUnmoved(domain, seen)
  }

  func domainIfAny(named name: String) async throws -> LibvirtDomain? {
    try await ifAny { try await connection.domain(named: name) }
  }

  /// A libvirt object; nil where there is none.
  func ifAny<Object>(_ find: () async throws -> Object) async throws -> Object? {
    do {
      return try await find()
    } catch let error as LibvirtError where error.isNotFound {
      return nil
    }
  }

  /// Takes back a definition that did not become what it should: the old one again, or none.
  private func undo(
    _ definition: DomainDefinition, on domain: LibvirtDomain, because failure: ActionFailure
  ) async -> ActionFailure {
    if failure.isConnectionLost { return failure }
    var failure = failure
    do {
      if let old = definition.replacing {
        try await connection.defineDomain(old.serialised(), named: domain.name)
        failure.message += "; the old definition was put back"
      } else {
        // UEFI variables may be there from an earlier domain of the name; they are not this step's to delete.
        try await domain.undefine(.keepNVRAM)
        failure.message += "; the new domain was undefined again"
      }
    } catch {
      failure.message += "; the stored definition could not be taken back: \(ActionFailure(error).message)"
      failure.remedy = "look at it with `virsh dumpxml --inactive \(domain.name)`, then plan again"
    }
    return failure
  }
}

/// What differs between two definitions of a domain in meaning. The order of controllers is none: libvirt changes it
/// in the stored definition when it starts the domain (measured with libvirt 9.0).
func definitionDifference(_ a: XMLElement, _ b: XMLElement) -> [XMLDifference] {
  difference(
    a, b, options: XMLDifferenceOptions(isUnordered: { _, path in path == "/domain/devices/controller" }))
}

extension DomainDefinition {
  /// Throws unless a definition that was read back has all that is expected of it: libvirt drops silently what it does
  /// not know, and rewrites what it knows better.
  func check(_ stored: XMLElement) throws(ActionFailure) {
    let problems = expectations.compactMap { expectation in
      expectation.problem(in: stored).map { (field: expectation.field, text: $0) }
    }
    try throwProblems(problems)
  }
}

extension ObjectDefinition {
  /// Throws unless a definition that was read back has all that is expected of it.
  func check(_ stored: XMLElement) throws(ActionFailure) {
    let problems = expectations.compactMap { expectation in
      expectation.problem(of: stored).map { (expectation.field, $0) }
    }
    try throwProblems(problems)
  }
}

private func throwProblems(_ problems: [(field: String, text: String)]) throws(ActionFailure) {
  guard let first = problems.first else { return }
  throw ActionFailure(
    problems.map(\.text).joined(separator: "; "),
    remedy: "take the field out of the spec, or write the value as libvirt stores it",
    field: first.field)
}

extension Expectation {
  /// What is wrong with the field in a definition, nil for nothing.
  ///
  /// A field without a value was left to libvirt, which may fill in its default: nothing to compare.
  fileprivate func problem(in domain: XMLElement) -> String? {
    guard let device else { return problem(of: domain) }
    guard let element = device.find(in: domain) else { return "libvirt dropped the device of `\(field)`" }
    return problem(of: element)
  }

  /// What is wrong with the field of the element that has it.
  fileprivate func problem(of element: XMLElement) -> String? {
    if case .xml(let fragment)? = value {
      return fragment.firstDifference(in: element).map { "libvirt dropped or changed \($0), which `\(field)` asks for" }
    }
    guard let value, let lens = entry.field.lens else { return nil }
    if entry.field.isMet(value, in: element) { return nil }
    guard let stored = lens.get(element) else {
      return "libvirt dropped `\(field)`: \(value) was asked for, nothing is stored"
    }
    return "libvirt changed `\(field)`: \(value) was asked for, \(stored) is stored"
  }
}

/// What libvirt has against a definition.
///
/// - Parameter editor: what a person can look at the definition with.
func definitionFailure(
  _ error: LibvirtError, editor: String = "the same part of the domain with `virsh edit`"
) -> ActionFailure {
  let text = plainMessage(error)
  switch error.code {
  case .xmlInvalidSchema:
    // "XML document failed to validate against schema: Unable to validate doc against /…/domain.rng; Extra element …"
    let line = Substring(text)
    let reason = Phrase.schemaFile.range(in: line).map { String(line[$0.upperBound...]) } ?? text
    return ActionFailure(
      "libvirt's schema does not allow the definition: \(reason)",
      remedy: "change the field that it names, or \(editor)")
  case .operationFailed, .domainExists:
    return ActionFailure("cannot \(error.operation): \(text)", remedy: planAgain)
  case .configurationUnsupported:
    return ActionFailure(
      "the hypervisor does not support the definition: \(text)", remedy: "change the spec to what this host can do")
  default:
    var failure = ActionFailure(error)
    guard !error.isConnectionLost else { return failure }
    failure.remedy =
      failure.remedy ?? FailureCause(text)?.remedy ?? "change in the spec what the message names, or \(editor)"
    return failure
  }
}

extension LibvirtConnection {
  /// Throws unless a domain's stored definition is what the plan saw.
  func requireUnmoved(_ domain: LibvirtDomain, _ seen: XMLElement) async throws {
    let moved = definitionDifference(seen, try await storedDefinition(of: domain))
    guard let first = moved.first else { return }
    let more = moved.count > 1 ? " and \(moved.count - 1) more" : ""
    throw ActionFailure(
      "domain \(domain.name) changed since it was planned (\(first.path)\(more))", remedy: planAgain)
  }
}
