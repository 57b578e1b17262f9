import Diagnostics
import Inventory
import Planner
import Testing
import XMLTree

@Suite("what the host cannot run")
struct HostLimitTests {
  private func problems(_ domain: String) throws -> [Diagnostic] {
    var host = ImaginedHost()
    host.inventory.host.capabilities = Capabilities(
      arch: "x86_64", domainTypes: ["x86_64": ["qemu"]], machines: ["x86_64": ["pc", "q35", "pc-q35-7.2"]])
    do {
      _ = try host.plan("stack: lab\ndomains:\n  web: { memory: 1 GiB, \(domain) }")
      return []
    } catch let error as DiagnosticsError {
      return error.diagnostics
    }
  }

  @Test(
    "is said while planning, at its place and with what to write",
    arguments: [
      (
        "arch: aarch64", "the host cannot run guests of the architecture aarch64",
        "install QEMU for it, or write one of x86_64"
      ),
      ("type: kvm", "the host has no KVM for x86_64 guests", "write `type: qemu`, or leave it out"),
      ("machine: q36", "the host has no machine type q36 for x86_64 guests", "did you mean `q35`?"),
      (
        "cpu: host-passthrough", "cpu host-passthrough needs a guest of type kvm, and this one is of type qemu",
        "write `maximum`, all that emulation can do"
      ),
    ])
  func refused(domain: String, message: String, suggestion: String) throws {
    let problems = try problems(domain)
    #expect(problems.map(\.message) == [message])
    #expect(problems.map(\.suggestion) == [suggestion])
    #expect(problems.allSatisfy { $0.range?.start.line == 3 && $0.subject == "domain web" })
  }

  @Test("and nothing else is", arguments: ["machine: pc-q35-7.2", "type: qemu", "cpu: maximum", "arch: x86_64"])
  func accepted(domain: String) throws {
    #expect(try problems(domain).isEmpty)
  }

  @Test("machines are those of libvirt's capabilities, aliases and those of single domain types among them")
  func capabilities() throws {
    let document = try XMLElement.parse(
      """
      <capabilities><host><cpu><arch>x86_64</arch></cpu></host><guest><os_type>hvm</os_type><arch name='x86_64'>
      <machine maxCpus='255'>pc-i440fx-7.2</machine><machine canonical='pc-i440fx-7.2'>pc</machine>
      <domain type='qemu'/><domain type='kvm'><machine>q35</machine></domain></arch></guest></capabilities>
      """)
    let capabilities = Capabilities(document)
    #expect(capabilities.machines == ["x86_64": ["pc-i440fx-7.2", "pc", "q35"]])
    #expect(capabilities.domainTypes == ["x86_64": ["qemu", "kvm"]])
  }
}
