// Did you mean: what is near enough, and what is not.

import Diagnostics
import Testing

@Suite("closest match")
struct ClosestMatchTests {
  static let names = [
    "memory", "vcpus", "disks", "disk-size", "interfaces", "cloud-init", "user-data", "cpu", "autostart", "state",
    "snapshots", "profiles", "host-passthrough", "mode", "image", "images",
  ]

  @Test(
    "a misspelt name finds the one that was meant",
    arguments: [
      ("memroy", "memory"), ("memor", "memory"), ("Memory", "memory"), ("vcpu", "vcpus"), ("disk", "disks"),
      ("disk_size", "disk-size"), ("disksize", "disk-size"), ("DiskSize", "disk-size"), ("mem", "memory"),
      ("cp", "cpu"), ("interface", "interfaces"), ("autostrat", "autostart"), ("snapshto", "snapshots"),
      ("cloudinit", "cloud-init"), ("host-passthru", "host-passthrough"), ("memory-size", "memory"),
    ])
  func near(name: String, meant: String) {
    #expect(closestMatch(to: name, among: Self.names) == meant)
  }

  @Test(
    "a name that resembles nothing finds nothing",
    arguments: ["", "x", "zz", "firmware", "tpm", "-", "memory-of-it-all-and-more"])
  func far(name: String) {
    #expect(closestMatch(to: name, among: ["disks", "vcpus", "interfaces"]) == nil)
  }

  @Test("the name itself is no suggestion")
  func itself() {
    #expect(closestMatch(to: "memory", among: ["memory"]) == nil)
    #expect(closestMatch(to: "memory", among: [String]()) == nil)
  }

  @Test("a very long name is compared with nothing")
  func long() {
    let name = String(repeating: "a", count: 100_000)
    #expect(closestMatch(to: name, among: [name + "b"]) == nil)
  }
}
