// A canary in each place where a secret is known to be: no output of any command has it, and no record.

import Foundation
import TestSupport
import Testing

@Suite("secrets", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct SecretTests {
  private static let canary = "Canary7Tweets"

  /// Two domains with a secret in every place: in fields, and in libvirt's own XML.
  private static func spec(_ secret: String, memory: Int = 16, broken: String = "") -> String {
    """
    stack: secrets
    domains:
      web:
        type: qemu
        memory: \(memory) MiB
        qemu:
          env: { TOKEN: \(secret)-env, OTHER: "\(secret) other" }
          args: [ -fw_cfg, "name=opt/com.example/a,string=\(secret)-args" ]
        fwcfg: { opt/com.example/b: { value: "\(secret)-fwcfg\(broken)" } }
        smbios: { mode: sysinfo, oem-strings: [ "io.systemd.credential:x=\(secret)-oem" ] }
      db:
        type: qemu
        memory: \(memory) MiB
        xml: |
          <qemu:commandline>
            <qemu:arg value='-object'/>
            <qemu:arg value='secret,id=s,data=\(secret)-xmlarg'/>
            <qemu:env name='TOKEN' value='\(secret)-xmlenv'/>
          </qemu:commandline>
          <sysinfo type='fwcfg'><entry name='opt/com.example/c'>\(secret)-xmlfwcfg</entry></sysinfo>

    """
  }

  private func validate(_ spec: String, on host: ScratchHost) throws -> Run {
    try host.folder.write(spec, to: "spec.yaml")
    return try run([programPath(), "validate", host.folder.path("spec.yaml")])
  }

  @Test("are in no plan, result, status or record, as text or JSON, and in no excerpt of the spec")
  func everyOutput() throws {
    try ScratchHost.with { host in
      func expectHidden(_ run: Run, _ status: Int32, _ command: String) {
        #expect(run.status == status, "\(command): \(run.output)\(run.errors)")
        #expect(!(run.output + run.errors).contains(Self.canary), "\(command): \(run.output)\(run.errors)")
      }
      let commands: [([String], Int32)] = [
        (["plan", "--detailed-exitcode"], 2), (["plan", "--format", "json"], 0),
        (["apply", "--yes"], 0),
      ]
      func expectRecordsHidden() throws {
        for domain in ["web", "db"] {
          let text = try host.virsh("dumpxml", "--inactive", domain)
          let record = text.split(separator: "</metadata>")[0]
          #expect(record.contains("(secret "), "\(record)")
          #expect(!record.contains(Self.canary), "\(record)")
          #expect(text.contains(Self.canary), "libvirt has it")
        }
      }
      for (command, status) in commands {
        expectHidden(try host.vireo(command, Self.spec(Self.canary)), status, "new, \(command)")
      }
      try expectRecordsHidden()
      // Another secret: that it differs is shown.
      let other = Self.spec(Self.canary + "2", memory: 24)
      for (command, status) in commands { expectHidden(try host.vireo(command, other), status, "changed, \(command)") }
      try expectRecordsHidden()
      try host.expectNoChanges(other)
      // Changed behind Vireo's back.
      let text = try host.virsh("dumpxml", "--inactive", "web")
      try host.folder.write(text.replacing("\(Self.canary)2-env", with: "\(Self.canary)3"), to: "edited.xml")
      try host.virsh("define", host.folder.path("edited.xml"))
      for command in [["plan"], ["status"], ["status", "--format", "json"]] {
        let run = try host.vireo(command, other)
        expectHidden(run, run.status, "drift, \(command)")
      }
      for format in ["text", "json"] {
        let run = try host.vireo("status", "--format", format)
        expectHidden(run, run.status, "drift, \(format) without a spec")
      }
      expectHidden(try validate(other, on: host), 0, "validate")
      // A mistake beside a secret shows its line without it.
      let broken = Self.spec(Self.canary).replacing("-env,", with: "-env, \"no name\": x,")
      let run = try validate(broken, on: host)
      expectHidden(run, 1, "a mistake")
      #expect(run.errors.contains("***"), "\(run.errors)")
      expectHidden(try validate(Self.spec(Self.canary, broken: "\\u0007"), on: host), 1, "a secret that cannot be")
      for domain in ["web", "db"] {
        // Nobody's again.
        let parts = try host.virsh("dumpxml", "--inactive", domain).split(separator: "metadata>")
        try #require(parts.count == 3)
        try host.folder.write(String(parts[0].dropLast()) + parts[2], to: "edited.xml")
        try host.virsh("define", host.folder.path("edited.xml"))
      }
      // An import writes them, into files of their owner.
      let imported = try host.vireo("import", "web", "db", "--output", host.folder.path("out"))
      expectHidden(imported, 0, "import")
      #expect(imported.errors.contains("there are secrets in its entry"), "\(imported.errors)")
      for name in ["web", "db"] {
        let path = host.folder.path("out/domains/\(name).yaml")
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        #expect(try String(contentsOfFile: path, encoding: .utf8).contains(Self.canary))
      }
      expectHidden(try host.vireo(["apply", "--yes", "--format", "json"], other), 0, "adopted")
      try expectRecordsHidden()
      expectHidden(try host.vireo(["plan", "--format", "json"], "stack: secrets\n"), 0, "left the spec")
      expectHidden(try host.vireo(["destroy", "--yes", "--format", "json"], other), 0, "destroy")
      expectHidden(try host.vireo("restore", "--list"), 0, "restore --list")
    }
  }

  /// Two domains with marked secrets, in fields and in libvirt's own XML.
  private static func marked(_ secret: String, memory: Int = 16, extra: String = "") -> String {
    """
    stack: secrets
    domains:
      web:
        type: qemu
        memory: \(memory) MiB
        title: \(secret)-title
        description: \(secret)-description
        smbios: { mode: sysinfo, oem-strings: [ "\(secret)-oem" ], system: { serial: "\(secret)-system" } }
        sensitive: [ title, description, smbios, disks.root.serial ]
        disks: { root: { source: \(blank), format: raw, serial: \(secret)-disk } }
    \(extra)
      db:
        type: qemu
        memory: \(memory) MiB
        sensitive: [ xml/description, "xml/sysinfo[@type='smbios']/system/entry" ]
        xml: |
          <description>\(secret)-xmldescription</description>
          <os><smbios mode='sysinfo'/></os>
          <sysinfo type='smbios'><system><entry name='serial'>\(secret)-xmlserial</entry></system></sysinfo>

    """
  }

  private static let blank = "blank.raw"

  @Test("that the spec marks are in no output, no record and no file, whatever goes wrong")
  func marked() throws {
    try ScratchHost.with { host in
      func expectHidden(_ run: Run, _ status: Int32?, _ command: String) {
        if let status { #expect(run.status == status, "\(command): \(run.output)\(run.errors)") }
        #expect(!(run.output + run.errors).contains(Self.canary), "\(command): \(run.output)\(run.errors)")
      }
      try host.folder.write(String(repeating: "\0", count: 1 << 20), to: Self.blank)
      let spec = Self.marked(Self.canary)
      expectHidden(try validate(spec, on: host), 0, "validate")
      for (command, status) in [(["plan", "--detailed-exitcode"], 2), (["plan", "--format", "json"], 0)]
        as [([String], Int32)]
      {
        expectHidden(try host.vireo(command, spec), status, "new, \(command)")
      }
      expectHidden(try host.vireo(["apply", "--yes", "--format", "json"], spec), 0, "apply")
      try host.expectNoChanges(spec)
      func expectRecordsHidden() throws {
        for domain in ["web", "db"] {
          let text = try host.virsh("dumpxml", "--inactive", domain)
          let parts = text.split(separator: "metadata>")
          try #require(parts.count == 3)
          #expect(parts[1].contains("(secret ") && !parts[1].contains(Self.canary), "\(parts[1])")
          #expect((parts[0] + parts[2]).contains(Self.canary), "libvirt has it")
        }
      }
      try expectRecordsHidden()
      // Changed in the spec, behind Vireo's back, and no longer marked.
      let other = Self.marked(Self.canary + "2", memory: 24)
      expectHidden(try host.vireo(["plan"], other), 0, "changed")
      let changed = try host.vireo(["apply", "--yes"], other)
      expectHidden(changed, 0, "changed")
      #expect(changed.output.contains("(secret) → (secret)"), "\(changed.output)")
      try expectRecordsHidden()
      try host.expectNoChanges(other)
      let text = try host.virsh("dumpxml", "--inactive", "web")
      try host.folder.write(text.replacing("\(Self.canary)2-title", with: "\(Self.canary)3"), to: "edited.xml")
      try host.virsh("define", host.folder.path("edited.xml"))
      for command in [["plan"], ["plan", "--format", "json"], ["status"], ["status", "--format", "json"]] {
        expectHidden(try host.vireo(command, other), nil, "drift, \(command)")
      }
      for format in ["text", "json"] {
        let run = try host.vireo("status", "--format", format)
        expectHidden(run, nil, "drift, \(format) without a spec")
        #expect(run.output.contains("title"), "\(run.output)")
      }
      expectHidden(try host.vireo(["apply", "--yes"], other), 0, "drift")
      let unmarked = other.replacing("title, description, ", with: "")
      let dropping = try host.vireo(["plan"], unmarked)
      expectHidden(dropping, 0, "no longer marked")
      #expect(dropping.output.contains("sensitive"), "\(dropping.output)")
      // What libvirt refuses it quotes.
      let refused = other.replacing(
        "      <os>",
        with: "      <seclabel type='static' model='\(Self.canary)'><label>x</label></seclabel>\n      <os>"
      ).replacing("    sensitive: [ xml/", with: "    state: running\n    sensitive: [ xml/")
      let hidden = refused.replacing("[ xml/", with: "[ xml/seclabel/@model, xml/")
      for format in ["text", "json"] {
        let run = try host.vireo(["apply", "--yes", "--format", format], hidden)
        expectHidden(run, 1, "refused by libvirt")
        #expect((run.output + run.errors).contains("model '(secret)'"), "\(run.output)\(run.errors)")
      }
      let shown = try host.vireo(["apply", "--yes"], refused)
      #expect((shown.output + shown.errors).contains("model '\(Self.canary)'"), "libvirt quotes it: \(shown.errors)")
      // Mistakes.
      for (right, wrong) in [
        ("memory: 24 MiB", "memory: 24"), ("title: ", "title: \""), ("title: ", "titel: "),
        ("oem-strings: [", "oem-strings: [["),
        ("serial: \(Self.canary)2-disk", "serial: '\(Self.canary)!'"), ("<description>", "<description"),
      ] {
        let broken = other.replacing(right, with: wrong)
        for command in [["plan"], ["plan", "--format", "json"], ["apply", "--yes"]] {
          expectHidden(try host.vireo(command, broken), 1, "\(wrong), \(command)")
        }
        expectHidden(try validate(broken, on: host), 1, wrong)
      }
      expectHidden(try host.vireo(["destroy", "--yes", "--format", "json"], other), 0, "destroy")
      expectHidden(try host.vireo("restore", "--list"), 0, "restore --list")
      expectHidden(try host.vireo("gc", "--plan"), nil, "gc --plan")
      // The archive has libvirt's definition, for its owner alone; nothing else of Vireo's has anything.
      let state = host.root + "/lib/vireo"
      for file in FileManager.default.enumerator(atPath: state)?.compactMap({ $0 as? String }) ?? [] {
        let path = state + "/" + file
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), text.contains(Self.canary) else {
          continue
        }
        #expect(file.hasPrefix("removed/"), "\(file)")
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "\(file)")
        let records = text.split(separator: "metadata>").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        #expect(records.allSatisfy { !$0.contains(Self.canary) }, "\(file)")
      }
    }
  }
}
