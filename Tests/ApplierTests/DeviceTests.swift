// Changes to running guests' devices, with real QEMU processes.

import DiskImage
import Libvirt
import Planner
import TestSupport
import Testing
import Vocabulary
import XMLTree

@testable import Applier

@Suite("A running guest's devices", .enabled(if: EmbeddedHost.isAvailable, "needs QEMU"))
struct DeviceTests {
  @Test("grow: a disk, once, and never shrinks")
  func resize() async throws {
    let folder = try Folder()
    let path = folder("disk.qcow2")
    try run("qemu-img", "create", "-q", "-f", "qcow2", path, "1M")
    try await Host.withGuest("device-resize", devices: diskXML(path), start: true) { connection, domain, identity in
      func resize(_ path: String, target: String = "vda", to size: UInt64) async throws -> ActionFailure? {
        try await apply(
          .resizeBlockDevice(domain: identity, target: target, path: path, to: size, device: "disks.root"),
          on: connection
        ).failure
      }
      for _ in 1...2 {
        #expect(try await resize(path, to: 2 << 20) == nil)
        #expect(try await domain.blockInfo("vda").capacity == 2 << 20)
      }
      let shrink = try await resize(path, to: 1 << 20)
      #expect(shrink?.message.contains("has 2 MiB, more than the requested 1 MiB") == true)
      #expect(try await domain.blockInfo("vda").capacity == 2 << 20)
      #expect(
        try await resize(path, target: "vdb", to: 3 << 20)?.message.contains(
          "disks.root of domain device-resize no longer exists") == true)
      #expect(try await resize("/other", to: 3 << 20)?.message.contains("its image is \(path), not /other") == true)

      // The image that a guest has open is not grown behind its back, and the guest is named.
      let grow = try await apply(.growImage(path: path, format: .qcow2, from: 2 << 20, to: 3 << 20)).failure
      #expect(grow?.message.hasPrefix("\(path) is in use by domain device-resize (qemu-system-x86, process ") == true)

      try await domain.destroy()
      #expect(try await resize(path, to: 3 << 20)?.message == "domain device-resize no longer runs")
      #expect(try ImageInfo.read(path: path, format: .qcow2).virtualSize == 2 << 20)
    }
  }

  @Test("are plugged in as the stored definition has them, once")
  func attach() async throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("disk.qcow2"), "1M")
    try await Host.withGuest("device-attach", start: true) { connection, domain, identity in
      let disk = DeviceIdentity(element: "disk", identity: .alias, value: "ua-disk-vdb")
      let operation = Operation.attachDevice(domain: identity, device: disk, name: "disks.data")
      let missing = try await apply(operation, on: connection).failure
      #expect(missing?.message == "the stored definition of domain device-attach has no `disks.data` any more")

      // Into what is stored, so that the addresses of the running guest's devices stay theirs.
      var stored = try await domain.stored
      let added = try XMLElement.parse(diskXML(folder("disk.qcow2"), target: "vdb"))
      stored.update("devices") { $0.append(added) }
      try await connection.defineDomain(stored.serialised())
      for _ in 1...2 {
        let failure = try await apply(operation, on: connection).failure
        #expect(failure == nil, "\(failure?.message ?? "")")
        let running = try XMLElement.parse(try await domain.xml())
        #expect(running.first("devices")?.all("disk").count == 1)
        #expect(disk.find(in: running) != nil)
      }
    }
  }

  @Test("get another address where the guest still has a device that the definition has no more")
  func takenAddress() async throws {
    let folder = try Folder()
    for name in ["old", "new"] { try run("qemu-img", "create", "-q", "-f", "qcow2", folder("\(name).qcow2"), "1M") }
    let old = diskXML(folder("old.qcow2"), target: "vda")
    try await Host.withGuest("device-address", devices: old, start: true) { connection, domain, identity in
      let running = try XMLElement.parse(try await domain.xml())
      let address = try #require(running.element(at: "devices/disk/address"))
      var stored = try await domain.stored
      var added = try XMLElement.parse(diskXML(folder("new.qcow2"), target: "vdb"))
      added.append(address)
      stored.update("devices") {
        $0.removeAll("disk")
        $0.append(added)
      }
      try await connection.defineDomain(stored.serialised())
      let disk = DeviceIdentity(element: "disk", identity: .alias, value: "ua-disk-vdb")
      let failure = try await apply(
        .attachDevice(domain: identity, device: disk, name: "disks.data"), on: connection
      ).failure
      #expect(failure == nil, "\(failure?.message ?? "")")
      #expect(try XMLElement.parse(try await domain.xml()).first("devices")?.all("disk").count == 2)
    }
  }

  @Test("that cannot be plugged in while the guest runs wait for its next start: the definition has them")
  func refused() async throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("disk.qcow2"), "1M")
    try await Host.withGuest("device-refused", start: true) { connection, _, identity in
      try await connection.defineDomain(
        guestXML(
          identity.name, uuid: identity.uuid, devices: diskXML(folder("disk.qcow2"), target: "hda", bus: "ide")))
      let disk = DeviceIdentity(element: "disk", identity: .alias, value: "ua-disk-hda")
      let applied = try await apply(.attachDevice(domain: identity, device: disk, name: "disks.data"), on: connection)
      guard case .waits(let reason) = applied.outcomes[0] else {
        Issue.record("\(applied.outcomes)")
        return
      }
      #expect(reason.hasPrefix("`disks.data` cannot be plugged in while the guest runs ("), "\(reason)")
      // libvirt 9.0: "does not support hotplugging"; 11.3: "disk bus 'ide' cannot be hotplugged".
      #expect(reason.contains("hotplug"), "\(reason)")
    }
  }

  @Test("whose file is not there are an error, which the next start would meet as well")
  func missing() async throws {
    let folder = try Folder()
    try await Host.withGuest("device-missing", start: true) { connection, _, identity in
      try await connection.defineDomain(
        guestXML(identity.name, uuid: identity.uuid, devices: diskXML(folder("gone.qcow2"), target: "vdb")))
      let disk = DeviceIdentity(element: "disk", identity: .alias, value: "ua-disk-vdb")
      let failure = try #require(
        try await apply(.attachDevice(domain: identity, device: disk, name: "disks.data"), on: connection).failure)
      #expect(
        failure.message == "cannot plug `disks.data` into the running domain device-missing: "
          + "\(folder("gone.qcow2")) does not exist")
      #expect(failure.remedy?.hasPrefix("restore the file") == true)
      #expect(failure.field == "disks.data")
    }
  }
}
