// What may be deleted, from censuses as values: by rule, and over random graphs.

import DiskImage
import Inventory
import Planner
import SystemCalls
import Testing
import XMLTree

/// A host's files in thought.
private struct ImaginedFiles {
  var census = FileCensus(uri: "qemu:///system", moment: 1_000_000_000)
  private var inode: UInt64 = 1

  /// - Parameter stack: the stack in the file's mark; nil for a file without one.
  mutating func add(_ path: String, on backing: String..., stack: String? = "lab", uri: String? = nil) {
    inode += 1
    census.files[path] = FileCensus.File(
      path: path, identity: FileIdentity(device: 1, inode: inode), bytes: 4096, modified: 0, changed: 0,
      origin: stack.map {
        FileOrigin(host: HostIdentity(uri: uri ?? census.uri, embeddedRoot: nil), stack: $0, object: "domain web")
      })
    census.links[path] = .init(Set(backing))
  }

  mutating func need(_ subject: String, _ files: String..., kind: FileCensus.Root.Kind = .domain) {
    census.roots.append(.init(kind, subject, files: files))
  }

  /// The removal of a domain whose files these are.
  func removal(_ paths: String..., role: RemovedDomain.File.Role = .disk, inode: UInt64? = nil) -> RemovedDomain {
    RemovedDomain(
      uri: census.uri, stack: "lab", name: "web", uuid: "u", autostart: false, removed: 0,
      definition: XMLElement("domain"),
      files: paths.map { .init($0, role, inode: inode ?? census.files[$0]?.identity.inode) })
  }

  func collected(_ options: CollectionOptions = CollectionOptions()) -> GarbageCollection {
    GarbageCollection(census, options)
  }
}

extension GarbageCollection {
  fileprivate var deleted: Set<String> { Set(files.filter(\.isDeleted).map(\.path)) }

  fileprivate subscript(_ path: String) -> File? { files.first { $0.path == path } }
}

@Suite("garbage collection")
struct GarbageCollectionTests {
  private static let base = "/vms/base-" + String(repeating: "ab", count: 32) + ".qcow2"

  @Test("what a root leads to over any number of files is not even listed")
  func reached() {
    var host = ImaginedFiles()
    host.add("/vms/web.root.qcow2", on: "/vms/middle.qcow2")
    host.add("/vms/middle.qcow2", on: Self.base)
    host.add(Self.base)
    host.add("/vms/old.root.qcow2", on: Self.base)
    host.need("snapshot one of domain web", "/vms/web.root.qcow2", kind: .snapshot)
    let collection = host.collected()
    #expect(collection.files.map(\.path) == ["/vms/old.root.qcow2"])
    #expect(collection.deleted == ["/vms/old.root.qcow2"])
    #expect(collection.reached == 3)
  }

  @Test(
    "an overlay on a file of Vireo's is known by its name: a snapshot's, or one that libvirt made to go back to one",
    arguments: [
      ("/vms/web.root.before.qcow2", true), ("/vms/web.root.1796016516", true),
      ("/vms/web.root.qcow2.1796016516", false),
      ("/vms/web.root.17960165", false), ("/vms/web.root.17960165167", false), ("/vms/web.root.179601651x", false),
      ("/vms/web.root.bak", false), ("/vms/web.data.1796016516", false), ("/elsewhere/web.root.1796016516", false),
    ])
  func overlays(path: String, isKnown: Bool) {
    var host = ImaginedFiles()
    host.add("/vms/web.root.qcow2")
    host.add(path, on: "/vms/web.root.qcow2", stack: nil)
    #expect(host.collected().deleted == (isKnown ? ["/vms/web.root.qcow2", path] : []))
    // A later snapshot of what runs on such a one.
    let stem = path.dropLast(path.hasSuffix(".qcow2") ? 6 : 11)
    host.add("\(stem).later.qcow2", on: path, stack: nil)
    #expect(host.collected().deleted.count == (isKnown ? 3 : 0))
  }

  @Test("without a mark of this connection, a file is somebody's")
  func marks() {
    var host = ImaginedFiles()
    host.add("/vms/ours.qcow2")
    host.add("/vms/unmarked.qcow2", stack: nil)
    host.add("/vms/elsewhere.qcow2", uri: "qemu:///session")
    let other = Self.base.replacing("base-", with: "other-")
    host.add(Self.base, stack: nil)
    host.add(other, uri: "qemu:///session")
    #expect(host.collected().deleted == ["/vms/ours.qcow2", Self.base])
    // A copy that was made just now may be waiting for its first overlay.
    host.census.files[Self.base]?.changed = host.census.moment - 60
    #expect(host.collected().deleted == ["/vms/ours.qcow2"])
  }

