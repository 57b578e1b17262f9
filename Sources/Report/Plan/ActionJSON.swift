// A step of an apply for programs.

import Diagnostics
import DiskImage
import Inventory
import Planner
import Vocabulary
import XMLTree

extension Action {
  /// The step; its place in the array of actions is what `after` counts.
  ///
  /// - Parameter secrets: what is not to be shown of it.
  func json(hiding secrets: KnownSecrets) -> JSON {
    let common: [(String, JSON?)] = [
      ("operation", .string(operation.name)),
      ("object", object.json),
      ("after", .array(after.map(JSON.integer))),
      ("effect", .string(effect.rawValue)),
    ]
    return .object(common + operation.details(hiding: secrets).map { ($0, $1?.hiding(secrets)) })
  }
}

extension Operation {
  /// What the kind of step needs to be carried out.
  fileprivate func details(hiding secrets: KnownSecrets) -> [(String, JSON?)] {
    switch self {
    case .createDirectory(let path): [("path", .string(path))]
    case .defineNetwork(let definition): definition.details(hiding: secrets)
    case .updateNetwork(_, let fields): [("fields", .array(fields.map { .string($0.field.name) }))]
    case .setNetworkAutostart(_, let on), .setPoolAutostart(_, let on): [("autostart", .boolean(on))]
    case .startNetwork, .stopNetwork: []
    case .definePool(let pool):
      pool.definition.details(hiding: secrets) + [
        ("build", .boolean(pool.isBuilt)), ("autostart", pool.autostart.map(JSON.boolean)),
      ]
    case .startPool: []
    case .importImage(let work):
      [
        ("source", .string(work.source)), ("destination", .string(work.destination)),
        ("format", .string(work.format.rawValue)), ("sha256", .string(work.sha256)), ("length", .unsigned(work.length)),
      ]
    case .createImage(let path, let creation, let device):
      [("path", .string(path)), ("device", device.map(JSON.string))] + creation.details
    case .growImage(let path, let format, let old, let new, let device, _):
      [
        ("path", .string(path)), ("device", device.map(JSON.string)), ("format", .string(format.rawValue)),
        ("from", .unsigned(old)), ("to", .unsigned(new)),
      ]
    case .defineDomain(let definition):
      [
        ("domain", definition.identity.json), ("replacing", .boolean(definition.replacing != nil)),
        ("xml", .string(definition.xml.shown(hiding: secrets))),
        ("expectations", .array(definition.expectations.map(\.json))),
      ]
    case .resizeBlockDevice(let domain, let target, let path, let size, let device):
      [
        ("domain", domain.json), ("device", .string(device)), ("target", .string(target)), ("path", .string(path)),
        ("to", .unsigned(size)),
      ]
    case .attachDevice(let domain, let device, let name), .detachDevice(let domain, let device, let name):
      [("domain", domain.json), ("device", .string(name)), ("alias", device.alias.map(JSON.string))]
    case .undefineDomain(let domain, let undefinition):
      [
        ("domain", domain.json), ("discards-saved-state", .boolean(undefinition.discardsSavedState)),
        ("forgets-snapshots", .boolean(undefinition.forgetsSnapshots)),
        ("forgets-checkpoints", .boolean(undefinition.forgetsCheckpoints)),
        ("keeps-nvram", .boolean(undefinition.keepsNVRAM)),
      ]
    case .undefineNetwork: []
    case .restoreDomain(let archived), .discardRemoval(let archived):
      [
        ("domain", archived.removal.identity.json),
        ("removed", .string(RemovedDomain.text(ofMoment: archived.removal.removed))),
        ("archive", .string(archived.path)),
      ]
    case .renameDomain(let domain, let name): [("domain", domain.json), ("to", .string(name))]
    case .deleteFile(let path, let device, _, let unneeded):
      [
        ("path", .string(path)), ("device", device.map(JSON.string)),
        ("bytes", unneeded.map { .unsigned($0.file.bytes) }),
        ("evidence", unneeded?.evidence.map { .string($0.name) }),
      ]
    case .takeSnapshot(let domain, let snapshot):
      [
        ("domain", domain.json), ("name", .string(snapshot.name)), ("kind", JSON(snapshot.kind?.rawValue)),
        ("memory", snapshot.memory.map(JSON.boolean)), ("quiesce", .boolean(snapshot.quiesce)),
      ]
    case .changeRunning(let domain, let changes):
      [
        ("domain", domain.json),
        (
          "values",
          .array(
            changes.map { change in
              .object([("field", .string(change.field)), ("value", change.value.map(JSON.init) ?? .null)])
            })
        ),
      ]
    case .setAutostart(let domain, let on): [("domain", domain.json), ("autostart", .boolean(on))]
    case .startDomain(let domain), .resumeDomain(let domain), .pauseDomain(let domain): [("domain", domain.json)]
    case .stopDomain(let domain, let shutdown), .restartDomain(let domain, let shutdown):
      [
        ("domain", domain.json), ("timeout", .integer(shutdown.timeout)), ("force-off", .boolean(shutdown.forceOff)),
        ("mode", JSON(shutdown.mode?.rawValue)),
      ]
    case .awaitReady(let domain, let readiness, _):
      [
        ("domain", domain.json), ("lease", .boolean(readiness.lease)), ("agent", .boolean(readiness.agent)),
        ("tcp", readiness.port.map(JSON.integer)), ("address", JSON(readiness.address)),
        ("timeout", .integer(readiness.timeout)),
      ]
    case .discardSavedState(let domain): [("domain", domain.json)]
    case .deleteSnapshot(let domain, let name), .revertToSnapshot(let domain, let name):
      [("domain", domain.json), ("name", .string(name))]
    case .takeImageSnapshot(let path, let name, _): [("path", .string(path)), ("name", .string(name))]
    case .narrowMode(let path, let mode, _, _):
      [("path", .string(path)), ("mode", .string("0" + String(mode, radix: 8)))]
    }
  }
}

