// What a killed process has noted about work on a running guest's disks, and what QEMU says about it.

import Testing

@testable import Libvirt

@Suite("The notes of an embedded driver about work on disks")
struct EmbeddedStatusTests {
  private static func status(job: String, mirror: String) -> String {
    """
    <domstatus state='running' reason='booted' pid='7'>
      <monitor path='/root/monitor.sock' type='unix'/>
      <blockjobs active='yes'>
        \(job)
      </blockjobs>
      <domain type='qemu'>
        <devices>
          <disk type='file' device='disk'>
            <source file='/pool/one.qcow2' index='4'/>
            \(mirror)
            <target dev='vda' bus='virtio'/>
          </disk>
        </devices>
      </domain>
    </domstatus>
    """
  }

  private static func job(_ state: String, type: String = "active-commit") -> String {
    "<blockjob name='commit-vda' type='\(type)' \(state) jobflags='0x4'>\n      <disk dst='vda'/>\n    </blockjob>"
  }

  private static func mirror(_ attributes: String) -> String {
    "<mirror type='file' \(attributes)>\n        <source file='/pool/below.raw' index='2'/>\n      </mirror>"
  }

  private func corrected(_ text: String, _ jobs: [String: String]?) throws -> String {
    var status = try #require(EmbeddedStatus(text))
    status.correct(by: jobs)
    return status.text
  }

  private static let pivoting = "state='pivoting' newstate='completed'"

  @Test("a guest at whose disks nothing is at work has none, and the monitor is found")
  func none() throws {
    #expect(EmbeddedStatus(Self.status(job: "", mirror: "")) == nil)
    let text = Self.status(job: Self.job(Self.pivoting), mirror: Self.mirror("job=''"))
    #expect(try #require(EmbeddedStatus(text)).monitor == "/root/monitor.sock")
  }

  @Test(
    "a job that QEMU does not have goes, with the mirror", arguments: ["job=''", "job='active-commit' ready='pivot'"])
  func gone(mirror: String) throws {
    let text = Self.status(job: Self.job(Self.pivoting), mirror: Self.mirror(mirror))
    #expect(try corrected(text, [:]) == Self.status(job: "", mirror: ""))
    // So does a mirror that nothing works on any more.
    #expect(try corrected(Self.status(job: "", mirror: Self.mirror(mirror)), [:]) == Self.status(job: "", mirror: ""))
  }

  @Test("a job that QEMU has finished and still tells of is libvirt's to finish, and is readable")
  func concluded() throws {
    let readable = Self.mirror("job='active-commit' ready='pivot'")
    for mirror in [Self.mirror("job=''"), readable] {
      let text = Self.status(job: Self.job(Self.pivoting), mirror: mirror)
      let expected = Self.status(job: Self.job(Self.pivoting), mirror: readable)
      #expect(try corrected(text, ["commit-vda": "concluded"]) == expected)
      // A QEMU that does not answer decides nothing.
      #expect(try corrected(text, nil) == expected)
    }
  }

  @Test("a guest that was to leave its overlay, and of which QEMU was not asked to, may be told again")
  func rewound() throws {
    let text = Self.status(
      job: Self.job("state='pivoting' newstate='ready'"), mirror: Self.mirror("job='active-commit' ready='pivot'"))
    let expected = Self.status(
      job: Self.job("state='ready'"), mirror: Self.mirror("job='active-commit' ready='yes'"))
    #expect(try corrected(text, ["commit-vda": "ready"]) == expected)
  }

  @Test("work of another kind, and work that goes on, stay as they are")
  func others() throws {
    let ready = Self.status(
      job: Self.job("state='ready'"), mirror: Self.mirror("job='active-commit' ready='yes'"))
    #expect(try corrected(ready, ["commit-vda": "ready"]) == ready)
    let copy = Self.status(
      job: Self.job("state='ready'", type: "copy"), mirror: Self.mirror("job='copy' ready='yes'"))
    #expect(try corrected(copy, [:]) == copy)
  }
}
