// The table of what libvirt and others say, against the programs and libraries that are installed.

import Foundation
import Testing
import TestSupport
import Versions

@testable import Libvirt

@Suite("What libvirt and QEMU say")
struct PhraseTests {
  private static let libraries = "/usr/lib/x86_64-linux-gnu"

  /// The version in the library's file name: `libvirt.so.0.11003.0` is 11.3.0.
  private static let installedLibvirt: LibvirtVersion? = {
    let name = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(libraries)/libvirt.so.0")
    let numbers = (name ?? "").split(separator: ".").compactMap { Int($0) }
    return numbers.count == 3 ? LibvirtVersion(numbers[1] / 1000, numbers[1] % 1000, numbers[2]) : nil
  }()

  /// The files whose texts a speaker's words are; none where it is not installed.
  private static func files(of speaker: Wording.Speaker) -> [String] {
    func all(_ folder: String, _ prefix: String = "") -> [String] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return names.filter { $0.hasPrefix(prefix) && $0.contains(".so") }.map { "\(folder)/\($0)" }
    }
    let candidates =
      switch speaker {
      case .libvirt: all(libraries, "libvirt.so.0") + all("\(libraries)/libvirt/connection-driver")
      case .qemu: ["/usr/bin/qemu-system-x86_64"] + all("\(libraries)/qemu")
      case .dnsmasq: ["/usr/sbin/dnsmasq"]
      case .spice: all(libraries, "libspice-server.so")
      case .libxml2: all(libraries, "libxml2.so")
      case .system: all(libraries, "libc.so.6")
      }
    return candidates.filter(FileManager.default.isReadableFile)
  }

  @Test(
    "each phrase that the installed version should have begins as a text of its programs does",
    arguments: [Wording.Speaker.libvirt, .qemu, .dnsmasq, .spice, .libxml2, .system])
  func installed(speaker: Wording.Speaker) throws {
    let files = Self.files(of: speaker)
    // A machine without SPICE or dnsmasq has nothing to compare with. libvirt and the C library are there in any case.
    if files.isEmpty {
      #expect(![.libvirt, .system].contains(speaker))
      return
    }
    let installedLibvirt = try #require(Self.installedLibvirt)
    var wanted = Set(
      Phrase.allCases.flatMap(\.wordings).filter { wording in
        wording.speaker == speaker && wording.since.map { $0 <= installedLibvirt } ?? true
          && wording.until.map { $0 >= installedLibvirt } ?? true
      }.compactMap(\.parts.first))
    // A name that libvirt puts together.
    wanted.remove(EmbeddedRoot.pidFileName)
    for file in files where !wanted.isEmpty {
      let data = try Data(contentsOf: URL(fileURLWithPath: file), options: .alwaysMapped)
      wanted = wanted.filter { data.range(of: Data($0.utf8)) == nil }
    }
    #expect(wanted.isEmpty, "\(wanted.sorted())")
  }

  @Test("the parts of a phrase stand on one line, in their order")
  func parts() {
    #expect(Phrase.bridgeTaken.occurs(in: "internal error: bridge name 'vbr1' already in use."))
    #expect(!Phrase.bridgeTaken.occurs(in: "internal error: already in use: bridge name 'vbr1'"))
    #expect(!Phrase.bridgeTaken.occurs(in: "bridge name 'vbr1'\nalready in use"))
    let message: Substring = "first line\nFailed to reserve port 5901"
    #expect(Phrase.reservedPort.range(in: message).map { String(message[$0.upperBound...]) } == "5901")
  }
}
