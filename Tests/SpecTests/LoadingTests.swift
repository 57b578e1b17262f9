import Diagnostics
import Foundation
import Testing
import Vocabulary

@testable import Spec

/// Loads texts and returns the stack; records messages as failures.
private func load(
  _ texts: String..., variables: VariableSources = VariableSources(), sourceLocation: SourceLocation = #_sourceLocation
) throws -> StackSpec {
  let files = texts.enumerated().map { SourceFile(path: "/specs/\($0.offset).yaml", text: $0.element) }
  let result = SpecLoader(variables: variables).load(files)
  let messages = DiagnosticFormat.render(result.diagnostics, as: .text(color: false, width: nil))
  return try #require(result.stack, "\(messages)", sourceLocation: sourceLocation)
}

@Suite("loading specs")
struct LoadingTests {
  @Test("a name that a field had in an earlier version means the field, and stands on no page")
  func formerNames() throws {
    let types = [Vocabulary.domain, Vocabulary.network, Vocabulary.pool] + Vocabulary.domain.collections.map(\.type)
    for type in types {
      for (former, present) in type.formerNames {
        #expect(type.field(former) == nil && type.field(present) != nil, "\(type.name): \(former)")
      }
    }
    func ranges(_ dhcp: String) throws -> [String]? {
      try load("stack: lab\nnetworks: { lab: { mode: nat, address: 10.0.0.1/24, dhcp: \(dhcp) } }").networks[0][
        .dhcpRanges]
    }
    let range = "10.0.0.100-10.0.0.200"
    for dhcp in ["{ ranges: [\(range)] }", "{ ranges: \(range) }", "{ range: \(range) }", range] {
      #expect(try ranges(dhcp) == [range], "\(dhcp)")
    }
  }

  @Test("values are normalised and keep their place")
  func values() throws {
    let stack = try load(
      """
      stack: lab
      connect: qemu:///session
      pools: { vms: { path: ../vms/./here } }
      domains:
        web:
          memory: 2 GiB
          vcpus: { count: 4, current: 2 }
          cpu: host-passthrough
          boot: [network, hd]
          disks: { root: { size: 1.5 GiB, target: vdb } }
      """)
    #expect(stack.name == "lab" && stack.connect == "qemu:///session")
    #expect(stack.pool("vms")?[.path] == "/vms/here")
    let web = try #require(stack.domains.first)
    #expect(web[.memory] == 2 << 30)
    #expect(web[.vcpuCount] == 4 && web[.currentVCPUs] == 2)
    #expect(web[.cpuMode] == .hostPassthrough)
    #expect(web[.boot] == ["network", "hd"])
    #expect(web.setting(.memory)?.range.start == SourcePosition(line: 6, column: 13))
    #expect(web.members("disks").first?[.size] == 3 << 29)
    #expect(web.members("disks").first?[.format] == .qcow2, "a new disk is qcow2")
  }

