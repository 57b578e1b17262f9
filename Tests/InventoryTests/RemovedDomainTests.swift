// The document of a removed domain, and the files that documents name.

import DiskImage
import Testing
import XMLTree

@testable import Inventory

@Suite("removed domains")
struct RemovedDomainTests {
  private static let definition = """
    <domain type='kvm'><name>web</name><uuid>6f3ef70f-ffb0-58a1-8d07-bc22c30c5e51</uuid>
    <metadata><vireo:stack xmlns:vireo='urn:vireo:stack:1' name='lab'/></metadata></domain>
    """

  private static func sample() throws -> RemovedDomain {
    RemovedDomain(
      uri: "qemu:///system", stack: "lab", name: "web & co", uuid: "6f3ef70f-ffb0-58a1-8d07-bc22c30c5e51",
      autostart: true, removed: 1_764_350_487, definition: try XMLElement.parse(definition),
      snapshots: try ["a", "b"].map { try XMLElement.parse("<domainsnapshot><name>\($0)</name></domainsnapshot>") },
      currentSnapshot: "b",
      checkpoints: [try XMLElement.parse("<domaincheckpoint><name>c</name></domaincheckpoint>")],
      files: [
        .init("/vms/web.root.qcow2", .disk, inode: 12, isDeleted: true), .init("/nvram/web_VARS.fd", .nvram),
        .init("/vms/web.root.a.memory", .memory, inode: 13),
      ])
  }

  @Test("what is written is what is read")
  func roundTrip() throws {
    let sample = try Self.sample()
    let text = sample.xml.serialised(declaration: true)
    #expect(text.contains("time='2025-11-28T17:21:27Z'"), "\(text)")
    let read = try RemovedDomain(XMLElement.parse(text))
    #expect(difference(read.definition, sample.definition).isEmpty)
    var same = read
    same.definition = sample.definition
    #expect(same == sample)
  }

  @Test(
    "what is none is refused with the reason",
    arguments: [
      ("<domain/>", "not a document"), ("<v:removed xmlns:v='urn:vireo:removed:1'/>", "no uri"),
      (
        "<v:removed xmlns:v='urn:vireo:removed:1' uri='x' name='n' uuid='u' time='yesterday'/>", "time"
      ),
      (
        "<v:removed xmlns:v='urn:vireo:removed:1' uri='x' name='n' uuid='u' time='2025-11-28T17:21:27Z'/>",
        "no definition"
      ),
      (
        "<v:removed xmlns:v='urn:vireo:removed:1' uri='x' name='n' uuid='u' time='2025-11-28T17:21:27Z'>"
          + "<v:file path='relative' role='disk'/></v:removed>", "without a path"
      ),
    ])
  func malformed(text: String, reason: String) throws {
    let xml = try XMLElement.parse(text)
    let error = #expect(throws: RemovedDomain.Malformed.self) { try RemovedDomain(xml) }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  @Test("a mark says whose a file is, and any other text says nothing")
  func origins() {
    let origin = FileOrigin(
      host: HostIdentity(uri: "qemu:///system", embeddedRoot: nil), stack: "lab", object: "domain web")
    #expect(FileOrigin(text: origin.text) == origin)
    #expect(
      FileOrigin(host: HostIdentity(uri: "qemu:///session", embeddedRoot: nil), stack: "lab", object: "domain web")
        != origin)
    for text in ["", "lab", "lab/domain"] { #expect(FileOrigin(text: text) == nil, "\(text)") }
  }

  @Test(
    "every path in a document counts, disks with their format",
    arguments: [
      ("<disk><driver type='qcow2'/><source file='/a.img'/></disk>", [FileReference("/a.img", format: "qcow2")]),
      ("<disk><source file='/a.img'/></disk>", [FileReference("/a.img", format: "raw")]),
      ("<disk type='block'><driver type='qcow2'/><source dev='/dev/x'/></disk>", [.init("/dev/x", format: "qcow2")]),
      (
        "<disk><driver type='qcow2'/><source file='/a'/><backingStore><format type='raw'/><source file='/b'/>"
          + "</backingStore><mirror><format type='qcow2'/><source file='/c'/></mirror></disk>",
        [.init("/a", format: "qcow2"), .init("/b", format: "raw"), .init("/c", format: "qcow2")]
      ),
      (
        "<disk type='volume'><driver type='qcow2'/><source pool='vms' volume='v.img'/></disk>",
        [.init("/vms/v.img", format: "qcow2")]
      ),
      ("<filesystem><source dir='/shared'/></filesystem>", []),
    ] as [(String, [FileReference])])
  func references(text: String, files: [FileReference]) throws {
    var references = DocumentReferences(pools: ["vms": "/vms"])
    references.add(try XMLElement.parse("<domain><devices>\(text)</devices></domain>"))
    #expect(references.files == Set(files))
    #expect(references.failures.isEmpty)
  }

  @Test("paths are found in texts and arguments, too")
  func named() throws {
    var references = DocumentReferences()
    references.add(
      try XMLElement.parse(
        """
        <domain><os><nvram>/nv/web.fd</nvram><kernel> /boot/k </kernel></os><memory file='/m.memory'/>
        <arg value='file=/x/y.img,if=none'/><title>not/a/path</title></domain>
        """))
    #expect(references.named.isSuperset(of: ["/nv/web.fd", "/boot/k", "/m.memory", "/x/y.img"]))
    #expect(!references.named.contains { $0.hasSuffix("a/path") })
  }

  @Test(
    "what cannot be followed is told",
    arguments: [
      "<disk type='volume'><source pool='none' volume='v'/></disk>",
      "<disk type='network'><driver type='qcow2'/><source protocol='nbd' name='export'/></disk>",
      "<disk type='volume'><driver type='qcow2'/><source pool='rbd' volume='v'/></disk>",
    ])
  func failures(text: String) throws {
    var references = DocumentReferences(pools: ["rbd": nil])
    references.add(try XMLElement.parse("<domain><devices>\(text)</devices></domain>"))
    #expect(references.failures.count == 1)
  }
}
