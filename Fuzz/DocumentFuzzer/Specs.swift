// Specs: parsed, decoded, checked, and planned for a host that has nothing; their messages are shown in every form.

@testable import Diagnostics
import FuzzDriver
@testable import Inventory
@testable import Planner
@testable import Spec
import XMLTree
import YAMLTree

func readSpec(_ bytes: [UInt8], named path: String) {
  let file: SourceFile
  do throws(Diagnostic) {
    file = try SourceFile(path: path, bytes: bytes)
  } catch {
    return show([error])
  }
  let result = SpecLoader().load([file])
  show(result.diagnostics)
  guard let stack = result.stack else {
    return expect(result.diagnostics.contains { $0.severity == .error }, "there is neither a stack nor an error")
  }
  plan(stack, on: .supposed(for: InventoryRequest(for: stack), with: []))
  let sources = Set(stack.domains.flatMap { $0.members("disks") }.compactMap { $0["source"]?.string })
  plan(stack, on: .supposed(for: InventoryRequest(for: stack), with: sources))
}

/// Plans, and reads back every definition that the plan makes.
func plan(_ stack: StackSpec, on inventory: Inventory) {
  let plan: Plan
  do {
    plan = try Plan(for: stack, on: inventory, refusingObjects: true)
  } catch {
    expect(!error.diagnostics.isEmpty, "there is neither a plan nor an error")
    return show(error.diagnostics)
  }
  for action in plan.actions {
    let definition =
      switch action.operation {
      case .defineDomain(let definition): definition.xml
      case .defineNetwork(let definition): definition.xml
      case .definePool(let pool): pool.definition.xml
      default: nil as XMLElement?
      }
    guard let definition else { continue }
    expect((try? XMLElement.parse(definition.serialised())) != nil, "a definition is not XML: \(definition)")
  }
  for object in plan.objects {
    _ = object.changes.map { "\($0.field) \($0.old?.description ?? "") \($0.new?.description ?? "")" }
  }
}

func show(_ diagnostics: [Diagnostic]) {
  guard !diagnostics.isEmpty else { return }
  _ = DiagnosticFormat.render(diagnostics, as: .text(color: true, width: 80))
  _ = DiagnosticFormat.render(diagnostics, as: .json)
  _ = DiagnosticFormat.render(diagnostics, as: .github)
}