  @Test("a disk that is a volume has its file and its format, wherever that is")
  func volumes() throws {
    let stack = try load(
      """
      stack: lab
      pools: { vms: { path: /srv/vms } }
      volumes:
        data: { size: 1 GiB }
        1: { size: 1 GiB, format: raw, pool: vms }
        beside: { path: here/iso.img, format: raw }
      domains:
        web:
          count: 1
          memory: 1 GiB
          disks:
            a: { volume: data }
            b: { volume: "${index}" }
            c: { volume: { entry: beside }, device: cdrom }
      """)
    let disks = try #require(stack.domains.first).members("disks")
    #expect(
      disks.map { $0[.source] } == ["/srv/vms/data.qcow2", "/srv/vms/1.raw", "/specs/here/iso.img"])
    #expect(disks.map { $0[.format] } == [.qcow2, .raw, .raw])
    #expect(stack.volumes.map(stack.path(ofVolume:)) == disks.map { $0[.source] })
  }

  @Test("count makes domains with their numbers")
  func count() throws {
    let stack = try load(
      """
      stack: lab
      profiles:
        named: { description: "number ${index}" }
      domains:
        web: { count: 3, profiles: named, memory: 1 GiB, title: "web ${index} costs $$5" }
      """)
    #expect(stack.domains.map(\.name) == ["web-1", "web-2", "web-3"])
    #expect(stack.domains.map { $0[.title] } == (1...3).map { "web \($0) costs $5" })
    #expect(stack.domains.map { $0[.description] } == (1...3).map { "number \($0)" })
  }

  @Test("a domain wins over its profiles, a later profile over an earlier, and devices are merged by name")
  func profiles() throws {
    let stack = try load(
      """
      stack: lab
      pools: { vms: { path: /vms } }
      profiles:
        small: { memory: 1 GiB, vcpus: 1, disks: { root: { size: 1 GiB, cache: none } } }
        large: { memory: 8 GiB, vcpus: 4 }
      domains:
        web: { profiles: [small, large], vcpus: 2, disks: { root: { size: 3 GiB }, data: { size: 4 GiB } } }
      """)
    let web = try #require(stack.domains.first)
    #expect(web[.memory] == 8 << 30)
    #expect(web[.vcpuCount] == 2)
    #expect(web.members("disks").map(\.name) == ["root", "data"])
    #expect(web.members("disks")[0][.size] == 3 << 30)
    #expect(web.members("disks")[0][.cache] == "none")
  }

  @Test("documents and files merge by key, the later one's values win")
  func merging() throws {
    let stack = try load(
      "stack: lab\ndomains: { web: { memory: 1 GiB, vcpus: 2 } }\n---\ndomains: { db: { memory: 1 GiB } }\n",
      "domains: { web: { memory: 4 GiB } }\n")
    #expect(stack.domains.map(\.name) == ["web", "db"])
    #expect(stack.domains[0][.memory] == 4 << 30 && stack.domains[0][.vcpuCount] == 2)
  }

  @Test("relative paths are relative to the file that says so")
  func paths() throws {
    let files = [
      SourceFile(path: "/specs/a/stack.yaml", text: "stack: lab\nimages: { one: { source: one.qcow2 } }\n"),
      SourceFile(path: "/specs/b/more.yaml", text: "images: { two: { source: ../two.qcow2 } }\n"),
    ]
    let stack = try #require(SpecLoader().load(files).stack)
    #expect(stack.images.map { $0[.source] } == ["/specs/a/one.qcow2", "/specs/two.qcow2"])
  }

  @Test("anchors, aliases and merge keys work")
  func aliases() throws {
    let stack = try load(
      """
      stack: lab
      domains:
        web: &web { memory: 1 GiB, vcpus: 2 }
        db: { <<: *web, memory: 2 GiB }
        copy: *web
      """)
    #expect(stack.domains.map { $0[.memory] } == [1 << 30, 2 << 30, 1 << 30])
    #expect(stack.domains.map { $0[.vcpuCount] } == [2, 2, 2])
  }

  @Test("variables come from the spec, then files, then the environment, then one by one")
  func variables() throws {
    let sources = VariableSources(
      values: ["d": "four"], files: [SourceFile(path: "vars.yaml", text: "b: two\nc: file\nd: file\n")],
      environment: ["VIREO_VAR_c": "three", "VIREO_VAR_d": "environment", "HOME": "/root"])
    let stack = try load(
      """
      stack: lab
      variables: { a: one, b: spec, c: spec, d: spec, n: 3 }
      domains:
        web:
          memory: 1 GiB
          vcpus: ${n}
          title: "${a} ${b} ${c} ${d} $${ $"
      """, variables: sources)
    #expect(stack.domains[0][.title] == "one two three four ${ $")
    #expect(stack.domains[0][.vcpuCount] == 3, "a number stays a number")
  }

  @Test("an interface's type follows from what it is connected to, and macvtap is in bridge mode")
  func interfaceTypes() throws {
    let stack = try load(
      """
      stack: lab
      domains:
        web:
          memory: 1 GiB
          interfaces: { a: { network: default }, b: { bridge: br0 }, c: { direct: eth0 }, d: { type: user } }
      """)
    let interfaces = stack.domains[0].members("interfaces")
    #expect(interfaces.map { $0[.type] } == ["network", "bridge", "direct", "user"])
    #expect(interfaces[2][.macvtapMode] == "bridge")
  }

  @Test("an entry that says nothing is one with defaults, and an empty collection is one that is meant")
  func emptyEntries() throws {
    let stack = try load(
      "stack: lab\ndomains: { web: { memory: 1 GiB, graphics: { vnc: }, serials: {} } }\n")
    #expect(stack.domains[0].members("graphics").first?[.type] == "vnc")
    #expect(stack.domains[0].members["serials"]?.isEmpty == true)
    #expect(stack.domains[0].members["consoles"] == nil)
  }

  @Test("a folder is read recursively in name order, hidden files and others left out")
  func folders() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "vireo-spec-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder.appending(path: "b"), withIntermediateDirectories: true)
    for (name, text) in [
      ("a.yaml", "stack: lab\ndomains: { web: { memory: 1 GiB } }\n"), ("b/c.yml", "domains: { web: { vcpus: 2 } }\n"),
      ("z.yaml", "domains: { web: { vcpus: 3 } }\n"), (".hidden.yaml", "nonsense: 1\n"), ("notes.txt", "nonsense\n"),
    ] {
      try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }
    let stack = try #require(SpecLoader().load([folder.path]).stack)
    #expect(stack.domains[0][.vcpuCount] == 3)
  }
}
