// Which driver a URI means: every spelling of one is the same, and drivers with one URI are told apart.

import Foundation
import TestSupport
import Testing

@testable import Inventory

@Suite("identity of a host")
struct HostIdentityTests {
  private func key(_ uri: String, root: String? = nil, _ places: HostIdentity.Places = .init()) -> String {
    HostIdentity(uri: uri, embeddedRoot: root, in: places).key
  }

  @Test(
    "spellings of one driver are one driver",
    arguments: [
      ("qemu:///system", "qemu+unix:///system"), ("qemu:///system", "qemu:///system?"),
      ("qemu:///system", "QEMU:///system/"), ("qemu:///system", "qemu:/system"),
      ("qemu:///system", "qemu+unix:///system?mode=legacy"),
      ("qemu:///system", "qemu:///system?socket=/var/run/libvirt/libvirt-sock"),
      ("qemu:///system", "qemu+unix:///system?socket=%2Frun%2Flibvirt%2Fvirtqemud-sock&no_verify=1"),
      ("qemu:///session", "qemu+unix:///session#x"),
      ("qemu:///system?socket=/tmp/a/sock", "qemu+unix:///system?socket=/tmp//a/sock"),
      ("qemu+ssh://host/system", "qemu+tls://HOST/system?no_verify=1"),
    ])
  func spellings(first: String, second: String) {
    #expect(key(first) == key(second))
  }

  @Test(
    "different drivers are different",
    arguments: [
      ("qemu:///system", "qemu:///session"), ("qemu:///system", "xen:///system"),
      ("qemu:///system", "qemu:///system?socket=/tmp/a/libvirt-sock"), ("qemu:///system", "qemu+ssh://host/system"),
    ])
  func different(first: String, second: String) {
    #expect(key(first) != key(second))
  }

  @Test(
    "a daemon of this machine has a lock that does not depend on the UUID of its host, which some machines make up at each start",
    arguments: [
      "qemu:///system", "qemu+unix:///system", "qemu:///system?socket=/tmp/sock", "qemu:///session", "qemu:/session",
    ])
  func locks(uri: String) {
    func names(_ uri: String, _ uuid: String?) -> [String] {
      HostIdentity(uri: uri, embeddedRoot: nil).lockNames(hostUUID: uuid)
    }
    let names = [nil, "604c3fb0-7b22-4b24-8340-cbcfb6db6d82", "0F14B3CA-525D-4470-8D5C-098EBA85D5A9"].map {
      names(uri, $0)
    }
    // The first is taken first, by everybody.
    #expect(Set(names.map(\.first)).count == 1 && names.allSatisfy { !$0.isEmpty })
    #expect(
      names[0].first
        == HostIdentity(uri: uri.replacing("+unix", with: ""), embeddedRoot: nil).lockNames(hostUUID: nil)[0])
  }

  @Test("who connects over the network has the lock of those who do not, where the host's UUID is known")
  func remoteLocks() {
    let uuid = "604c3fb0-7b22-4b24-8340-cbcfb6db6d82"
    let here = HostIdentity(uri: "qemu:///system", embeddedRoot: nil).lockNames(hostUUID: uuid)
    let away = HostIdentity(uri: "qemu+ssh://localhost/system", embeddedRoot: nil).lockNames(
      hostUUID: uuid.uppercased())
    #expect(!Set(here).isDisjoint(with: away))
    let elsewhere = HostIdentity(uri: "qemu+ssh://other/system", embeddedRoot: nil).lockNames(hostUUID: nil)
    #expect(Set(here).isDisjoint(with: elsewhere) && !elsewhere.isEmpty)
  }

  @Test("an embedded driver is its root, whatever path leads there")
  func roots() throws {
    try TemporaryFolder.with { folder in
      let root = folder.path("host")
      try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: root)
      let own = key("qemu:///embed?root=\(root)", root: root)
      for path in [folder.path("link"), root + "/", folder.path("x/../host"), folder.path("link/.")]
      where path.hasPrefix(folder.path("x")) == false {
        #expect(key("qemu:///embed?root=\(path)", root: path) == own, "\(path)")
      }
      #expect(key("qemu:///embed?root=\(folder.path("other"))", root: folder.path("other")) != own)
    }
  }

  @Test("two daemons with one URI are told apart by where their definitions are, and one stays the same")
  func namespaces() throws {
    try TemporaryFolder.with { folder in
      var places = HostIdentity.Places()
      (places.systemState, places.machineID) = (folder.path("qemu"), folder.path("id"))
      try folder.write("3d1219c7\n", to: "id")
      let make = {
        try FileManager.default.createDirectory(atPath: folder.path("qemu"), withIntermediateDirectories: true)
      }
      try make()
      let first = key("qemu:///system", places)
      #expect(key("qemu+unix:///system", places) == first)
      try FileManager.default.moveItem(atPath: folder.path("qemu"), toPath: folder.path("former"))
      try make()
      #expect(key("qemu:///system", places) != first)
      try FileManager.default.removeItem(atPath: folder.path("qemu"))
      try FileManager.default.moveItem(atPath: folder.path("former"), toPath: folder.path("qemu"))
      #expect(key("qemu:///system", places) == first)
    }
  }

  @Test("sessions are told apart by their configuration")
  func sessions() {
    func key(_ environment: [String: String], user: UInt32 = 1000) -> String {
      var places = HostIdentity.Places()
      (places.environment, places.user) = ({ environment[$0] }, user)
      return self.key("qemu:///session", places)
    }
    #expect(key(["HOME": "/home/a"]) == key(["HOME": "/home/a", "XDG_CONFIG_HOME": "/home/a/.config"]))
    #expect(key(["HOME": "/home/a"]) != key(["HOME": "/home/b"]))
    #expect(key(["HOME": "/home/a"]) != key(["HOME": "/home/a"], user: 1001))
  }

  @Test("keys of earlier versions are recognised")
  func former() {
    let host = HostIdentity(uri: "qemu+unix:///system?", embeddedRoot: nil)
    for uri in ["qemu:///system", "qemu+unix:///system?"] { #expect(host.keys.contains(HostIdentity.key(of: uri))) }
    #expect(!host.keys.contains(HostIdentity.key(of: "qemu:///session")))
  }
}
