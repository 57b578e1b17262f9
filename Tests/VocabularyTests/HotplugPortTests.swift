// The free ports of running guests, whatever numbers stand in their definitions.

import Testing
import XMLTree

@testable import Vocabulary

@Suite("ports for devices that are plugged in")
struct HotplugPortTests {
  private static func domain(_ devices: String) throws -> XMLElement {
    try XMLElement.parse("<domain><devices>\(devices)</devices></domain>")
  }

  @Test(
    "a virtio-serial controller has as many as it says, within what can be",
    arguments: [
      ("", 30), ("ports='8'", 7), ("ports='1'", 0), ("ports='0'", 0), ("ports='-9223372036854775808'", 0),
      ("ports='9223372036854775807'", 65_535), ("ports='9223372036854775808'", 30), ("ports='many'", 30),
    ])
  func serialPorts(attribute: String, free: Int) throws {
    let controller = "<controller type='virtio-serial' \(attribute)/>"
    #expect(try Hotplug.Need.freeSerialPorts(of: Self.domain(controller)) == free)
    // Several of them, and what is in them, are counted together.
    let channel = "<channel type='unix'><target type='virtio'/></channel>"
    #expect(try Hotplug.Need.freeSerialPorts(of: Self.domain(controller + controller + channel)) == 2 * free - 1)
  }

  @Test(
    "a root port is free when no device names its number, whatever number that is",
    arguments: [
      ("index='1'", "bus='0x01'", 0), ("index='1'", "bus='0x02'", 1), ("index='9223372036854775808'", "bus='0x01'", 0),
      ("index='-1'", "bus='0xffffffffffffffff'", 1), ("index='1'", "bus='0'", 1), ("index='1'", "bus=''", 1),
      ("", "", 0),
    ])
  func rootPorts(port: String, bus: String, free: Int) throws {
    let domain = try Self.domain(
      "<controller type='pci' model='pcie-root-port' \(port)/>"
        + "<interface><address type='pci' \(bus)/></interface>")
    #expect(Hotplug.Need.freeRootPorts(of: domain) == free)
  }
}