extension XMLElement {
  /// A definition as text, with masks in place of secrets.
  fileprivate func shown(hiding secrets: KnownSecrets) -> String {
    var root = XMLFragment(self).masked(.shown).root
    root.replaceAllValues { secrets.concealed(SecretMask.shown($0)) }
    return root.serialised()
  }
}

extension JSON {
  /// The value with masks in place of secrets.
  fileprivate func hiding(_ secrets: KnownSecrets) -> JSON {
    guard !secrets.isEmpty else { return self }
    switch self {
    case .string(let text): return .string(secrets.concealed(text))
    case .array(let values): return .array(values.map { $0.hiding(secrets) })
    case .object(let members): return .object(members.map { ($0, $1?.hiding(secrets)) })
    case .null, .boolean, .integer, .unsigned: return self
    }
  }
}

extension ObjectDefinition {
  fileprivate func details(hiding secrets: KnownSecrets) -> [(String, JSON?)] {
    [
      ("replacing", .boolean(replacing != nil)), ("xml", .string(xml.shown(hiding: secrets))),
      ("expectations", .array(expectations.map(\.json))),
    ]
  }
}

extension RemovedDomain {
  fileprivate var identity: DomainIdentity { DomainIdentity(name: name, uuid: uuid) }
}

extension DomainIdentity {
  fileprivate var json: JSON { .object([("name", .string(name)), ("uuid", .string(uuid))]) }
}

extension Expectation {
  fileprivate var json: JSON {
    .object([("field", .string(field)), ("value", value.map { JSON($0) } ?? .null)])
  }
}

extension ImageCreation {
  fileprivate var details: [(String, JSON?)] {
    [
      ("format", .string(format.rawValue)),
      ("size", virtualSize.map(JSON.unsigned)),
      (
        "backing",
        backing.map { .object([("path", .string($0.name)), ("format", .string($0.format.rawValue))]) }
      ),
    ]
  }
}
