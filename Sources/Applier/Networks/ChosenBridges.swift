// Bridges whose names libvirt chooses. It looks for a name that no network has, and stores the definition afterwards: two
// networks that are defined at the same moment get one name, and only one of them ever starts (libvirt 9.0 and 11.3,
// `networkBridgeNameValidate`).

import Libvirt
import Planner
import Vocabulary
import XMLTree

extension LibvirtConnection {
  /// Stores definitions of networks, one after the other. A network whose bridge libvirt names is stored again if another
  /// network got the same name meanwhile.
  ///
  /// - Returns: of each definition why it is not stored; nil for one that is.
  func store(networks definitions: [ObjectDefinition]) async -> [ActionFailure?] {
    var failures: [ActionFailure?] = []
    for definition in definitions {
      failures.append(
        await failure {
          do {
            try await store(network: definition)
          } catch let error as LibvirtError where !error.isConnectionLost {
            throw definitionFailure(error, editor: "the same part of the network with `virsh net-edit`")
          }
        })
    }
    for (index, definition) in definitions.enumerated() where failures[index] == nil && definition.isBridgeChosen {
      failures[index] = await failure { try await keepApart(definition) }
    }
    return failures
  }

  private func failure(of body: () async throws -> Void) async -> ActionFailure? {
    do {
      try await body()
      return nil
    } catch {
      return ActionFailure(error)
    }
  }

  /// Lets libvirt name a network's bridge again as long as another network has that name.
  private func keepApart(_ definition: ObjectDefinition) async throws {
    for _ in 0..<20 {
      let records = try await networkRecords(readingDefinitions: true)
      let bridges = try records.map {
        ($0, try XMLElement.parse($0.inactiveXML ?? "<network/>").value(at: .networkBridge))
      }
      guard let (own, bridge) = bridges.first(where: { $0.0.name == definition.name }), let bridge,
        bridges.contains(where: { $0.1 == bridge && $0.0.name != own.name })
      else { return }
      var again = definition.xml
      again.set(own.uuid, at: .uuid)
      try await defineNetwork(again.serialised(), named: definition.name, checksSchema: false)
    }
  }
}

extension ObjectDefinition {
  /// Whether libvirt names the network's bridge, if the network has one.
  fileprivate var isBridgeChosen: Bool { xml.value(at: .networkBridge) == nil }
}
