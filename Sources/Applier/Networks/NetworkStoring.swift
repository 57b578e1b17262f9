// Storing the definition of a network: checked against libvirt's schema, or kept whole where libvirt takes what its schema does
// not: port groups with values that it reads, stores and writes again.

public import Libvirt
public import Planner
import Vocabulary
import XMLTree

extension LibvirtConnection {
  /// Stores a network's definition. What the schema refuses is stored all the same where libvirt keeps all of it.
  ///
  /// - Throws: ``LibvirtError``; what the schema has against the definition where libvirt would drop or change a part of it.
  @discardableResult
  public func store(network definition: ObjectDefinition) async throws -> LibvirtNetwork {
    let text = definition.xml.serialised()
    let refusal: LibvirtError
    do {
      return try await defineNetwork(text, named: definition.name)
    } catch let error as LibvirtError where error.code == .xmlInvalidSchema {
      refusal = error
    }
    let network: LibvirtNetwork
    do {
      network = try await defineNetwork(text, named: definition.name, checksSchema: false)
    } catch let error as LibvirtError where !error.isConnectionLost {
      throw refusal
    }
    guard XMLFragment(definition.xml).firstDifference(in: try await storedDefinition(of: network)) != nil else {
      return network
    }
    if let old = definition.replacing {
      try await defineNetwork(old.serialised(), named: definition.name, checksSchema: false)
    } else {
      try await network.undefine()
    }
    throw refusal
  }
}
