// A step of an apply in a few words, and its name for programs.

import DiskImage
import Planner
import Vocabulary

extension Operation {
  /// The kind of step, for programs: `define-domain`.
  var name: String {
    switch self {
    case .createDirectory: "create-directory"
    case .defineNetwork: "define-network"
    case .updateNetwork: "update-network"
    case .setNetworkAutostart: "set-network-autostart"
    case .startNetwork: "start-network"
    case .stopNetwork: "stop-network"
    case .definePool: "define-pool"
    case .setPoolAutostart: "set-pool-autostart"
    case .startPool: "start-pool"
    case .importImage: "import-image"
    case .createImage: "create-image"
    case .growImage: "grow-image"
    case .defineDomain: "define-domain"
    case .resizeBlockDevice: "resize-block-device"
    case .attachDevice: "attach-device"
    case .detachDevice: "detach-device"
    case .changeRunning: "change-running"
    case .renameDomain: "rename-domain"
    case .undefineDomain: "undefine-domain"
    case .undefineNetwork: "undefine-network"
    case .restoreDomain: "restore-domain"
    case .discardRemoval: "discard-removal"
    case .deleteFile: "delete-file"
    case .restartDomain: "restart-domain"
    case .takeSnapshot: "take-snapshot"
    case .setAutostart: "set-autostart"
    case .startDomain: "start-domain"
    case .resumeDomain: "resume-domain"
    case .pauseDomain: "pause-domain"
    case .stopDomain: "stop-domain"
    case .awaitReady: "await-ready"
    case .discardSavedState: "discard-saved-state"
    case .deleteSnapshot: "delete-snapshot"
    case .revertToSnapshot: "revert-to-snapshot"
    case .takeImageSnapshot: "take-image-snapshot"
    case .narrowMode: "narrow-mode"
    }
  }

  /// What the step does, as words that are not broken; the object that it is about is said elsewhere.
  var words: [String] {
    switch self {
    case .createDirectory(let path): ["make", "the folder", path]
    case .defineNetwork(let definition):
      definition.replacing == nil ? ["define", "the network"] : ["store", "the definition"]
    case .updateNetwork(_, let fields):
      ["change", fields.map(\.field.name).joined(separator: ", "), "in the running network"]
    case .setNetworkAutostart(_, let on), .setPoolAutostart(_, let on): on ? ["autostart on"] : ["autostart off"]
    case .startNetwork: ["start", "the network"]
    case .stopNetwork: ["stop", "the network"]
    case .definePool(let pool): pool.words
    case .startPool: ["start", "the pool"]
    case .importImage(let work):
      ["copy", ByteCount.approximate(work.length), "to", work.destination.withShortChecksum]
    case .createImage(let path, let creation, let device): creation.words(path: path, device)
    case .growImage(let path, _, let old, let new, let device, _):
      ["grow", device ?? path, "from \(ByteCount.text(old))", "to \(ByteCount.text(new))"]
    case .defineDomain(let definition): definition.replacing == nil ? ["define"] : ["store", "the definition"]
    case .resizeBlockDevice(_, _, _, let size, let device):
      ["grow", device, "as it runs,", "to \(ByteCount.text(size))"]
    case .attachDevice(_, _, let name): ["plug in", name]
    case .detachDevice(_, _, let name): ["unplug", name]
    case .undefineDomain, .undefineNetwork: ["undefine"]
    case .restoreDomain: ["define", "as it was"]
    case .discardRemoval: ["discard", "the removal"]
    case .deleteFile(_, _, _, .some): ["delete"]
    case .deleteFile(let path, let device, _, nil): ["delete"] + (device.map { ["\($0),"] } ?? []) + [path]
    case .renameDomain(let domain, let name): ["rename", domain.name, "to \(name)"]
    case .restartDomain: ["restart"]
    case .takeSnapshot(_, let snapshot): ["take", "the snapshot", snapshot.name]
    case .changeRunning(_, let changes):
      [
        "change", changes.count > 2 ? "\(changes.count) values" : changes.map(\.field).joined(separator: " and "),
        "as it runs",
      ]
    case .setAutostart(_, let on): on ? ["autostart on"] : ["autostart off"]
    case .startDomain: ["start"]
    case .resumeDomain: ["resume"]
    case .pauseDomain: ["pause"]
    case .stopDomain(_, let shutdown):
      ["shut down", "within \(shutdown.timeout) s,", shutdown.forceOff ? "else force off" : "else leave it running"]
    case .awaitReady(_, let readiness, _): ["wait until", "it is ready,", "at most \(readiness.timeout) s"]
    case .discardSavedState: ["discard", "the saved memory"]
    case .deleteSnapshot(_, let name): ["delete", "the snapshot", name]
    case .revertToSnapshot(_, let name): ["revert", "to the snapshot", name]
    case .takeImageSnapshot(_, let name, _): ["take", "the snapshot", name]
    case .narrowMode(let path, let mode, let device, _):
      ["make", device ?? path.withShortChecksum, "private:", "mode 0\(String(mode, radix: 8))"]
    }
  }

