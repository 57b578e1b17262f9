// Garbage collections and removed domains, for people and for programs.

import DiskImage
import Foundation
import Inventory
import Planner
import SystemCalls
import TestSupport
import Testing
import XMLTree

@testable import Applier
@testable import Report

@Suite("garbage text")
struct GarbageTextTests {
  private static let base = "base-" + String(repeating: "ab", count: 32) + ".qcow2"

  /// Something of everything.
  static func sample(folder: String = "/srv/vms", name: String = "web") -> GarbageCollection {
    var census = FileCensus(uri: "qemu:///system", moment: 2_000_000_000, folders: [folder, "/srv/empty"], chains: 4)
    var inode: UInt64 = 1
    func add(_ file: String, _ bytes: UInt64, origin: FileOrigin? = nil, on backing: String...) {
      inode += 1
      let path = "\(folder)/\(file)"
      census.files[path] = .init(
        path: path, identity: FileIdentity(device: 1, inode: inode), bytes: bytes, origin: origin)
      census.links[path] = .init(Set(backing.map { "\(folder)/\($0)" }))
    }
    let origin = FileOrigin(host: HostIdentity(uri: census.uri, embeddedRoot: nil), stack: "lab", object: "domain old")
    add("used.qcow2", 1 << 30, on: base)
    add(base, 700 << 20)
    add("older-" + base, 600 << 20)
    add("older2-" + base, 500 << 20)
    add("theirs.qcow2", 12 << 20, on: "older2-" + base)
    add("\(name).root.qcow2", 3_333_333, on: "older-" + base)
    add("\(name).root.before.qcow2", 196_608, on: "\(name).root.qcow2")
    add("old.data.raw", 0, origin: origin)
    add(".abcdefghijkl.partial", 4096)
    // What is Vireo's and stays is not called somebody else's.
    add(
      "data.qcow2", 8192,
      origin: FileOrigin(host: HostIdentity(uri: census.uri, embeddedRoot: nil), stack: "lab", object: "volume data"))
    add(
      "far.qcow2", 8192,
      origin: FileOrigin(
        host: HostIdentity(uri: "xen:///system", embeddedRoot: nil), stack: "lab", object: "domain far"))
    census.roots = [
      .init(.domain, "domain used", files: ["\(folder)/used.qcow2"]),
      .init(.snapshot, "snapshot one of domain used", files: ["\(folder)/used.qcow2"]),
    ]
    var options = CollectionOptions()
    options.also = ["\(folder)/none"]
    options.removals = [
      RemovedDomain(
        uri: census.uri, stack: "lab", name: name, uuid: "6f3ef70f-ffb0-58a1-8d07-bc22c30c5e51", autostart: false,
        removed: 1_764_350_487, definition: XMLElement("domain"),
        files: [
          .init(
            "\(folder)/\(name).root.qcow2", .disk,
            inode: census.files["\(folder)/\(name).root.qcow2"]?.identity.inode)
        ])
    ]
    return GarbageCollection(census, options)
  }

  @Test("text is what the golden file shows")
  func golden() throws {
    let collection = Self.sample()
    var result = GarbageResult()
    result.deleted = collection.deletions
    result.forgotten = collection.removals
    var failed = result
    failed.failures = [.init(subject: "/srv/vms/x", failure: ActionFailure("it is needed by now"))]
    try expectGolden(
      collection.text() + "\n" + result.text() + failed.text() + "\n"
        + GarbageCollection(FileCensus(uri: "qemu:///system", moment: 0)).text(), "garbage.txt")
    try expectGolden(collection.json(failed), "garbage.json")
  }

  @Test("no line is wider than asked for", arguments: [40, 60, 80, 132])
  func width(width: Int) {
    let long = String(repeating: "long", count: 30)
    for collection in [Self.sample(), Self.sample(folder: "/srv/\(long)"), Self.sample(name: "wide\u{1B}[31m漢字漢字")] {
      for line in collection.text(TextStyle(width: width)).split(separator: "\n") {
        #expect(SafeText.width(String(line)) <= width, "\(line)")
        #expect(!line.contains("\u{1B}"))
      }
    }
  }

  @Test("what can be restored is a list with its files")
  func removals() throws {
    let removal = RemovedDomain(
      uri: "qemu:///system", stack: "lab", name: "web", uuid: "6f3ef70f-ffb0-58a1-8d07-bc22c30c5e51", autostart: true,
      removed: 1_764_350_487, definition: XMLElement("domain"),
      snapshots: [XMLElement("domainsnapshot", children: [XMLElement("name", text: "one")])])
    let found = [
      RemovedDomains.Found(
        path: "/var/lib/vireo/removed/0/web.xml", removal: removal,
        files: [
          .init(path: "/srv/vms/web.root.qcow2", bytes: 4096, isDeleted: false, isVireos: true),
          .init(path: "/srv/media/install.iso", bytes: nil, isDeleted: false, isVireos: false),
          .init(path: "/srv/vms/" + String(repeating: "x", count: 90), bytes: nil, isDeleted: true, isVireos: true),
        ])
    ]
    try expectGolden(
      RemovedDomains.Found.table(found, of: "qemu:///system") + RemovedDomains.Found.json(found), "removed.txt")
    #expect(RemovedDomains.Found.table([], of: "qemu:///system") == "no removed domain is kept for qemu:///system\n")
    #expect(RemovedDomains.Found.json([]) == "[]\n")
  }
}
