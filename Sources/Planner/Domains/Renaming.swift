// Planning the step that gives a domain its name: libvirt renames stopped domains, and their files keep their names.

import Inventory
import Spec
import Vocabulary

/// What becomes of a domain's name.
enum Renaming {
  /// Plans the step that gives the domain its name, or that finishes a renaming which was cut off.
  ///
  /// - Returns: a refusal where libvirt cannot rename the domain as it is.
  static func plan(_ context: DomainContext) -> DomainPart {
    var part = DomainPart(context)
    guard let observed = context.observed else { return part }
    let (spec, name) = (context.spec, context.nameOnHost)
    guard name != spec.name else { return planRest(of: observed, context) }
    let obstacle = observed.isActive ? "runs" : observed.hasManagedSave ? "has a saved state" : nil
    if let obstacle {
      part.findings.refuse(
        "cannot-rename", "domain \(name) \(obstacle), and libvirt renames only stopped domains",
        at: spec.place(of: .renamedFrom),
        suggestion: observed.isActive
          ? "shut it down first" : "start it and shut it down, or discard the state with --discard-saved-state")
      return part
    }
    part.rename(name, "files keep their names", context)
    return part
  }

  /// A renaming that was cut off leaves the UEFI variables under the old name, too: another domain of that name would write
  /// to them.
  private static func planRest(of observed: ObservedDomain, _ context: DomainContext) -> DomainPart {
    var part = DomainPart(context)
    guard let old = context.spec[.renamedFrom], observed.formerNames.contains(old),
      context.stack.inventory.domains[old] == nil
    else { return part }
    part.rename(
      old, "completes an interrupted renaming: \(old)_VARS.fd, the old name of the UEFI variables, is removed", context)
    return part
  }
}

extension DomainPart {
  fileprivate mutating func rename(_ old: String, _ detail: String, _ context: DomainContext) {
    let name = context.spec.name
    changes.append(
      FieldChange(
        "name", old: .string(old), new: .string(name), effect: .define, reason: .spec, detail: detail,
        range: context.spec.place(of: .renamedFrom)))
    fileSteps.append(
      Step(
        operation: .renameDomain(DomainIdentity(name: old, uuid: context.identity.uuid), to: name),
        after: context.discarding))
  }
}
