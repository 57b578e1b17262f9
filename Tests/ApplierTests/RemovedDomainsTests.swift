// The archive of removed domains: its place, its files, and what is none.

import Foundation
import Inventory
import TestSupport
import Testing
import XMLTree

@testable import Applier

@Suite("archive of removed domains")
struct RemovedDomainsTests {
  private static func removal(_ name: String, at moment: Int, uuid: String = "u") throws -> RemovedDomain {
    RemovedDomain(
      uri: "qemu:///system", stack: "lab", name: name, uuid: uuid, autostart: false, removed: moment,
      definition: try XMLElement.parse("<domain><name>\(name)</name><uuid>\(uuid)</uuid></domain>"))
  }

  @Test(
    "each connection has its place",
    arguments: [
      ("qemu:///embed?root=/x", "/x", true, "/x/lib/vireo/removed"),
      ("qemu:///system", nil, true, "/var/lib/vireo/removed/"),
      ("qemu:///session", nil, true, "/state/vireo/removed/"),
      ("qemu:///system", nil, false, "/state/vireo/removed/"),
    ] as [(String, String?, Bool, String)])
  func places(uri: String, root: String?, isRoot: Bool, place: String) throws {
    let archive = try RemovedDomains(
      uri: uri, embeddedRoot: root, host: HostIdentity(uri: uri, embeddedRoot: root), isRoot: isRoot
    ) {
      $0 == "XDG_STATE_HOME" ? "/state" : nil
    }
    #expect(archive.folder.hasPrefix(place))
    let home = try RemovedDomains(
      uri: uri, embeddedRoot: root, host: HostIdentity(uri: uri, embeddedRoot: root), isRoot: isRoot
    ) { $0 == "HOME" ? "/home/x" : nil }
    if place.hasPrefix("/state") { #expect(home.folder.hasPrefix("/home/x/.local/state/vireo/removed/")) }
  }

  @Test("removals of one name are kept side by side, and the latest comes first")
  func several() throws {
    try TemporaryFolder.with { folder in
      let archive = RemovedDomains(folder: folder.path("deep/er/removed"))
      #expect(try archive.list().entries.isEmpty)
      let paths = try [100, 300, 200, 300].map { try archive.add(Self.removal("web", at: $0)) }
      #expect(Set(paths).count == 4)
      _ = try archive.add(Self.removal(".a", at: 50))
      let entries = try archive.list().entries
      #expect(entries.map(\.removal.removed) == [300, 300, 200, 100, 50])
      let mode = try FileManager.default.attributesOfItem(atPath: archive.folder)[.posixPermissions] as? Int
      #expect(mode == 0o700)
      try archive.forget(entries[0])
      try archive.forget(entries[0])
      #expect(try archive.list().entries.count == 4)
    }
  }

  @Test("a list has every removal that stays, and no failure, while others come and go")
  func changesMeanwhile() throws {
    try TemporaryFolder.with { folder in
      let archive = RemovedDomains(folder: folder.path("removed"))
      // Removals that are kept get their names for good while others are discarded.
      let kept = try (0..<5).map { try Self.removal("kept\($0)", at: 100, uuid: "k\($0)") }
      let others = try (0..<200).map { try Self.removal("other\($0)", at: 200, uuid: "o\($0)") }
      let changes = DispatchGroup()
      DispatchQueue.global().async(group: changes) {
        for (round, other) in others.enumerated() {
          #expect(throws: Never.self) {
            if round < 5 { _ = try archive.add(kept[round]) }
            try archive.forget(try archive.add(other))
          }
        }
      }
      var known = 0
      while changes.wait(timeout: .now()) == .timedOut {
        let list = try archive.list()
        #expect(list.failures.isEmpty)
        let names = Set(list.entries.map(\.removal.name).filter { $0.hasPrefix("kept") })
        #expect(names.count >= known)
        known = names.count
      }
      #expect(try archive.list().entries.count == 5)
    }
  }

  @Test("a name of any length has a file")
  func longName() throws {
    try TemporaryFolder.with { folder in
      let archive = RemovedDomains(folder: folder.path("removed"))
      let name = String(repeating: "ä", count: 120)
      _ = try archive.add(Self.removal(name, at: 1))
      #expect(try archive.list().entries.map(\.removal.name) == [name])
    }
  }

  @Test("what is no removal is named, and the others are listed")
  func damaged() throws {
    try TemporaryFolder.with { folder in
      let archive = RemovedDomains(folder: folder.path("removed"))
      let path = try archive.add(Self.removal("web", at: 1))
      try folder.write("<domain", to: "removed/broken.xml")
      try folder.write("<domain/>", to: "removed/other.xml")
      try FileManager.default.createSymbolicLink(
        atPath: folder.path("removed/link.xml"), withDestinationPath: path)
      let (entries, failures) = try archive.list()
      #expect(entries.map(\.removal.name) == ["web"])
      #expect(failures.map { $0.subject.split(separator: "/").last } == ["broken.xml", "link.xml", "other.xml"])
    }
  }
}
