// Taking over what others have made: written, proved, adopted, and no guest touched.

import Foundation
import TestSupport
import Testing

@Suite("import", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct ImportTests {
  /// A domain as somebody would have made it by hand.
  private func document(_ host: ScratchHost, name: String = "by-hand") -> String {
    """
    <domain type='qemu'>
      <name>\(name)</name>
      <memory unit='MiB'>32</memory>
      <vcpu current='1'>2</vcpu>
      <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/><bootmenu enable='yes' timeout='1000'/></os>
      <features><acpi/><apic/><hyperv><relaxed state='on'/></hyperv></features>
      <devices>
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2' cache='none'/>
          <source file='\(host.folder.path("disk.qcow2"))'/>
          <target dev='hda' bus='ide'/>
        </disk>
        <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>
        <interface type='user'><model type='e1000'/></interface>
        <serial type='pty'/>
        <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
        <graphics type='vnc' passwd='secret'/>
        <video><model type='vga'/></video>
        <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
      </devices>
    </domain>
    """
  }

  private func withHost(_ body: (ScratchHost) throws -> Void) throws {
    try ScratchHost.with { host in
      try host.makeBase("disk.qcow2")
      // A host without domains has nothing to import; it gets its configuration here, under which virsh starts guests.
      let nothing = try vireo(host, "import", "--all")
      #expect(nothing.status == 0 && nothing.output.isEmpty, "\(nothing.errors)")
      try host.folder.write(document(host), to: "by-hand.xml")
      try host.virsh("define", host.folder.path("by-hand.xml"))
      try body(host)
    }
  }

  private func vireo(_ host: ScratchHost, _ arguments: String...) throws -> Run {
    try TestSupport.vireo(arguments + ["--connect", host.uri])
  }

  @Test("a domain is written, planned to an adoption, adopted while it runs, and nothing is left to do")
  func adoption() throws {
    try withHost { host in
      try host.virsh("start", "by-hand")
      let processes = host.guestProcesses
      #expect(processes.count == 1)
      let before = try host.virsh("dumpxml", "by-hand")
      let folder = host.folder.path("specs")

      let written = try vireo(host, "import", "--all", "--output", folder)
      #expect(written.status == 0, "\(written.errors)")
      #expect(written.errors.contains("password"))
      let spec = try String(contentsOfFile: folder + "/domains/by-hand.yaml", encoding: .utf8)
      #expect(!spec.contains("secret") && spec.contains("cache: none") && spec.contains("bus: ide"))
      // The same again is what is there; another one is not written over.
      #expect(try vireo(host, "import", "--all", "--output", folder).status == 0)
      let other = try vireo(host, "import", "--all", "--output", folder, "--stack", "other")
      #expect(other.status == 1 && other.errors.contains("exists with other content"))

      let plan = try vireo(host, "plan", folder, "--detailed-exitcode")
      #expect(plan.status == 2 && plan.output.contains("adopt"), "\(plan.output)")
      #expect(plan.output.contains("0 to create, 0 to update, 1 to adopt"))
      let apply = try vireo(host, "apply", "--yes", folder)
      #expect(apply.status == 0, "\(apply.output)\(apply.errors)")
      #expect(host.guestProcesses == processes)
      #expect(try host.virsh("dumpxml", "by-hand") == before, "the running guest is as it was")
      #expect(try vireo(host, "plan", folder, "--detailed-exitcode").status == 0)
      #expect(try host.virsh("dumpxml", "--inactive", "--security-info", "by-hand").contains("passwd='secret'"))
      // Now that it is a stack's it is that stack's alone.
      let again = try vireo(host, "import", "--all", "--stack", "another")
      #expect(again.status == 0 && again.errors.contains("belongs to the stack imported"))
    }
  }

  /// A domain of somebody who has named devices by their aliases: one of his own, and those that libvirt makes up.
  private func aliasedDocument(_ host: ScratchHost) -> String {
    document(host, name: "aliased").replacing(
      "<domain type='qemu'>",
      with: "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
    )
    .replacing(
      "<interface type='user'><model type='e1000'/></interface>",
      with: "<interface type='user'><model type='virtio'/><alias name='ua-mynic'/></interface>"
    )
    .replacing("<target dev='hda' bus='ide'/>", with: "<target dev='vda' bus='virtio'/>")
    .replacing("<model type='vga'/>", with: "<model type='virtio'/>")
    .replacing(
      "</domain>",
      with: """
          <qemu:commandline>
            <qemu:arg value='-device'/><qemu:arg value='virtio-rng-pci,bus=pci.0,addr=0x1e,id=extra'/>
          </qemu:commandline>
          <qemu:override>
            <qemu:device alias='ua-mynic'>
              <qemu:frontend><qemu:property name='host_mtu' type='unsigned' value='1400'/></qemu:frontend>
            </qemu:device>
            <qemu:device alias='video0'>
              <qemu:frontend><qemu:property name='max_outputs' type='unsigned' value='2'/></qemu:frontend>
            </qemu:device>
            <qemu:device alias='virtio-disk0'>
              <qemu:frontend><qemu:property name='queue-size' type='unsigned' value='64'/></qemu:frontend>
            </qemu:device>
          </qemu:override>
        </domain>
        """)
  }

  /// What QEMU is started with for a stored domain.
  private func commandLine(_ host: ScratchHost, _ name: String) throws -> String {
    try host.folder.write(try host.virsh("dumpxml", "--inactive", "--security-info", name), to: "native.xml")
    // The number of an open file is another one each time.
    return try host.virsh("domxml-to-native", "qemu-argv", host.folder.path("native.xml"))
      .replacing(#/"fd":"[0-9]+"/#, with: "")
  }

  /// Metadata of others, in which nothing is written, or nothing that libvirt keeps.
  static let blankMetadata = [
    "<metadata/>", "<metadata></metadata>", "<metadata>\n  </metadata>", "<metadata><!-- by hand --></metadata>",
    "<metadata>\n    <!-- a -->\n\n    <!-- b -->\n  </metadata>", "<metadata>text</metadata>",
    "<metadata><note/></metadata>",
    "<metadata><other:note xmlns:other='urn:example:other'/></metadata>",
  ]

  @Test("a domain whose metadata are empty is imported and adopted, and no byte outside of them changes")
  func emptyMetadata() throws {
    try withHost { host in
      for (index, metadata) in Self.blankMetadata.enumerated() {
        let name = "blank-\(index)"
        let text =
          "<domain type='qemu'><name>\(name)</name>\(metadata)<memory unit='MiB'>16</memory>"
          + "<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"
        try host.folder.write(text, to: "\(name).xml")
        try host.virsh("define", host.folder.path("\(name).xml"))
      }
      func text(_ index: Int) throws -> String {
        let text = try host.virsh("dumpxml", "--inactive", "blank-\(index)")
        return withoutMetadata(text.replacing("  <metadata/>\n", with: ""))
      }
      let before = try Self.blankMetadata.indices.map(text)
      let folder = host.folder.path("specs")
      let written = try vireo(host, "import", "--all", "--output", folder)
      #expect(written.status == 0, "\(written.output)\(written.errors)")
      let applied = try vireo(host, "apply", "--yes", folder)
      let count = Self.blankMetadata.count + 1
      #expect(applied.status == 0 && applied.output.contains("\(count) to adopt"), "\(applied.output)\(applied.errors)")
      for index in Self.blankMetadata.indices {
        #expect(try text(index) == before[index], "\(Self.blankMetadata[index])")
      }
      #expect(try vireo(host, "plan", folder, "--detailed-exitcode").status == 0)
    }
  }

  @Test("an adoption changes no byte outside of the metadata and nothing of QEMU's command line, whoever names aliases")
  func aliases() throws {
    try withHost { host in
      // Two guests cannot be planned that write to one disk.
      try host.makeBase("aliased.qcow2")
      try host.folder.write(aliasedDocument(host).replacing("disk.qcow2", with: "aliased.qcow2"), to: "aliased.xml")
      try host.virsh("define", host.folder.path("aliased.xml"))
      let (before, command) = (try host.virsh("dumpxml", "--inactive", "aliased"), try commandLine(host, "aliased"))
      // Of interfaces that is not what a start gives QEMU: libvirt takes their aliases away first.
      for setting in ["max_outputs", "queue-size", "bus=pci.0"] { #expect(command.contains(setting)) }
      let spec = try vireo(host, "import", "aliased", "--include-passwords")
      #expect(spec.status == 0 && spec.output.contains("alias: ua-mynic"), "\(spec.output)\(spec.errors)")
      let apply = try host.apply(spec.output)
      #expect(apply.output.contains("adopt"))
      let after = try host.virsh("dumpxml", "--inactive", "aliased")
      #expect(after.contains("vireo:stack") && withoutMetadata(after) == withoutMetadata(before))
      #expect(try commandLine(host, "aliased") == command)
      try host.expectNoChanges(spec.output)

      // Started, edited as it runs and edited at rest: its devices are found, and none of them is named anew.
      try host.virsh("start", "aliased")
      let process = try #require(host.guestProcesses.first)
      let arguments = fileText("/proc/\(process)/cmdline") ?? ""
      for setting in ["\"host_mtu\":1400", "\"max_outputs\":2", "\"queue-size\":64"] {
        #expect(arguments.contains(setting), "\(setting)")
      }
      let address = try #require(spec.output.firstMatch(of: #/\n( +)mac: .*/#))
      var down = spec.output
      down.insert(contentsOf: "\n\(address.output.1)link: down", at: address.range.upperBound)
      let link = try host.apply(down)
      #expect(try host.virsh("dumpxml", "aliased").contains("<link state='down'/>"), "\(down)\(link.output)")
      try host.expectNoChanges(down)
      host.stopGuests()
      try host.folder.write(
        "<interface type='user'><mac address='52:54:00:77:77:77'/><model type='virtio'/></interface>", to: "other.xml")
      try host.virsh("attach-device", "aliased", host.folder.path("other.xml"), "--config")
      try host.expectNoChanges(down)
      try host.apply(spec.output)
      let names = try host.virsh("dumpxml", "--inactive", "aliased").matches(of: #/<alias name='([^']*)'/#)
      #expect(names.map { String($0.output.1) } == ["ua-mynic"])
    }
  }

  @Test("made anew from its spec a domain is what it was")
  func anew() throws {
    try withHost { host in
      let before = try host.virsh("dumpxml", "--inactive", "--security-info", "by-hand")
      let spec = try vireo(host, "import", "by-hand", "--include-passwords")
      #expect(spec.status == 0, "\(spec.errors)")
      try host.virsh("undefine", "by-hand")
      try host.apply(spec.output)
      let after = try host.virsh("dumpxml", "--inactive", "--security-info", "by-hand")
      // Without the names that devices carry, which make one tag of some a pair.
      func lines(_ text: String) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter {
          !$0.hasPrefix("<alias ") && !$0.contains("vireo:") && !$0.contains("metadata>") && !$0.hasPrefix("</")
        }.map { $0.hasSuffix("/>") ? $0.dropLast(2) + ">" : $0 }.sorted()
      }
      #expect(lines(before) == lines(after))
    }
  }

  @Test("what cannot be imported is said, and the exit code is 1")
  func mistakes() throws {
    try withHost { host in
      let unknown = try vireo(host, "import", "by-hnad")
      #expect(unknown.status == 1 && unknown.errors.contains("did you mean `by-hand`?"))
      #expect(unknown.output.isEmpty)
      #expect(try vireo(host, "import").status == 1)
      #expect(try vireo(host, "import", "--all", "by-hand").status == 1)
    }
  }

  @Test("the check over a folder of documents finds nothing, and prints figures")
  func documentCheck() throws {
    try ScratchHost.with { host in
      try host.makeBase("disk.qcow2")
      try FileManager.default.createDirectory(atPath: host.folder.path("documents"), withIntermediateDirectories: true)
      try host.folder.write(document(host), to: "documents/a.xml")
      try host.folder.write(
        document(host, name: "ein anderer, mit ö").replacingOccurrences(of: "'pc'", with: "'q35'")
          .replacingOccurrences(of: "bus='ide'", with: "bus='sata'").replacingOccurrences(of: "hda", with: "sda")
          .replacingOccurrences(of: "hdc", with: "sdb"), to: "documents/b.xml")
      try host.folder.write("<domain type='qemu'><name>x</name></domain>", to: "documents/c.xml")
      try host.folder.write(aliasedDocument(host), to: "documents/d.xml")
      let program = URL(fileURLWithPath: try programPath()).deletingLastPathComponent().path + "/document-check"
      let run = try run([program, host.folder.path("documents"), "--root", host.root])
      #expect(run.status == 0, "\(run.output)\(run.errors)")
      #expect(run.output.contains("4 documents, 1 refused") && run.output.contains("3 of 3  100.0 %"), "\(run.output)")
      #expect(run.output.contains("command line equal               3 of 3 "), "\(run.output)")
    }
  }

  /// How many edits are tried of each document: `VIREO_EDITS=100 make test`.
  static let edits = ProcessInfo.processInfo.environment["VIREO_EDITS"] ?? "7"

  @Test(
    "edits of imported domains that are taken back: what libvirt accepts leaves an empty plan, and nothing in the definition",
    arguments: [[], ["--sparse"]])
  func edits(_ options: [String]) throws {
    try ScratchHost.with { host in
      try host.makeBase("disk.qcow2")
      try FileManager.default.createDirectory(atPath: host.folder.path("documents"), withIntermediateDirectories: true)
      try host.folder.write(document(host), to: "documents/a.xml")
      try host.folder.write(aliasedDocument(host), to: "documents/b.xml")
      let program = URL(fileURLWithPath: try programPath()).deletingLastPathComponent().path + "/document-check"
      let run = try run(
        [program, host.folder.path("documents"), "--root", host.root, "--edits", Self.edits] + options)
      func count(_ words: String) -> Int? {
        run.output.split(separator: "\n").first { $0.hasSuffix("  \(words)") }
          .flatMap { Int($0.prefix { $0 != " " }) }
      }
      for words in [
        "a plan right after an apply that is not empty", "a revert that fails",
        "a plan right after a revert that is not empty", "residue that no plan shows",
      ] {
        #expect(count(words) == 0, "\(words): \(run.output)\(run.errors)")
      }
      #expect(try #require(count("the definition from before")) > 4, "\(run.output)")
    }
  }

  /// Anyone's documents: `VIREO_CORPUS=FOLDER make test`.
  static let corpus = ProcessInfo.processInfo.environment["VIREO_CORPUS"]

  @Test("the documents of a folder of one's own", .enabled(if: corpus != nil, "VIREO_CORPUS names no folder"))
  func corpusDocuments() throws {
    try ScratchHost.with { host in
      let program = URL(fileURLWithPath: try programPath()).deletingLastPathComponent().path + "/document-check"
      let run = try run([program, try #require(Self.corpus), "--root", host.root])
      #expect(run.status == 0, "\(run.output)\(run.errors)")
    }
  }
}
