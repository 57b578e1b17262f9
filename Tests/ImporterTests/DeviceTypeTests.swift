import Diagnostics
import Importer
import Inventory
import Planner
import Spec
import TestSupport
import Testing
import Vocabulary
import XMLTree

/// Whatever kind of thing a device is, what is written of it says so: for every word that libvirt's schema has.
@Suite("importing devices of every type", .enabled(if: InstalledSchema.isInstalled, "needs libvirt's schemas"))
struct DeviceTypeTests {
  /// An attribute that decides what a device is.
  struct Question: Sendable, CustomTestStringConvertible {
    var device: String
    /// Where the attribute is: in the device itself, or in an element of it.
    var owner: String?
    var attribute: String

    var testDescription: String { ([device, owner].compactMap(\.self) + ["@" + attribute]).joined(separator: "/") }
  }

  static let questions = [
    Question(device: "disk", attribute: "type"), Question(device: "disk", attribute: "device"),
    Question(device: "disk", owner: "target", attribute: "bus"), Question(device: "interface", attribute: "type"),
    Question(device: "hostdev", attribute: "type"), Question(device: "filesystem", attribute: "type"),
    Question(device: "filesystem", owner: "driver", attribute: "type"), Question(device: "serial", attribute: "type"),
    Question(device: "parallel", attribute: "type"), Question(device: "channel", attribute: "type"),
    Question(device: "console", attribute: "type"), Question(device: "redirdev", attribute: "type"),
    Question(device: "smartcard", attribute: "mode"), Question(device: "controller", attribute: "type"),
    Question(device: "graphics", attribute: "type"), Question(device: "input", attribute: "type"),
    Question(device: "input", attribute: "bus"), Question(device: "tpm", owner: "backend", attribute: "type"),
    Question(device: "rng", owner: "backend", attribute: "model"), Question(device: "memory", attribute: "model"),
    Question(device: "video", owner: "model", attribute: "type"), Question(device: "sound", attribute: "model"),
    Question(device: "audio", attribute: "type"), Question(device: "watchdog", attribute: "model"),
    Question(device: "panic", attribute: "model"), Question(device: "iommu", attribute: "model"),
    Question(device: "memballoon", attribute: "model"), Question(device: "shmem", owner: "model", attribute: "type"),
  ]

  /// What a device of a kind has besides; sources of types that no list here knows are devices in `/dev`.
  private static func device(_ question: Question, _ word: String) -> XMLElement {
    var device = XMLElement(question.device)
    switch question.device {
    case "disk":
      device[attribute: "type"] = "file"
      device[attribute: "device"] = "disk"
      if question.attribute == "type" {
        device.append(XMLElement("driver", ["name": "qemu", "type": "raw"]))
        device.append(source(ofDisk: word))
      } else {
        device.append(XMLElement("driver", ["name": "qemu", "type": "raw"]))
        device.append(XMLElement("source", ["file": "/vms/x.img"]))
      }
      device.append(XMLElement("target", ["dev": "sda", "bus": "scsi"]))
    case "interface":
      device.append(XMLElement("mac", ["address": "52:54:00:11:22:33"]))
      if question.attribute == "type", word != "user" { device.append(source(ofInterface: word)) }
    case "hostdev":
      device[attribute: "mode"] = ["storage", "misc", "net"].contains(word) ? "capabilities" : "subsystem"
      device.append(source(ofHostDevice: word))
    case "filesystem":
      device[attribute: "type"] = "mount"
      device.append(XMLElement("driver", ["type": "path"]))
      device.append(XMLElement("source", ["dir": "/srv"]))
      device.append(XMLElement("target", ["dir": "srv"]))
    case "serial", "parallel", "channel", "console", "redirdev":
      if question.device == "redirdev" { device[attribute: "bus"] = "usb" }
      device.append(XMLElement("source", ["path": "/run/x"]))
      if ["console", "channel"].contains(question.device), question.owner != "target" {
        device.append(XMLElement("target", ["type": "virtio"]))
      }
    case "controller": device[attribute: "index"] = "0"
    case "audio": device[attribute: "id"] = "3"
    case "shmem": device[attribute: "name"] = "x"
    case "rng":
      device[attribute: "model"] = "virtio"
      device.append(XMLElement("backend", text: word == "random" ? "/dev/urandom" : ""))
    case "smartcard" where word == "passthrough": device[attribute: "type"] = "spicevmc"
    default: break
    }
    if let owner = question.owner {
      device.update(owner) { $0[attribute: question.attribute] = word }
    } else {
      device[attribute: question.attribute] = word
    }
    return device
  }

