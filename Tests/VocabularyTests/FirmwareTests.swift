// The firmware of a domain in the two forms that libvirt stores it in: as it was asked for, and with what libvirt chose.

import Testing
import XMLTree

@testable import Vocabulary

@Suite("firmware by meaning")
struct FirmwareTests {
  /// What a spec says, what libvirt before 9.2 stores of it, and what one since then does (measured with 9.0 and 11.3;
  /// 12.8 stores the same).
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var asked: [String: Value]
    var old: String
    var new: String
    var testDescription: String { name }

    func domain(_ os: String) throws -> XMLElement {
      try XMLElement.parse("<domain type='qemu'><name>web</name>\(os)</domain>")
    }
  }

  private static let without =
    "<firmware><feature enabled='no' name='enrolled-keys'/><feature enabled='no' name='secure-boot'/></firmware>"
  private static let with =
    "<firmware><feature enabled='yes' name='enrolled-keys'/><feature enabled='yes' name='secure-boot'/></firmware>"
  private static let type = "<type arch='x86_64' machine='pc-q35-7.2'>hvm</type>"

  private static func chosen(
    _ features: String, code: String = "OVMF_CODE_4M.fd", vars: String = "OVMF_VARS_4M.fd", extra: String = "",
    nvram: String = "/var/lib/libvirt/qemu/nvram/web_VARS.fd"
  ) -> String {
    """
    <os firmware='efi'>\(type)\(features)
    <loader readonly='yes' type='pflash' \(extra)format='raw'>/usr/share/OVMF/\(code)</loader>
    <nvram template='/usr/share/OVMF/\(vars)' templateFormat='raw' format='raw'>\(nvram)</nvram></os>
    """
  }

  static let cases = [
    Case(
      name: "any-uefi", asked: ["firmware": .string("any-uefi")], old: "<os firmware='efi'>\(type)</os>",
      new: chosen(with, code: "OVMF_CODE_4M.ms.fd", vars: "OVMF_VARS_4M.ms.fd", extra: "secure='yes' ")),
    Case(
      name: "uefi", asked: ["firmware": .string("uefi")],
      old: "<os firmware='efi'>\(type)<firmware><feature enabled='no' name='secure-boot'/></firmware></os>",
      new: chosen(without)),
    Case(
      name: "uefi that keeps its variables",
      asked: ["firmware": .string("uefi"), "loader.stateless": .boolean(false), "secure-boot": .boolean(false)],
      old:
        "<os firmware='efi'>\(type)<firmware><feature enabled='no' name='secure-boot'/></firmware><loader stateless='no'/></os>",
      new: chosen(without, extra: "stateless='no' ")),
    Case(
      name: "Secure Boot with keys",
      asked: [
        "firmware": .string("uefi"), "secure-boot": .boolean(true), "enrolled-keys": .boolean(true),
      ],
      old: "<os firmware='efi'>\(type)\(with)</os>",
      new: chosen(with, code: "OVMF_CODE_4M.ms.fd", vars: "OVMF_VARS_4M.ms.fd", extra: "secure='yes' ")),
    Case(
      name: "a loader of the distribution",
      asked: [
        "loader.path": .string("/usr/share/OVMF/OVMF_CODE_4M.fd"), "loader.type": .string("pflash"),
        "loader.readonly": .boolean(true), "loader.format": .string("raw"), "nvram.format": .string("raw"),
        "nvram.template-format": .string("raw"), "loader.secure": .boolean(false), "firmware": .string("uefi"),
      ],
      old:
        "<os>\(type)<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram>/v/web_VARS.fd</nvram></os>",
      new: chosen(without)),
    Case(
      name: "variables in a file of one's own",
      asked: ["nvram.path": .string("/srv/w.fd"), "firmware": .string("any-uefi"), "nvram.type": .string("file")],
      old: "<os firmware='efi'>\(type)<nvram>/srv/w.fd</nvram></os>", new: chosen(without, nvram: "/srv/w.fd")),
    Case(
      name: "a template of the distribution",
      asked: [
        "nvram.template": .string("/usr/share/OVMF/OVMF_VARS_4M.fd"),
        "loader.path": .string("/usr/share/OVMF/OVMF_CODE_4M.fd"),
      ],
      old: """
        <os>\(type)<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
        <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/v/web_VARS.fd</nvram></os>
        """,
      new: chosen(without)),
    Case(
      name: "firmware that keeps nothing",
      asked: ["firmware": .string("uefi"), "loader.stateless": .boolean(true)],
      old: "<os firmware='efi'>\(type)<loader stateless='yes'/></os>",
      new:
        "<os firmware='efi'>\(type)\(without)<loader type='rom' format='raw'>/usr/share/ovmf/OVMF.amdsev.fd</loader></os>"
    ),
  ]

  @Test("what was asked for is met by the stored form of either libvirt", arguments: cases)
  func isMet(_ item: Case) throws {
    for (name, value) in item.asked {
      let field = try #require(Vocabulary.domain.field(name))
      for os in [item.old, item.new] { #expect(field.isMet(value, in: try item.domain(os)), "\(name) in \(os)") }
    }
  }

  /// Another value than one that is met.
  private static func opposite(_ value: Value) -> Value {
    switch value {
    case .boolean(let isTrue): .boolean(!isTrue)
    case .string("raw"): .string("qcow2")
    case .string("pflash"): .string("rom")
    case .string("file"): .string("block")
    case .string("uefi"), .string("any-uefi"): .string("bios")
    default: .string("/srv/other")
    }
  }

  @Test("anything else is not met by either, and putting it is", arguments: cases)
  func isNotMet(_ item: Case) throws {
    for (name, value) in item.asked {
      let field = try #require(Vocabulary.domain.field(name))
      let other = Self.opposite(value)
      for os in [item.old, item.new] {
        var domain = try item.domain(os)
        #expect(!field.isMet(other, in: domain), "\(name) \(other) in \(os)")
        field.lens?.put(other, into: &domain)
        #expect(field.isMet(other, in: domain), "\(name) \(other) put: \(domain.serialised())")
        #expect(
          !field.isMet(value, in: domain) || name == "nvram.type", "\(name) \(value) still: \(domain.serialised())")
      }
    }
  }

  @Test("a change of what libvirt chooses by takes its choice out, and leaves where the variables are")
  func choosesAgain() throws {
    for (name, value) in [("secure-boot", true), ("enrolled-keys", true), ("loader.stateless", true)] {
      var domain = try Self.cases[1].domain(Self.cases[1].new)
      Vocabulary.domain.field(name)?.lens?.put(.boolean(value), into: &domain)
      #expect(domain.isFirmwareOpen, "\(name)")
      #expect(!domain.exists(at: "os/nvram/@template"))
      #expect(domain.keepsVariables == (name != "loader.stateless"))
    }
  }
}
