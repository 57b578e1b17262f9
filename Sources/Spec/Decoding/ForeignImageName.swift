// Names of files whose endings say that they are images of other programs: a message names the format and how to convert it.

/// A file that is an image of a format that disks do not have, by its name alone.
struct ForeignImageName {
  /// The name a person knows the format by.
  let displayName: String
  /// What makes an image of it that can be used, as an imperative.
  let remedy: String

  /// Formats by the endings of their files, with what `qemu-img` calls them.
  private static let formats: [String: (displayName: String, driver: String)] = [
    "vmdk": ("VMDK (VMware)", "vmdk"), "vdi": ("VDI (VirtualBox)", "vdi"), "vhdx": ("VHDX (Hyper-V)", "vhdx"),
    "vhd": ("VHD (Virtual PC)", "vpc"), "vpc": ("VHD (Virtual PC)", "vpc"), "qed": ("QED (QEMU)", "qed"),
    "hds": ("Parallels", "parallels"), "dmg": ("DMG (Apple)", "dmg"),
  ]

  /// Recognises a path; nil for an ending that says nothing, or that the file may be used as it is.
  init?(_ path: String) {
    let name = path.split(separator: "/").last ?? ""
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex,
      let format = Self.formats[name[name.index(after: dot)...].lowercased()]
    else { return nil }
    displayName = format.displayName
    let target = name[..<dot] + ".qcow2"
    remedy =
      "convert it with `qemu-img convert -f \(format.driver) -O qcow2 \(Self.quoted(name)) \(Self.quoted(target))`, "
      + "then name the new file and add `format: qcow2`"
  }

  /// A name as a shell takes it.
  private static func quoted(_ name: some StringProtocol) -> String {
    let plain = name.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "._-+,:@%".utf8.contains(byte)
    }
    return plain
      ? String(name) : "'\(name.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
  }
}