  private static func source(ofDisk type: String) -> XMLElement {
    switch type {
    case "file": XMLElement("source", ["file": "/vms/x.img"])
    case "dir": XMLElement("source", ["dir": "/srv/x"])
    case "network":
      XMLElement("source", ["protocol": "nbd", "name": "x"], children: [XMLElement("host", ["name": "nas"])])
    case "volume": XMLElement("source", ["pool": "vms", "volume": "x"])
    case "nvme":
      XMLElement(
        "source", ["type": "pci", "managed": "yes", "namespace": "1"],
        children: [XMLElement("address", ["domain": "0x0000", "bus": "0x01", "slot": "0x00", "function": "0x0"])])
    case "vhostuser": XMLElement("source", ["type": "unix", "path": "/run/x"])
    default: XMLElement("source", ["dev": "/dev/x"])
    }
  }

  private static func source(ofInterface type: String) -> XMLElement {
    switch type {
    case "network", "bridge": XMLElement("source", [type: "x"])
    case "direct": XMLElement("source", ["dev": "eth0", "mode": "vepa"])
    case "server", "client", "mcast", "udp": XMLElement("source", ["address": "10.0.0.1", "port": "99"])
    case "internal": XMLElement("source", ["name": "x"])
    case "vhostuser": XMLElement("source", ["type": "unix", "path": "/run/x", "mode": "client"])
    default: XMLElement("source", ["dev": "/dev/x"])
    }
  }

  private static func source(ofHostDevice type: String) -> XMLElement {
    switch type {
    case "usb":
      XMLElement("source", children: [XMLElement("vendor", ["id": "0x1234"]), XMLElement("product", ["id": "0xbeef"])])
    case "scsi_host": XMLElement("source", ["protocol": "vhost", "wwpn": "naa.5123456789abcde0"])
    case "mdev":
      XMLElement("source", children: [XMLElement("address", ["uuid": "4b20d080-1b54-4048-85b3-a6a62d165c01"])])
    case "storage": XMLElement("source", children: [XMLElement("block", text: "/dev/x")])
    case "misc": XMLElement("source", children: [XMLElement("char", text: "/dev/x")])
    case "net": XMLElement("source", children: [XMLElement("interface", text: "eth0")])
    default:
      XMLElement(
        "source",
        children: [XMLElement("address", ["domain": "0x0000", "bus": "0x06", "slot": "0x02", "function": "0x0"])])
    }
  }

  @Test("an empty host gets the same device from what was written", arguments: questions)
  func sameDevice(question: Question) async throws {
    let schema = try await InstalledSchema.load("domain.rng")
    let path = ["domain", "devices", question.device] + [question.owner].compactMap(\.self)
    let words = schema.words(of: question.attribute, at: path).sorted()
    #expect(!words.isEmpty, "the schema knows the attribute")
    for word in words {
      let device = Self.device(question, word)
      let name = "\(question.testDescription) = \(word)"
      var domain = XMLElement("domain", ["type": "kvm"])
      domain.append(XMLElement("name", text: "web"))
      domain.append(XMLElement("uuid", text: "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42"))
      domain.append(XMLElement("memory", ["unit": "KiB"], text: "1048576"))
      domain.append(
        XMLElement("os", children: [XMLElement("type", ["arch": "x86_64", "machine": "q35"], text: "hvm")]))
      domain.append(XMLElement("devices", children: [device]))
      // Without such a display there is no such sound.
      if question.device == "audio", word == "spice" {
        domain.update("devices") { $0.append(XMLElement("graphics", ["type": "spice", "autoport": "yes"])) }
      }
      let inventory = try ImporterTests.inventory(domain.serialised())
      let importer = Importer(stack: "lab", includesSecrets: true)
      let result = importer.read([ObjectReference(.domain, "web")], from: inventory)
      guard !result.documents.isEmpty else {
        Issue.record("\(name): \(result.messages.map(\.message))")
        continue
      }
      let spec = try ImporterTests.spec(importer, result)
      let files = Set(["/vms/x.img", "/dev/x"])
      let plan = try Plan(for: spec, on: .supposed(for: InventoryRequest(for: spec), with: files))
      let made = plan.actions.compactMap { action -> XMLElement? in
        if case .defineDomain(let definition) = action.operation { definition.xml } else { nil }
      }
      let found = made.first?.withoutOwnership.first("devices")?.all(question.device) ?? []
      #expect(found.count == 1, "\(name)")
      for other in found {
        // What libvirt fills in by itself need not be written.
        let differences = difference(device, other, options: .siblings).filter { change in
          !(change.path == "/disk/@device" && change.old == "disk" && change.new == nil)
        }
        #expect(differences.isEmpty, "\(name): \(differences.map { "\($0.path) \($0.old ?? "-") \($0.new ?? "-")" })")
      }
    }
  }
}
