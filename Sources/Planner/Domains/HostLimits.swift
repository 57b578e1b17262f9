// What the host cannot run, from libvirt's capabilities: said while planning, where libvirt would say something else or
// say it when half the work is done.

import Diagnostics
import Spec
import Vocabulary

extension DomainPlanning {
  /// Checks that the host can run the guest that the spec asks for.
  mutating func checkHostLimits() {
    checkProcessor()
    builder.checkMemorySlots(of: spec, for: object)
    guard observed == nil, let capabilities = builder.inventory.host.capabilities,
      let arch = xml.value(at: .arch)
    else { return }
    guard let types = capabilities.domainTypes[arch] else {
      let known = capabilities.domainTypes.keys.sorted()
      builder.refuse(
        "cannot-run", "the host cannot run guests of the architecture \(arch)",
        at: spec.place(of: .arch), subject: object,
        suggestion: closestMatch(to: arch, among: known).map { "did you mean `\($0)`?" }
          ?? "install QEMU for it, or write one of \(known.joined(separator: ", "))")
      return
    }
    if let type = spec.setting(.type), let name = spec[.type], !types.contains(name) {
      builder.refuse(
        "cannot-run", "the host has no \(name.uppercased()) for \(arch) guests", at: type.range, subject: object,
        suggestion: types.contains("qemu") ? "write `type: qemu`, or leave it out" : nil)
    }
    // libvirt's own words for an unknown machine are about PCI buses.
    if let machine = spec.setting(.machine), let name = spec[.machine],
      let known = capabilities.machines[arch], !known.contains(name)
    {
      builder.refuse(
        "cannot-run", "the host has no machine type \(name) for \(arch) guests", at: machine.range, subject: object,
        suggestion: closestMatch(to: name, among: known.sorted()).map { "did you mean `\($0)`?" }
          ?? "`virsh capabilities` lists them")
    }
  }

  /// The host's own processor is KVM's to give.
  private func checkProcessor() {
    guard let mode = spec.setting(.cpuMode), spec[.cpuMode] == .hostPassthrough,
      xml.value(at: .hypervisor) == "qemu",
      // What is so already is the host's own business.
      observed?.inactive.value(at: .cpuMode) != CPUMode.hostPassthrough.rawValue
        || observed?.inactive.value(at: .hypervisor) != "qemu"
    else { return }
    guard isCompletedByVireo else {
      builder.note(
        "cannot-run", "cpu host-passthrough needs a guest of type kvm, and this one is of type qemu", at: mode.range,
        subject: object, suggestion: "the guest cannot start like this", severity: .warning)
      return
    }
    let message = "cpu host-passthrough needs a guest of type kvm, and this one is of type qemu"
    let remedy = "write `maximum`, all that emulation can do"
    // Where the spec says `type: qemu` itself, it contradicts itself on every host.
    if spec[.type] == "qemu" {
      builder.fail("cannot-run", message, at: mode.range, subject: object, suggestion: remedy)
    } else {
      builder.refuse("cannot-run", message, at: mode.range, subject: object, suggestion: remedy)
    }
  }
}
