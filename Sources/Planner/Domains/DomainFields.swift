// Planning the fields of a domain itself, each as any field is planned.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// What becomes of a domain's own fields.
enum DomainFields {
  /// Plans the fields and puts what they become into the definition.
  static func plan(_ context: DomainContext, in definition: inout XMLElement) -> DomainPart {
    let (spec, type) = (context.spec, Vocabulary.domain)
    let observed = context.observed?.inactive
    var part = DomainPart(context)
    let recorded = context.record?.fields(of: OwnershipRecord.itself) ?? [:]
    // Of the many fields of a domain that exists, a few are named.
    let fields = context.isNew ? type.fields : type.fields(spec.settings.keys, named: recorded.keys)
    for field in fields where !field.isFragment {
      let setting = spec.settings[field]
      let name = type.displayName(of: field)
      if let setting {
        part.findings.checkVersion(of: field, setting, named: name, in: observed, on: context.stack.host)
      }
      let plan = context.plan(
        field, named: name, of: OwnershipRecord.itself, setting, isCompleted: context.isCompletedByVireo,
        observed: observed, running: context.running, in: definition, cost: { context.effect(of: field, to: $0) })
      plan.put(field, into: &definition)
      part.note(plan, of: field, OwnershipRecord.itself, context)
      if context.isNew, setting == nil, field == type[.type] {
        part.changes.append(
          FieldChange(
            name, new: field.lens?.get(definition), effect: .define, reason: .default,
            detail: NewDomain.explainType(for: spec, on: context.stack.host), range: spec.range))
      }
      guard let change = plan.change else { continue }
      if plan.isImpossible {
        part.findings.refuse(impossible: change, suggestion: "only a new domain can have it")
      } else {
        part.changes.append(change)
      }
    }
    if let observed {
      type.removeUnfit(from: &definition, changedFrom: observed, except: Set(spec.settings.keys))
      part.owned.merge(FormerElements.settle(context, in: &definition))
    }
    return part
  }
}
