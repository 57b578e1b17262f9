// What the spec leaves to libvirt of a UEFI guest's firmware, and what is asked for so that libvirt's choice is a good one.

import Inventory
import Spec
import Vocabulary
import Versions
import XMLTree

extension Inventory.Host {
  /// Whether libvirt chooses firmware as soon as it reads a definition, and writes its choice down, as it does since 9.2.
  package var writesFirmwareDown: Bool { libvirtVersion.map { $0 >= LibvirtVersion(9, 2) } ?? false }
}

/// The firmware of UEFI guests.
enum FirmwareRules {
  /// UEFI keeps its variables unless somebody asks for one that does not. Among the firmware of a host are images for
  /// confidential guests too, which keep nothing, and where no variables are asked for libvirt may take one of those:
  /// boot entries and enrolled keys would be gone with each stop of the guest (measured with libvirt 12.8).
  ///
  /// - Parameter owned: what this apply owns.
  static func settle(
    _ context: DomainContext, owned: OwnershipRecord, in definition: inout XMLElement
  ) -> DomainPart {
    let (spec, observed) = (context.spec, context.observed)
    var part = DomainPart(context)
    guard definition.value(at: .firmware) == "efi", !definition.exists(at: .loaderStateless),
      // What `defaults: libvirt` leaves to libvirt is a choice at the guest's start where libvirt writes nothing down.
      context.isCompletedByVireo || context.stack.host.writesFirmwareDown,
      !definition.exists(at: "launchSecurity"), spec[.loaderStateless] == nil,
      case let field = Vocabulary.domain[.loaderStateless], let lens = field.lens
    else { return part }
    let detail: String
    if let observed, observed.inactive.first("os") == definition.first("os") {
      if definition.isFirmwareOpen {
        // libvirt is about to choose for a guest that has its variables already.
        guard context.stack.host.writesFirmwareDown, definition != observed.inactive || owned != context.formerRecord
        else {
          return part
        }
        detail = "libvirt chooses the firmware as it is stored; its variables are kept"
      } else {
        guard !definition.keepsVariables, let path = definition.value(at: .loaderPath) else { return part }
        guard spec[.firmware] != nil else {
          let variables = observed.variables.map { ", and \($0) is not used" } ?? ""
          part.findings.note(
            "stateless-firmware", "the firmware that libvirt chose, \(path), keeps no variables\(variables)",
            at: spec.range, suggestion: "write `loader: { stateless: false }` for one that does", severity: .warning)
          return part
        }
        detail = "libvirt chose \(path), which keeps no variables; it chooses again"
      }
    } else {
      guard definition.isFirmwareOpen else { return part }
      detail = "its variables are kept"
    }
    lens.put(.boolean(false), into: &definition)
    part.needsRestart = context.isActive && !isRunning(field, lens, of: definition, in: context.running)
    part.changes.append(
      FieldChange(
        field.name, new: .boolean(false), effect: part.needsRestart ? .nextBoot : .define, reason: .default,
        detail: detail, range: spec.place(of: .firmware)))
    return part
  }

  /// Firmware that keeps its variables is expected wherever it was asked for on the spec's behalf.
  static func expectations(_ context: DomainContext, _ definition: XMLElement) -> [Expectation] {
    guard context.spec[.loaderStateless] == nil, definition.value(at: .firmware) == "efi",
      definition.value(at: .loaderStateless) == "no"
    else { return [] }
    let entry = context.spec.type[.loaderStateless]
    return [Expectation(field: entry.name, value: .boolean(false), device: nil, entry: entry)]
  }

  /// Variables in qcow2 come from a template in qcow2: libvirt converts none, and firmware that it chooses by itself has the
  /// format of its loader (measured with 11.3 and 12.8).
  static func checkVariables(_ context: DomainContext, _ definition: XMLElement) -> Findings {
    let spec = context.spec
    var findings = Findings(about: context.object)
    guard let format = spec.setting(.nvramFormat), spec[.nvramFormat] == .qcow2,
      !(context.observed.flatMap { Vocabulary.domain[.nvramFormat].isMet(format.value, in: $0.inactive) } ?? false)
    else { return findings }
    func refuse(_ message: String, _ suggestion: String) -> Findings {
      findings.refuse(
        "variables-format", "the UEFI variables cannot be qcow2: \(message)", at: format.range,
        suggestion: suggestion)
      return findings
    }
    let template =
      "make a template once, `vireo image convert --image-format raw /usr/share/OVMF/OVMF_VARS_4M.fd VARS.qcow2`, and write "
      + "`loader: { path: …, type: pflash, readonly: true }` and `nvram: { template: …, template-format: qcow2, format: qcow2 }`"
    if let version = context.stack.host.libvirtVersion, version < LibvirtVersion(10, 10) {
      return refuse(
        "libvirt \(version) makes them from raw templates only, and takes no snapshot of them",
        "leave out `nvram.format`, or use libvirt 10.10 or newer")
    }
    if definition.exists(at: .firmware), !definition.hasChosenFirmware || spec[.loaderPath] == nil {
      guard definition.value(at: .loaderFormat) != "qcow2" else { return findings }
      return refuse(
        "libvirt chooses the firmware, and takes one in raw with variables in raw",
        "write `loader: { format: qcow2 }` where the host has firmware in qcow2; elsewhere \(template)")
    }
    guard definition.exists(at: .nvramTemplate) else {
      return refuse("libvirt does not know what to make them from", template)
    }
    guard definition.value(at: .nvramTemplateFormat) == "qcow2" else {
      return refuse("libvirt converts no template, and this one is raw", template)
    }
    return findings
  }
}
