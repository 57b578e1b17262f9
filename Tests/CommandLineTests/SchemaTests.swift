// The JSON Schema against the loader: what one accepts the other accepts. The Python package jsonschema is the judge.

import Glibc
import TestSupport
import Testing

@Suite("schema", .enabled(if: Judge.isThere, "needs Python with jsonschema and yaml"))
struct SchemaTests {
  @Test("the schema follows its own schema")
  func valid() throws {
    try Judge.check(
      "jsonschema.Draft202012Validator.check_schema(schema)", documents: [])
  }

  @Test("every example follows the schema")
  func examples() throws {
    let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
    try Judge.check(
      """
      import glob
      files = glob.glob("\(root)/examples/**/*.yaml", recursive=True)
      assert files, "there are no examples"
      for file in files:
          for part in yaml.safe_load_all(open(file)):
              errors = [error.message for error in validator.iter_errors(part)]
              assert not errors, (file, errors)
      """, documents: [])
  }

  static let accepted = [
    "stack: lab",
    "domains:",
    "pools: { vms: }",
    "stack: 12\ndomains: { db: { title: 3.5, memory: '2 GiB' } }",
    """
    stack: lab
    connect: qemu:///session
    variables: { size: 20 GiB, n: 2, empty: , flag: true }
    pools: { vms: { path: ../vms } }
    images: { debian-12: { source: /srv/debian.qcow2, format: qcow2, pool: vms } }
    profiles:
      small: { vcpus: 2, memory: 2 GiB, cpu: host-passthrough }
    domains:
      web:
        count: ${n}
        profiles: [small]
        boot: hd
        cpu: { mode: custom, model: EPYC, topology: { sockets: 1, cores: 2, threads: 1 } }
        vcpus: { count: 4, current: 2 }
        disks:
          root: { image: debian-12, size: "${size}", read-only: false }
          data: { size: 1.5 TiB, format: raw, boot-order: 2 }
        interfaces: { lan: { network: default, mac: "52:54:00:12:34:56", mtu: 1500 } }
        graphics: { vnc: }
        serials: {}
        shutdown: { timeout: 90 s, force-off: true }
        state: running
        autostart: ${flag}
    """,
    """
    base: &x
    """.replacing(
      "base: &x", with: "stack: lab\nprofiles: { a: &a { memory: 1 GiB } }\ndomains: { b: { <<: *a, vcpus: 1 } }"),
  ]

  @Test("what Vireo reads the schema accepts", arguments: accepted)
  func accepts(spec: String) throws {
    try Judge.check(
      "assert not list(validator.iter_errors(document)), list(validator.iter_errors(document))", documents: [spec])
  }

  static let refused = [
    "stak: lab", "stack: [lab]", "domains: []", "domains: { web: { memory: 2048 } }",
    "domains: { web: { memory: 2 gib } }", "domains: { web: { memmory: 2 GiB } }", "domains: { a/b: {} }",
    "domains: { web: { state: on-fire } }", "domains: { web: { disks: [] } }", "domains: { web: { vcpus: 0 } }",
    "domains: { web: { vcpus: two } }", "domains: { web: { cpu: { topology: 3 } } }",
    "domains: { web: { disks: { root: { size: } } } }", "domains: { web: { cpu: } }",
    "profiles: { small: { count: 2 } }", "pools: { vms: { path: ~/vms } }", "domains: { web: { autostart: 'true' } }",
    "variables: { a: [1] }", "variables: { 1a: 1 }", "domains: { web: { shutdown: { timeout: 90 } } }",
  ]

  @Test("what the schema refuses Vireo refuses", arguments: refused)
  func refuses(spec: String) throws {
    try Judge.check("assert list(validator.iter_errors(document))", documents: [spec])
    let run = try vireo(["validate", "-"], input: spec.contains("stack") ? spec : "stack: lab\n" + spec)
    #expect(run.status == 1)
  }

  @Test("the accepted specs have no mistake of form in Vireo's eyes", arguments: accepted)
  func agrees(spec: String) throws {
    let run = try vireo(["validate", "--format", "json", "-"], input: spec)
    for rule in ["unknown-key", "wrong-kind", "bad-value", "bad-name"] {
      #expect(!run.output.contains("\"rule\": \"\(rule)\""), "\(run.output)")
    }
  }
}

/// Python's jsonschema, run over the schema that the program prints.
private enum Judge {
  static let isThere = system("python3 -c 'import jsonschema, yaml' 2>/dev/null") == 0

  static func check(_ assertion: String, documents: [String]) throws {
    try TemporaryFolder.with { folder in
      let schema = try vireo(["schema"])
      try folder.write(schema.output, to: "schema.json")
      try folder.write(documents.first ?? "{}", to: "spec.yaml")
      let script = """
        import json, jsonschema, yaml
        schema = json.load(open("\(folder.path("schema.json"))"))
        document = yaml.safe_load(open("\(folder.path("spec.yaml"))"))
        validator = jsonschema.Draft202012Validator(schema)
        \(assertion)
        """
      try folder.write(script, to: "check.py")
      let status = system("python3 '\(folder.path("check.py"))' > '\(folder.path("log"))' 2>&1")
      let log = try folder.read("log").suffix(2000)
      #expect(status == 0, "\(log)")
    }
  }
}
