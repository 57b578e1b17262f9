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
