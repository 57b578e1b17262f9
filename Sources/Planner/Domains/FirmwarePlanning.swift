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

extension DomainPlanning {
  /// UEFI keeps its variables unless somebody asks for one that does not. Among the firmware of a host are images for
  /// confidential guests too, which keep nothing, and where no variables are asked for libvirt may take one of those:
  /// boot entries and enrolled keys would be gone with each stop of the guest (measured with libvirt 12.8).
  mutating func settleFirmware() {
    guard xml.value(at: .firmware) == "efi", !xml.exists(at: .loaderStateless),
      // What `defaults: libvirt` leaves to libvirt is a choice at the guest's start where libvirt writes nothing down.
      isCompletedByVireo || builder.inventory.host.writesFirmwareDown,
      !xml.exists(at: "launchSecurity"), spec[.loaderStateless] == nil,
      case let field = Vocabulary.domain[.loaderStateless], let lens = field.lens
    else { return }
    let isAskedFor = spec[.firmware] != nil
    let detail: String
    if let observed, observed.inactive.first("os") == xml.first("os") {
      if xml.isFirmwareOpen {
        // libvirt is about to choose for a guest that has its variables already.
        guard builder.inventory.host.writesFirmwareDown, xml != observed.inactive || owned != record else { return }
        detail = "libvirt chooses the firmware as it is stored; its variables are kept"
      } else {
        guard !xml.keepsVariables, let path = xml.value(at: .loaderPath) else { return }
        guard isAskedFor else { return noteStateless(path) }
        detail = "libvirt chose \(path), which keeps no variables; it chooses again"
      }
    } else {
      guard xml.isFirmwareOpen else { return }
      detail = "its variables are kept"
    }
    lens.put(.boolean(false), into: &xml)
    let effect: Effect =
      observed?.isActive ?? false && !isRunning(field, lens, of: xml, in: observed?.running) ? .nextBoot : .define
    changes.append(
      FieldChange(
        field.name, new: .boolean(false), effect: effect, reason: .default, detail: detail,
        range: spec.place(of: .firmware)))
    if effect == .nextBoot { needsRestart = true }
  }

  private func noteStateless(_ path: String) {
    let variables = observed?.variables.map { ", and \($0) is not used" } ?? ""
    builder.note(
      "stateless-firmware", "the firmware that libvirt chose, \(path), keeps no variables\(variables)", at: spec.range,
      subject: object, suggestion: "write `loader: { stateless: false }` for one that does", severity: .warning)
  }

  /// Variables in qcow2 come from a template in qcow2: libvirt converts none, and firmware that it chooses by itself has the
  /// format of its loader (measured with 11.3 and 12.8).
  func checkVariablesFormat() {
    guard let format = spec.setting(.nvramFormat), spec[.nvramFormat] == .qcow2,
      !(observed.flatMap { Vocabulary.domain[.nvramFormat].isMet(format.value, in: $0.inactive) } ?? false)
    else { return }
    func refuse(_ message: String, _ suggestion: String) {
      builder.refuse(
        "variables-format", "the UEFI variables cannot be qcow2: \(message)", at: format.range, subject: object,
        suggestion: suggestion)
    }
    let template =
      "make a template once, `vireo image convert --image-format raw /usr/share/OVMF/OVMF_VARS_4M.fd VARS.qcow2`, and write "
      + "`loader: { path: …, type: pflash, readonly: true }` and `nvram: { template: …, template-format: qcow2, format: qcow2 }`"
    if let version = builder.inventory.host.libvirtVersion, version < LibvirtVersion(10, 10) {
      return refuse(
        "libvirt \(version) makes them from raw templates only, and takes no snapshot of them",
        "leave out `nvram.format`, or use libvirt 10.10 or newer")
    }
    if xml.exists(at: .firmware), !xml.hasChosenFirmware || spec[.loaderPath] == nil {
      guard xml.value(at: .loaderFormat) != "qcow2" else { return }
      return refuse(
        "libvirt chooses the firmware, and takes one in raw with variables in raw",
        "write `loader: { format: qcow2 }` where the host has firmware in qcow2; elsewhere \(template)")
    }
    guard xml.exists(at: .nvramTemplate) else {
      return refuse("libvirt does not know what to make them from", template)
    }
    guard xml.value(at: .nvramTemplateFormat) == "qcow2" else {
      return refuse("libvirt converts no template, and this one is raw", template)
    }
  }
}
