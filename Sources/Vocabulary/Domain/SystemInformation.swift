// What the guest sees of the machine it runs on: SMBIOS tables and firmware configuration.

import XMLTree

extension Vocabulary {
  static let domainSystemInformation: [Field] = [
    Field(
      "smbios.mode", .enumeration(["emulate", "host", "sysinfo"]),
      "Where the guest's SMBIOS tables come from: the hypervisor, the host, or these fields with `sysinfo`.",
      at: "os/smbios/@mode", reference: reference),
    table("bios", ["vendor", "version", "date", "release"], "The firmware, as the guest sees it."),
    table(
      "system", ["manufacturer", "product", "version", "serial", "uuid", "sku", "family"],
      "The computer, as the guest sees it. A `uuid` must be the domain's."),
    Field(
      "smbios.base-board", "The boards, as the guest sees them.", list: "sysinfo[@type='smbios']", "baseBoard",
      entries(["manufacturer", "product", "version", "serial", "asset", "location"]), reference: reference
    ).withoutSystemInformationHusk,
    table(
      "chassis", ["manufacturer", "version", "serial", "asset", "sku"], "The case, as the guest sees it."),
    Field(
      "smbios.oem-strings",
      "Texts that programs in the guest can read. Of a systemd credential only the name is shown.",
      list: "sysinfo[@type='smbios']/oemStrings", "entry", .text(.text(.any.concealing(.credential))),
      reference: reference
    ).withoutSystemInformationHusk,
    Field(
      "fwcfg",
      "Entries of QEMU's firmware configuration, by name, such as `opt/com.example/name`: a text or a file each. Texts are not shown.",
      table: "sysinfo[@type='fwcfg']", "entry", key: "@name", .configurationName,
      .record([
        Part("value", .text(.any.concealing(.whole)), "The text.", at: ".").required(unless: "file").never(
          with: "file"),
        Part("file", .path, "The file that holds it.", at: "@file"),
      ]), reference: reference
    ).withoutSystemInformationHusk,
  ]

  static let systemInformationGroups = [
    FieldGroup("smbios", "What the guest's SMBIOS tables say.", shorthand: "mode")
  ]

  private static let reference = "formatdomain.html#smbios-system-information"

  /// Texts by the names that libvirt knows.
  private static func entries(_ names: [String]) -> Shape {
    .record(names.map { Part($0, .text(.any), "The \($0).", at: "entry[@name='\($0)']") })
  }

  private static func table(_ name: String, _ names: [String], _ summary: String) -> Field {
    let shape = entries(names)
    return Field(
      "smbios.\(name)", shape.type, summary, lens: .record("sysinfo[@type='smbios']/\(name)", shape),
      reference: reference
    ).withoutSystemInformationHusk
  }
}

extension Field {
  /// The same field; when it goes and was the last of its `sysinfo` element, that goes too.
  fileprivate var withoutSystemInformationHusk: Field {
    Field(name, type, summary, lens: lens?.dropping("sysinfo"), effect: effect, reference: reference)
  }
}

extension TextRule {
  static let configurationName = TextRule(
    "the name of an entry such as opt/com.example/name", pattern: "^[^\\s]{1,55}$",
    normalise: { text in
      (1...55).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? text : nil
    })
}
