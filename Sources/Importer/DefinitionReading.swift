// Networks and storage pools as objects of the spec.

import Inventory
import Planner
import Vocabulary
import XMLTree

/// Reads an object that is one definition without devices.
enum DefinitionReading {
  static func object(for network: ObservedNetwork, _ detail: Detail) -> ImportedObject {
    var source = network.inactive ?? XMLElement("network")
    OwnershipRecord.remove(from: &source)
    let start = XMLElement("network", children: [XMLElement("name", text: network.name)])
    var object = read(source, as: Vocabulary.network, named: network.name, from: start, detail)
    object[.uuid] = .string(network.uuid)
    if !network.isActive { object[.networkState] = .string(NetworkState.inactive.rawValue) }
    if network.autostart { object[.autostart] = .boolean(true) }
    return object
  }

  static func object(for pool: ObservedPool, _ detail: Detail) -> ImportedObject {
    var source = pool.inactive
    // What is in a pool is not part of what it is.
    for name in ["capacity", "allocation", "available"] { source.removeAll(name) }
    // libvirt writes an empty one for a folder.
    source.removeAll("source") { $0.attributes.isEmpty && $0.elements.first { _ in true } == nil }
    let start = XMLElement("pool", ["type": pool.type], children: [XMLElement("name", text: pool.name)])
    var object = read(source, as: Vocabulary.pool, named: pool.name, from: start, detail)
    if pool.type != PoolType.dir.rawValue { object[.poolType] = .string(pool.type) }
    if !pool.isActive { object[.poolState] = .string(PoolState.any.rawValue) }
    // A new one starts with the host unless the spec says otherwise.
    if !pool.autostart { object[.autostart] = .boolean(false) }
    return object
  }

  private static func read(
    _ source: XMLElement, as type: ObjectType, named name: String, from start: XMLElement, _ detail: Detail
  ) -> ImportedObject {
    var object = ImportedObject(type, name)
    let kept = [FieldKey.uuid, .path, .type].compactMap { type.field($0.name) }
    let reading = FieldReading(
      source, as: type, from: start, skipping: detail == .xml ? Set(type.fields).subtracting(kept) : [])
    object.values = reading.values
    if let rest = XMLFragment.rest(of: source, beyond: reading.made) { object[.xml] = .xml(rest) }
    return object
  }
}
