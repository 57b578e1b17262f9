// Mistakes beside secrets, and in them: no message quotes one, and no excerpt shows one, in any form.

import Diagnostics
import Testing

@testable import Spec

@Suite("secrets in messages about a spec")
struct SecretExcerptTests {
  private static let domain = "stack: lab\ndomains:\n  web:\n"

  private static let mistakes = [
    // In one line with what is wrong.
    "domains: { web: { title: CANARY, memory: 5, sensitive: [title] } }",
    domain + "    { title: CANARY, memory: 1 GiB, sensitive: title, nonsense: 1 }",
    // Of a wrong kind, and of a right one with a wrong value.
    domain + "    memory: 1 GiB\n    sensitive: [title]\n    title: [CANARY, more]",
    domain + "    memory: 1 GiB\n    sensitive: [disks.root.serial]\n    disks: { root: { serial: 'CANARY!' } }",
    domain + "    memory: 1 GiB\n    disks: { root: { serial: 'CANARY!', sensitive: [serial] } }",
    domain + "    memory: 1 GiB\n    sensitive: [smbios]\n    smbios: { oem-strings: { a: CANARY } }",
    // In a profile, and marked by one.
    "stack: lab\nprofiles: { p: { title: { a: CANARY } } }\ndomains: { web: { profiles: [p], sensitive: [title] } }",
    "stack: lab\nprofiles: { p: { sensitive: [title] } }\ndomains: { web: { profiles: [p], title: { a: CANARY } } }",
    // Under a misspelt key.
    domain + "    { memory: 1 GiB, sensitive: [title], titel: CANARY }",
    domain + "    { memory: 1 GiB, qemu: { envv: { TOKEN: CANARY } } }",
    domain + "    { memory: 1 GiB, fwcfg: { opt/x/y: { valeu: CANARY } } }",
    // In known places.
    domain + "    { memory: 1 GiB, qemu: { env: { TOKEN: [CANARY] } } }",
    domain + "    { memory: 1 GiB, qemu: { env: CANARY } }",
    domain + "    { memory: 1 GiB, qemu: { args: [{ a: 'string=CANARY' }] } }",
    domain + "    { memory: 5, qemu: { args: ['name=x,string=CANARY'] } }",
    domain + "    { memory: 5, smbios: { oem-strings: ['io.systemd.credential:x=CANARY'] } }",
    // In libvirt's XML.
    domain + "    { memory: 5, xml: \"<description>CANARY</description>\", sensitive: [xml/description] }",
    domain + "    { memory: 1 GiB, xml: \"<description>CANARY\", sensitive: [xml/description] }",
    domain + "    { memory: 1 GiB, xml: \"<qemu:commandline><qemu:env name='a' value='CANARY'>\" }",
    domain + "    { memory: 5, xml: \"<devices><graphics type='vnc' passwd='CANARY'/></devices>\" }",
    // By a variable, whose default stands in the file.
    "stack: lab\nvariables: { token: CANARY, 0: x }\n" + "domains: { web: { title: '${token}', sensitive: [title] } }",
    // Of a network and a pool.
    "stack: lab\nnetworks: { n: { domain: CANARY, mtu: x, sensitive: [domain] } }",
    "stack: lab\npools: { p: { type: iscsi, source.auth.username: CANARY, path: 5, nonsense: 1, sensitive: [source] } }",
    // No YAML at all.
    domain + "    sensitive: [title]\n    title: \"CANARY\n    memory: 5",
    domain + "    qemu: { env: { TOKEN: CANARY }",
    domain + "    sensitive: [title]\n    title: CANARY: more",
    domain + "    sensitive: [title]\n    title: 'a' CANARY",
    domain + "    sensitive: [title]\n  CANARY",
    domain + "    fwcfg:\n      opt/x/y: { value: ${CANARY} }",
    domain + "    sensitive: [title]\n    title: |x\n      CANARY",
  ]

