// Adoption of guests that run: devices of many kinds, called by their owners or by nobody, and what can be done with them then.

import Foundation
import TestSupport
import Testing

@Suite("adopting running guests", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct RunningAdoptionTests {
  /// Devices of every kind that a guest on this machine can be started with. `@` stands for the device's alias, or for nothing.
  private func devices(_ host: ScratchHost) -> [String] {
    [
      """
      <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='\(host.folder.path("a.qcow2"))'/>
      <target dev='vda' bus='virtio'/>@</disk>
      """,
      """
      <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='\(host.folder.path("b.qcow2"))'/>
      <target dev='sda' bus='scsi'/>@</disk>
      """,
      "<controller type='scsi' index='0' model='virtio-scsi'>@</controller>",
      "<interface type='user'><mac address='52:54:00:11:22:33'/><model type='virtio'/>@</interface>",
      "<interface type='user'><mac address='52:54:00:11:22:44'/><model type='e1000'/>@</interface>",
      "<serial type='pty'><target port='0'/>@</serial>",
      "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>@</channel>",
      "<channel type='unix'><target type='virtio' name='org.example.0'/>@</channel>",
      "<input type='tablet' bus='usb'>@</input>",
      "<input type='mouse' bus='virtio'>@</input>",
      "<video><model type='virtio'/>@</video>",
      "<watchdog model='i6300esb' action='none'>@</watchdog>",
      "<rng model='virtio'><backend model='random'>/dev/urandom</backend>@</rng>",
      "<rng model='virtio'><rate bytes='100' period='1000'/><backend model='random'>/dev/urandom</backend>@</rng>",
      "<sound model='ich9'>@</sound>",
      "<memballoon model='virtio'>@</memballoon>",
      "<panic model='isa'>@</panic>",
    ]
  }

  private func document(_ host: ScratchHost, hasAliases: Bool) -> String {
    let devices = devices(host).enumerated().map { index, text in
      text.replacing("@", with: hasAliases ? "<alias name='ua-theirs-\(index)'/>" : "")
    }
    return """
      <domain type='qemu'>
        <name>guest</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
        <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os><features><acpi/></features>
        <devices>\(devices.joined(separator: "\n"))<graphics type='vnc'><listen type='none'/></graphics></devices>
      </domain>
      """
  }

  private func aliases(_ host: ScratchHost) throws -> [String] {
    try host.virsh("dumpxml", "--inactive", "guest").matches(of: #/<alias name='([^']*)'/#).map { String($0.output.1) }
  }

  @Test(
    "no byte changes, every device is found, changed, reverted with a snapshot and re-created with its alias",
    arguments: [true, false])
  func adoption(hasAliases: Bool) throws {
    try ScratchHost.with { host in
      for name in ["a.qcow2", "b.qcow2"] { try host.makeBase(name) }
      // A host without domains gets its configuration here.
      _ = try vireo(["import", "--all", "--connect", host.uri])
      try host.folder.write(document(host, hasAliases: hasAliases), to: "guest.xml")
      try host.virsh("define", host.folder.path("guest.xml"))
      try host.virsh("start", "guest")
      let processes = host.guestProcesses
      let (stored, running) = (try host.virsh("dumpxml", "--inactive", "guest"), try host.virsh("dumpxml", "guest"))
      let names = try aliases(host)
      #expect(names.count { $0.hasPrefix("ua-theirs-") } >= (hasAliases ? devices(host).count : 0))

      let imported = try vireo(["import", "guest", "--connect", host.uri])
      #expect(imported.status == 0, "\(imported.errors)")
      let spec = imported.output
      for index in devices(host).indices where hasAliases { #expect(spec.contains("alias: ua-theirs-\(index)\n")) }
      #expect(hasAliases || !spec.contains("alias:"))
      #expect(try host.apply(spec).output.contains("adopt"))
      #expect(try withoutMetadata(host.virsh("dumpxml", "--inactive", "guest")) == withoutMetadata(stored))
      #expect(try host.virsh("dumpxml", "guest") == running, "the guest is not touched")
      try host.expectNoChanges(spec)

      // Its interface is changed as it runs, and no other one.
      let place = try #require(spec.firstMatch(of: #/\n( +)mac: "?52:54:00:11:22:33"?/#), "\(spec)")
      var down = spec
      down.insert(contentsOf: "\n\(place.output.1)link: down", at: place.range.upperBound)
      try host.apply(down)
      let links = try host.running("guest").all("//interface[link/@state='down']/mac/@address")
      #expect(links == ["52:54:00:11:22:33"])
      try host.expectNoChanges(down)

      // Back to a snapshot, of the guest as it ran and of its definition.
      try host.virsh("snapshot-create-as", "guest", "before")
      try host.apply(spec)
      try host.expectNoChanges(spec)
      try host.virsh("snapshot-revert", "guest", "before")
      try host.expectNoChanges(down)
      #expect(try aliases(host) == names, "nothing has been called by another name")

      // What left the spec waits for a restart in the guest that was adopted as it ran.
      let sound = try #require(down.firstMatch(of: #/\n    sounds:\n(      .*\n)+/#), "\(down)")
      let without = down.replacingCharacters(in: sound.range, with: "\n")
      #expect(try host.apply(without).output.contains("sounds."))
      let waiting = try host.plan(without)
      #expect(waiting.status == 0 && waiting.output.contains("sounds.") && waiting.output.contains("restart"))
      #expect(host.guestProcesses.count == processes.count)

      host.stopGuests()
      try host.virsh("snapshot-delete", "guest", "before", "--metadata")
      try host.virsh("undefine", "guest")
      try host.apply(spec)
      let made = try aliases(host)
      if hasAliases { #expect(Set(names).isSubset(of: made)) } else { #expect(made.allSatisfy { $0.hasPrefix("ua-") }) }
      try host.expectNoChanges(spec)
    }
  }
}