  @Test("a file of others keeps what it stands on, and the way is shown")
  func foreign() {
    var host = ImaginedFiles()
    host.add("/vms/theirs.qcow2", on: "/vms/web.root.qcow2", stack: nil)
    host.add("/vms/web.root.qcow2", on: Self.base)
    host.add(Self.base)
    let collection = host.collected()
    #expect(collection.deleted.isEmpty)
    #expect(collection[Self.base]?.neededBy == ["/vms/theirs.qcow2", "/vms/web.root.qcow2", Self.base])
    var options = CollectionOptions()
    options.also = ["/vms/theirs.qcow2"]
    #expect(host.collected(options).deletions.map(\.path) == ["/vms/theirs.qcow2", "/vms/web.root.qcow2", Self.base])
    // Named or not: what others stand on stays.
    options.also = [Self.base]
    #expect(host.collected(options).deleted.isEmpty)
    #expect(host.collected(options).refusals.map(\.path) == [Self.base])
  }

  @Test("what is named and needed is refused with the proof")
  func refusal() {
    var host = ImaginedFiles()
    host.add("/vms/web.root.qcow2", on: Self.base)
    host.add(Self.base)
    host.need("domain web", "/vms/web.root.qcow2")
    var options = CollectionOptions()
    options.also = [Self.base]
    let refusal = host.collected(options).refusals
    #expect(refusal.map(\.proof) == [["domain web", "/vms/web.root.qcow2", Self.base]])
  }