  private func outputs(_ texts: [String]) -> (hasErrors: Bool, text: String) {
    let files = texts.enumerated().map { SourceFile(path: "\($0).yaml", text: $1) }
    let result = SpecLoader().load(files)
    let forms: [DiagnosticFormat] = [
      .text(color: false, width: nil), .text(color: true, width: 60), .json, .github,
    ]
    return (
      result.diagnostics.hasErrors, forms.map { DiagnosticFormat.render(result.diagnostics, as: $0) }.joined()
    )
  }

  @Test("are hidden in every form", arguments: mistakes)
  func hidden(text: String) {
    let (hasErrors, output) = outputs([text.replacing("CANARY", with: "Canary7Tweets")])
    #expect(hasErrors)
    #expect(!output.contains("Canary7Tweets"), "\(output)")
    #expect(!output.contains("anary7"), "\(output)")
  }

  @Test("are hidden where another file of the stack marks them")
  func otherFile() {
    let (hasErrors, output) = outputs([
      "stack: lab\ndomains: { web: { memory: 1 GiB, sensitive: [title] } }",
      "domains:\n  web:\n    title: \"Canary7Tweets\n",
    ])
    #expect(hasErrors)
    #expect(!output.contains("Canary7"), "\(output)")
    #expect(output.contains("title:"), "the key is shown: \(output)")
  }

  @Test("a file without anything of the kind shows its lines as they are")
  func plainFile() {
    #expect(outputs(["stack: lab\ndomains:\n  web:\n    title: \"Kanari\n"]).text.contains("Kanari"))
    #expect(outputs([Self.domain + "    { title: Kanari, memory: 5 }"]).text.contains("Kanari"))
  }

  @Test(
    "a name that means nothing is an error with what was most likely meant",
    arguments: [
      ("sensitive: [titel]", "did you mean `title`?"),
      ("sensitive: [disks.rot.serial]", "did you mean `disks.root`?"),
      ("sensitive: [disks.root.seriell]", "did you mean `disks.root.serial`?"),
      ("sensitive: [disks.root]", "name one of its fields"),
      ("sensitive: [memory]", "Vireo always shows names of files"),
      ("sensitive: [disks.root.pool]", "Vireo always shows names of files"),
      ("sensitive: [xml/description]", "write `xml:`, or remove the name"),
      ("sensitive: [xml/descriptoin], xml: <description>a</description>", "did you mean `xml/description`?"),
      ("sensitive: [xml/os/typ/@arch], xml: \"<os><type arch='x'/></os>\"", "did you mean `xml/os/type/@arch`?"),
      ("sensitive: ['xml/a[']", "write names of elements"),
      ("sensitive: [nothing-like-it]", "write the name of a field"),
    ])
  func unknown(entry: String, remedy: String) {
    let text =
      "stack: lab\npools: { vms: { path: /vms } }\ndomains:\n  web: { memory: 1 GiB, "
      + "disks: { root: { size: 1 GiB, pool: vms } }, \(entry) }\n"
    let (hasErrors, output) = outputs([text])
    #expect(hasErrors)
    #expect(output.contains(remedy), "\(output)")
  }

  @Test(
    "names that mean something are taken",
    arguments: [
      "sensitive: title", "sensitive: [title, description]", "sensitive: [smbios]", "sensitive: [disks.root.serial]",
      "sensitive: [xml], xml: <title>a</title>", "sensitive: [xml/title], xml: <title>a</title>",
      "sensitive: ['xml/sysinfo[@type=\"fwcfg\"]/entry'], xml: \"<sysinfo type='fwcfg'><entry name='a'>b</entry></sysinfo>\"",
    ])
  func known(entry: String) {
    let text =
      "stack: lab\npools: { vms: { path: /vms } }\ndomains:\n  web: { memory: 1 GiB, "
      + "disks: { root: { size: 1 GiB, pool: vms } }, \(entry) }\n"
    let (hasErrors, output) = outputs([text])
    #expect(!hasErrors, "\(output)")
  }
}
