// The firmware that libvirt chose for a definition with `os/@firmware`. Before 9.2 it chose as the guest started and wrote
// nothing down. Since then it writes its choice beside what was asked for, as soon as it reads a definition, and gives a
// loader that it knows the form of a choice. Both forms mean the same (measured with 9.0, 11.3 and 12.8).

package import XMLTree

extension XMLElement {
  /// Whether libvirt is to choose the domain's firmware and has written down which it chose.
  package var hasChosenFirmware: Bool { exists(at: "os/@firmware") && hasLoaderPath }

  /// Whether libvirt is to choose the domain's firmware and its choice is not in the definition.
  package var isFirmwareOpen: Bool { exists(at: "os/@firmware") && !hasLoaderPath }

  /// Whether the definition names a place where UEFI variables are kept: a file, or a device that holds them (12.1).
  package var keepsVariables: Bool { exists(at: "os/nvram") || exists(at: "os/varstore") }

  var hasLoaderPath: Bool { (value(at: "os/loader") ?? "").contains { !$0.isWhitespace } }

  /// Takes the choice out of a domain, so that libvirt chooses again by what is asked for. The place of the variables stays,
  /// and so do the formats of both.
  mutating func clearChosenFirmware() {
    guard hasChosenFirmware else { return }
    update("os") { os in
      os.update("loader", create: false) { loader in
        loader.text = ""
        for name in ["type", "readonly", "secure"] { loader[attribute: name] = nil }
      }
      os.forgetTemplate()
    }
  }

  /// Takes out of `os` the template that goes with one firmware.
  fileprivate mutating func forgetTemplate() {
    update("nvram", create: false) { nvram in
      for name in ["template", "templateFormat"] { nvram[attribute: name] = nil }
    }
  }

  /// Makes a firmware image the one that the domain has, in place of any choice by libvirt.
  mutating func endFirmwareChoice() {
    guard let firmware = value(at: "os/@firmware") else { return }
    let wasChosen = hasChosenFirmware
    update("os") { os in
      os[attribute: "firmware"] = nil
      os.removeAll("firmware")
      // Another image has other variables to begin with.
      if wasChosen { os.forgetTemplate() }
    }
    if value(at: "os/loader/@stateless") == "no" { remove(at: "os/loader/@stateless") }
    if firmware == "efi", !exists(at: "os/loader/@type") { set("pflash", at: "os/loader/@type") }
  }

  /// Takes libvirt's choice out of a definition that is to be said in a spec: another host's libvirt makes its own.
  ///
  /// - Parameter name: the domain's, after which libvirt names the file of variables.
  package mutating func removeChosenFirmware(ofDomain name: String) {
    guard hasChosenFirmware else { return }
    if !keepsVariables { set("yes", at: "os/loader/@stateless") }
    update("os") { os in
      os.update("loader", create: false) { loader in
        loader.text = ""
        for name in ["type", "readonly", "secure"] { loader[attribute: name] = nil }
        if loader[attribute: "format"] == "raw" { loader[attribute: "format"] = nil }
      }
      if os.first("loader")?.isBare ?? false { os.removeAll("loader") }
      os.forgetTemplate()
      os.update("nvram", create: false) { nvram in
        if nvram[attribute: "format"] == "raw" { nvram[attribute: "format"] = nil }
        if nvram.text.split(separator: "/").suffix(2).joined(separator: "/").hasPrefix("nvram/\(name)_VARS.") {
          nvram.text = ""
        }
      }
      if os.first("nvram")?.isBare ?? false { os.removeAll("nvram") }
    }
  }
}

extension XMLElement {
  /// The file with the UEFI variables that a domain's definition names; nil where it leaves the file to libvirt.
  package var variablesFile: String? {
    [value(at: "os/nvram/source/@file"), value(at: "os/nvram")].compactMap(\.self).first { $0.hasPrefix("/") }
  }
}