  /// What the step does, in one line of any length.
  var phrase: String { SafeText.clean(words.joined(separator: " ")) }

  /// What the step does, without saying to what file.
  var shortPhrase: String {
    switch self {
    case .createDirectory: "make the folder"
    case .importImage: "copy the image"
    case .createImage(_, _, let device): "make \(device.map(SafeText.clean) ?? "the image")"
    case .growImage(_, _, _, _, let device, _): "grow \(device.map(SafeText.clean) ?? "the image")"
    case .resizeBlockDevice(_, _, _, _, let device): "grow \(SafeText.clean(device))"
    case .deleteFile(_, _, _, .some): "delete"
    case .deleteFile(_, let device, _, nil): "delete \(device.map(SafeText.clean) ?? "the file")"
    case .narrowMode(_, _, let device, _): "make \(device.map(SafeText.clean) ?? "the file") private"
    default: phrase
    }
  }

  /// The file that the step makes or changes.
  var path: String? {
    switch self {
    case .createDirectory(let path), .createImage(let path, _, _), .growImage(let path, _, _, _, _, _),
      .resizeBlockDevice(_, _, let path, _, _), .takeImageSnapshot(let path, _, _),
      .narrowMode(let path, _, _, _), .deleteFile(let path, _, _, .some):
      path
    case .importImage(let work): work.destination
    default: nil
    }
  }
}

extension PoolDefinition {
  /// Everything that the step does: a new pool is built, started and set to start with the host in one.
  fileprivate var words: [String] {
    let isNew = definition.replacing == nil
    var words = isNew ? ["define", "the pool"] : ["store", "the definition"]
    let more = [
      isBuilt ? "build it" : nil, isStarted && isNew ? "start it" : nil,
      autostart.map { "autostart \($0 ? "on" : "off")" },
    ]
    .compactMap(\.self)
    guard !more.isEmpty else { return words }
    words[words.count - 1] += ","
    return words + more.dropLast().map { $0 + "," } + more.suffix(1)
  }
}

extension ImageCreation {
  fileprivate func words(path: String, _ device: String?) -> [String] {
    let size = virtualSize.map(ByteCount.text)
    let subject = device.map { ["make", "\($0),", "the"] } ?? ["make the"]
    guard let backing else { return subject + ["\(format.rawValue) image", path + ",", size ?? "of no size"] }
    let name = backing.name.split(separator: "/").last.map(String.init) ?? backing.name
    let words = subject + ["overlay", size == nil ? path : path + ",", size, "on", name.withShortChecksum]
    return words.compactMap(\.self)
  }
}

extension String {
  /// The text with a SHA-256 in it cut to its first digits, which tell copies apart well enough for the eye.
  var withShortChecksum: String {
    let bytes = Array(utf8)
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
    var start = 0
    while start < bytes.count {
      guard let end = bytes[start...].firstIndex(where: { !isDigit($0) }) ?? Optional(bytes.count) else { break }
      if end - start == 64 {
        return String(decoding: bytes[..<(start + 8)], as: UTF8.self) + "…"
          + String(decoding: bytes[end...], as: UTF8.self)
      }
      start = end + 1
    }
    return self
  }
}
