// What the host cannot run, from libvirt's capabilities: said while planning, where libvirt would say something else or
// say it when half the work is done.

import Diagnostics
import Spec
import Vocabulary
import XMLTree

/// The limits of a host.
enum HostLimits {
  /// Checks that the host can run the guest that the spec asks for.
  static func check(_ context: DomainContext, _ definition: XMLElement) -> Findings {
    let (spec, host) = (context.spec, context.stack.host)
    var findings = checkProcessor(context, definition)
    findings.checkMemorySlots(of: spec, on: host)
    findings += checkModel(context, definition)
    guard context.isNew, let capabilities = host.capabilities, let arch = definition.value(at: .arch) else {
      return findings
    }
    guard let types = capabilities.domainTypes[arch] else {
      let known = capabilities.domainTypes.keys.sorted()
      findings.refuse(
        "cannot-run", "the host cannot run guests of the architecture \(arch)",
        at: spec.place(of: .arch),
        suggestion: closestMatch(to: arch, among: known).map { "did you mean `\($0)`?" }
          ?? "install QEMU for it, or write one of \(known.joined(separator: ", "))")
      return findings
    }
    if let type = spec.setting(.type), let name = spec[.type], !types.contains(name) {
      findings.refuse(
        "cannot-run", "the host has no \(name.uppercased()) for \(arch) guests", at: type.range,
        suggestion: types.contains("qemu") ? "write `type: qemu`, or leave it out" : nil)
    }
    // libvirt's own words for an unknown machine are about PCI buses.
    if let machine = spec.setting(.machine), let name = spec[.machine],
      let known = capabilities.machines[arch], !known.contains(name)
    {
      findings.refuse(
        "cannot-run", "the host has no machine type \(name) for \(arch) guests", at: machine.range,
        suggestion: closestMatch(to: name, among: known.sorted()).map { "did you mean `\($0)`?" }
          ?? "`virsh capabilities` lists them")
    }
    return findings
  }

  /// A CPU model is one that libvirt knows; what a definition has already is the host's own business.
  private static func checkModel(_ context: DomainContext, _ definition: XMLElement) -> Findings {
    let (spec, host) = (context.spec, context.stack.host)
    var findings = Findings(about: context.object)
    guard let setting = spec.setting(.cpuModel), let model = spec[.cpuModel],
      context.observed.flatMap({ Vocabulary.domain[.cpuModel, in: $0.inactive] }) != model,
      let arch = definition.value(at: .arch) ?? host.capabilities?.arch, let known = host.processorModels[arch],
      !known.contains(model)
    else { return findings }
    let lower = Dictionary(known.map { ($0.lowercased(), $0) }, uniquingKeysWith: { min($0, $1) })
    let match = lower[model.lowercased()] ?? closestMatch(to: model, among: known.sorted())
    findings.refuse(
      "unknown-cpu-model", "libvirt on this host knows no CPU model \(model) for \(arch) guests", at: setting.range,
      suggestion: match.map { "did you mean `\($0)`?" } ?? "`virsh cpu-models \(arch)` lists them")
    return findings
  }

  /// The host's own processor is KVM's to give.
  private static func checkProcessor(_ context: DomainContext, _ definition: XMLElement) -> Findings {
    let (spec, observed) = (context.spec, context.observed)
    var findings = Findings(about: context.object)
    guard let mode = spec.setting(.cpuMode), spec[.cpuMode] == .hostPassthrough,
      definition.value(at: .hypervisor) == "qemu",
      // What is so already is the host's own business.
      observed?.inactive.value(at: .cpuMode) != CPUMode.hostPassthrough.rawValue
        || observed?.inactive.value(at: .hypervisor) != "qemu"
    else { return findings }
    guard context.isCompletedByVireo else {
      findings.note(
        "cannot-run", "cpu host-passthrough needs a guest of type kvm, and this one is of type qemu", at: mode.range,
        suggestion: "the guest cannot start", severity: .warning)
      return findings
    }
    let message = "cpu host-passthrough needs a guest of type kvm, and this one is of type qemu"
    let remedy = "write `maximum`, all that emulation can do"
    // Where the spec says `type: qemu` itself, it contradicts itself on every host.
    if spec[.type] == "qemu" {
      findings.fail("cannot-run", message, at: mode.range, suggestion: remedy)
    } else {
      findings.refuse("cannot-run", message, at: mode.range, suggestion: remedy)
    }
    return findings
  }
}