  @Test("what is unknown of something that stays is a problem; what is unknown of garbage is none")
  func problems() {
    var host = ImaginedFiles()
    host.add("/vms/web.root.qcow2", on: "/gone/base.qcow2")
    host.census.links["/gone/base.qcow2"] = .init(problem: .missing)
    #expect(host.collected().problems.isEmpty && host.collected().deleted == ["/vms/web.root.qcow2"])
    host.add("/vms/theirs.qcow2", on: "/gone/base.qcow2", stack: nil)
    #expect(host.collected().problems.isEmpty, "there is nothing behind it that could be lost")
    host.census.links["/vms/theirs.qcow2"]?.problem = .unreadable("damaged")
    #expect(host.collected().problems.map(\.message) == ["damaged"])
    host.need("domain web", "/vms/web.root.qcow2")
    #expect(
      host.collected().problems.map(\.subject) == [
        "domain web → /vms/web.root.qcow2 → /gone/base.qcow2", "/vms/theirs.qcow2",
      ])
  }

  @Test("a removal gives up its own files, and no others that have their names by now")
  func removals() {
    var host = ImaginedFiles()
    host.add("/vms/web.root.qcow2", stack: nil)
    host.add("/lib/nvram/web_VARS.fd", stack: nil)
    host.add("/srv/mine_VARS.fd", stack: nil)
    var options = CollectionOptions()
    options.removals = [
      host.removal("/vms/web.root.qcow2"), host.removal("/lib/nvram/web_VARS.fd", "/srv/mine_VARS.fd", role: .nvram),
    ]
    #expect(host.collected(options).deleted == ["/vms/web.root.qcow2", "/lib/nvram/web_VARS.fd"])
    options.removals = [host.removal("/vms/web.root.qcow2", inode: 4711)]
    #expect(host.collected(options).deleted.isEmpty)
  }

  @Test(
    "an overlay is Vireo's where the names fit and what it stands on is",
    arguments: [
      ("/vms/web.root.one.qcow2", "/vms/web.root.qcow2", true), ("/vms/web.root.one.qcow2", "/vms/web.root.raw", true),
      ("/vms/mine.qcow2", "/vms/web.root.qcow2", false), ("/home/web.root.one.qcow2", "/vms/web.root.qcow2", false),
      ("/vms/web.root.one.img", "/vms/web.root.qcow2", false), ("/vms/web.root..qcow2", "/vms/web.root.qcow2", false),
    ])
  func overlays(overlay: String, image: String, isVireos: Bool) {
    var host = ImaginedFiles()
    host.add(image)
    host.add(overlay, on: image, stack: nil)
    host.add(overlay.replacing(".qcow2", with: ".two.qcow2"), on: overlay, stack: nil)
    #expect(host.collected()[overlay]?.isDeleted == isVireos)
    // On somebody's image it is somebody's.
    host.add(image, stack: nil)
    #expect(host.collected().deleted.isEmpty)
    // Whatever a domain's record says to be Vireo's is.
    host.census.domains = [
      ObservedDomain(
        name: "web", uuid: "u", state: .stopped, isActive: false,
        inactive: try! XMLElement.parse(
          "<domain><metadata><v:stack xmlns:v='urn:vireo:stack:1' name='lab'>"
            + "<v:owned object='disks.root' file='\(image)'/></v:stack></metadata></domain>"))
    ]
    host.need("domain web", image)
    #expect(host.collected()[overlay]?.isDeleted == isVireos)
  }

  @Test("what was never finished goes after a day")
  func leftovers() {
    var host = ImaginedFiles()
    host.add("/vms/.3w5e11264sg0k2kp.partial")
    host.add("/vms/.notes.partial", stack: nil)
    #expect(host.collected().deleted == ["/vms/.3w5e11264sg0k2kp.partial"])
    host.census.files["/vms/.3w5e11264sg0k2kp.partial"]?.modified = host.census.moment - 3600
    #expect(host.collected().deleted.isEmpty)
  }

  @Test("what is not what it says is somebody's, with all that it stands on")
  func refuted() {
    var host = ImaginedFiles()
    host.add(Self.base, on: "/vms/web.root.qcow2")
    host.add("/vms/web.root.qcow2")
    var options = CollectionOptions()
    #expect(host.collected(options).deletions.map(\.path) == [Self.base, "/vms/web.root.qcow2"])
    options.refuted = [Self.base]
    #expect(host.collected(options).deleted.isEmpty)
  }

  @Test("whatever refers to whatever: nothing that stays leads to what goes, and order is kept", arguments: 0..<300)
  func random(seed: UInt64) {
    var generator = Seeded(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
    let count = Int.random(in: 1...14, using: &generator)
    let paths = (0..<count).map { index in
      [
        "/vms/d\(index).root.qcow2", "/vms/d\(max(0, index - 1)).root.s\(index).qcow2",
        "/vms/b\(index)-" + String(repeating: "0f", count: 32) + ".qcow2",
      ].randomElement(using: &generator)!
    }
    var host = ImaginedFiles()
    for path in paths {
      host.add(path, stack: [nil, "lab", "lab"].randomElement(using: &generator)!)
      host.census.links[path]?.files = Set(
        (0..<Int.random(in: 0...2, using: &generator)).map { _ in paths.randomElement(using: &generator)! })
    }
    for index in 0..<Int.random(in: 0...3, using: &generator) {
      host.need("domain d\(index)", paths.randomElement(using: &generator)!)
    }
    var options = CollectionOptions()
    options.also = Set(paths.filter { _ in Int.random(in: 0..<6, using: &generator) == 0 })
    let collection = host.collected(options)

    // By the plainest way: what leads to a path, until nothing is added.
    let gone = collection.deleted
    var stays = Set(host.census.roots.flatMap(\.files)).union(host.census.files.keys.filter { !gone.contains($0) })
    while true {
      let more = stays.union(stays.flatMap { host.census.links[$0]?.files ?? [] })
      if more == stays { break }
      stays = more
    }
    #expect(stays.isDisjoint(with: gone))
    #expect(
      gone.allSatisfy {
        host.census.files[$0]?.origin != nil || options.also.contains($0) || $0.contains("-0f") || $0.contains(".s")
      })
    #expect(Set(collection.deletions.map(\.path)) == gone && collection.deletions.count == gone.count)
    // Nothing goes before what stands on it, except in a circle.
    let order = Dictionary(uniqueKeysWithValues: collection.deletions.enumerated().map { ($1.path, $0) })
    func leads(_ from: String, _ to: String) -> Bool {
      var (found, waiting) = (Set<String>(), [from])
      while let next = waiting.popLast() {
        for below in host.census.links[next]?.files ?? [] where found.insert(below).inserted { waiting.append(below) }
      }
      return found.contains(to)
    }
    for (path, place) in order {
      for below in host.census.links[path]?.files ?? [] where order[below].map({ $0 < place }) ?? false {
        #expect(leads(below, path), "\(below) goes before \(path)")
      }
    }
    // What is refused is needed, and what is named either goes or is refused.
    #expect(Set(collection.refusals.map(\.path)).union(gone).isSuperset(of: options.also))
    #expect(Set(collection.refusals.map(\.path)).isDisjoint(with: gone))
  }

  private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }
}
