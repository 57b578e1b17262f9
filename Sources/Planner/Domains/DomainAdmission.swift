// Whether the domain of the spec may be what the host has under its name or its UUID.

import Inventory
import Spec
import Vocabulary

extension DomainContext {
  /// Why the domain cannot be planned at all: it cannot be read, or another stack or another domain is in its place. No
  /// refusal where it can.
  func admission() -> Findings {
    var findings = Findings(about: object)
    if isNew, let failure = stack.inventory.failures.first(where: { $0.subject == object.description }) {
      findings.refuse("unreadable-domain", "cannot be read: \(failure.message)", at: spec.range)
    } else if let owner = record?.stack, owner != stack.name {
      findings.refuse(
        "owned-by-another-stack", "the host has a domain of this name that belongs to the stack \(owner)",
        at: spec.range, suggestion: "rename the domain here, or there")
    } else if isNew, let other = stack.inventory.domains.values.first(where: { $0.uuid == identity.uuid }) {
      if let owner = OwnershipRecord(in: other.inactive)?.stack, owner != stack.name {
        findings.refuse(
          "owned-by-another-stack",
          "the host has the UUID \(identity.uuid) at the domain \(other.name) of the stack \(owner)",
          at: spec.place(of: .uuid), suggestion: "write another UUID, or leave it out")
      } else {
        findings.refuse(
          "renamed-domain", "the host has this domain's UUID, \(identity.uuid), under the name \(other.name)",
          at: spec.place(of: .uuid),
          suggestion: "to rename it, write `renamed-from: \(other.name)`; if it was renamed, use its name here")
      }
    }
    return findings
  }
}
