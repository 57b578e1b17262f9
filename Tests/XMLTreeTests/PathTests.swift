// The laws of reading and writing by path.

import Testing
import XMLTree

@Suite("Paths")
struct PathTests {
  static let paths: [XMLPath] = [
    "name", "memory", "memory/@unit", "os/type", "os/type/@machine", "os/boot/@dev", "features/acpi", "features/pae",
    "cpu/model", "cpu/feature[@name='vmx']/@policy", "cpu/feature[@name='avx']/@policy", "cpu/feature/@policy",
    "devices/disk[target/@dev='vda']/source/@file", "devices/disk[target/@dev='vdz'][@type='block']/source/@dev",
    "@type", "@id", "qemu:commandline/qemu:arg/@value", "metadata/inventory/rack/@unit",
    "clock/timer[@name='rtc']/@track",
    "features/hyperv/spinlocks/@retries", "on_reboot", "description", "cpu/model[.='qemu64']/@fallback",
  ]

  @Test("what was set is what is read", arguments: paths)
  func setThenGet(path: XMLPath) throws {
    for value in ["x", "", "it's \"two\" words", " "] {
      var element = try XMLElement.parse(Documents.domain)
      element.set(value, at: path)
      #expect(element.value(at: path) == value)
      #expect(element.exists(at: path))
      element.set("second", at: path)
      #expect(element.value(at: path) == "second")
      var empty = XMLElement("domain")
      empty.set(value, at: path)
      #expect(empty.value(at: path) == value)
    }
  }

  @Test("setting what was read changes nothing", arguments: paths)
  func getThenSet(path: XMLPath) throws {
    let original = try XMLElement.parse(Documents.domain)
    var element = original
    element.set(original.value(at: path), at: path)
    #expect(element == original)
  }

  @Test("after setting nil there is nothing to read", arguments: paths)
  func setNil(path: XMLPath) throws {
    var element = try XMLElement.parse(Documents.domain)
    element.set(nil, at: path)
    #expect(element.value(at: path) == nil)
    #expect(!element.exists(at: path))
    #expect(element.all(at: path).isEmpty)
    #expect(element.element(at: path) == nil)
  }

  @Test("setting and removing a plain path on an empty element leaves it empty", arguments: paths)
  func prunes(path: XMLPath) {
    var element = XMLElement("domain")
    element.set("x", at: path)
    element.set(nil, at: path)
    // A condition's own attribute or text stays with its element.
    if !path.description.contains("[") { #expect(element == XMLElement("domain")) }
  }

  @Test("a path reads back as it is written", arguments: paths)
  func description(path: XMLPath) throws {
    #expect(try XMLPath(parsing: path.description) == path)
  }

  @Test(
    "values are found where they are",
    arguments: [
      ("name", "web-1"), ("os/type/@machine", "pc-q35-7.2"), ("os/type", "hvm"), ("@type", "kvm"),
      ("features/acpi", ""), ("features/pae", nil), ("features/acpi/@x", nil),
      ("cpu/feature[@name='svm']/@policy", "disable"), ("cpu/feature[@name='avx']/@policy", nil),
      ("devices/disk[target/@dev='vdb']/source/@file", "/srv/vms/web-1-data.raw"),
      ("devices/disk[driver/@type='raw'][@device='disk']/target/@dev", "vdb"),
      ("cpu/model[.='qemu64']/@fallback", "forbid"), ("cpu/model[.='other']", nil), ("commandline", nil),
      // The first for which the whole path exists, not the first disk alone.
      ("devices/disk/source[@file='/srv/vms/web-1-data.raw']/@file", "/srv/vms/web-1-data.raw"),
    ] as [(XMLPath, String?)])
  func values(path: XMLPath, expected: String?) throws {
    #expect(try XMLElement.parse(Documents.domain).value(at: path) == expected)
  }

  @Test("conditions are met by what is created, next to its kind")
  func creates() throws {
    var cpu = try XMLElement.parse("<cpu><feature name='vmx' policy='require'/><numa/></cpu>")
    cpu.set("disable", at: "feature[@name='svm']/@policy")
    #expect(
      cpu.serialised(indent: nil)
        == "<cpu><feature name='vmx' policy='require'/><feature name='svm' policy='disable'/><numa/></cpu>")
    var devices = XMLElement("devices")
    devices.set("/a", at: "disk[target/@dev='vda'][@type='file']/source/@file")
    #expect(
      devices.serialised(indent: nil)
        == "<devices><disk type='file'><target dev='vda'/><source file='/a'/></disk></devices>")
  }

  @Test("nil removes what is left empty, and nothing else")
  func removes() throws {
    var domain = try XMLElement.parse(
      "<d><a><b><c x='1'/></b></a><e><f x='1' y='2'/></e><g><h x='1'/><!-- c --></g></d>")
    domain.set(nil, at: "a/b/c/@x")
    domain.set(nil, at: "e/f/@x")
    domain.set(nil, at: "g/h/@x")
    #expect(domain.serialised(indent: nil) == "<d><e><f y='2'/></e><g><!-- c --></g></d>")
    domain.set(nil, at: "e")
    domain.set(nil, at: "g")
    #expect(domain == XMLElement("d"))
  }

  @Test("keys of any spelling can be matched")
  func matching() {
    let path = XMLPath("feature").matching("@name", "it's ]/[").appending("@policy")
    var element = XMLElement("cpu")
    element.set("x", at: path)
    #expect(element.value(at: path) == "x")
    #expect(element.first("feature")?[attribute: "name"] == "it's ]/[")
  }

  @Test(
    "what is no path is refused where it goes wrong",
    arguments: [
      ("", 1), ("/a", 1), ("a/", 3), ("a//b", 3), ("@", 2), ("a/@b/c", 5), ("a[b]", 4), ("a[b=c]", 5),
      ("a[b='c]", 6), ("a[b='c'", 8), ("./a", 2), ("a b", 2), ("a]", 2),
    ])
  func malformed(text: String, column: Int) {
    let error = #expect(throws: XMLError.self) { try XMLPath(parsing: text) }
    #expect(error?.reason == .path)
    #expect(error?.column == column, "\(text): \(String(describing: error))")
  }
}
