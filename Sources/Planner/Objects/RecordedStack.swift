// What the last apply of a stack wanted, read off the host: each domain's record, turned back into a spec. So the planner
// can say what has drifted where nobody has the spec at hand.

import Diagnostics
public import Inventory
public import Spec
import Vocabulary

/// Specs that are made from the ownership records of a host's domains.
public enum RecordedStack {
  /// The stacks that own domains of a host, each as the records of its domains describe it.
  ///
  /// A record has every field that the spec named, but for secrets; what a disk was made from is not needed to tell
  /// whether it is still the same: it is described by its file.
  public static func all(on inventory: Inventory) -> [StackSpec] {
    var stacks: [String: StackSpec] = [:]
    for domain in inventory.domains.values.sorted(by: { $0.name < $1.name }) {
      guard let record = OwnershipRecord(in: domain.inactive) else { continue }
      stacks[record.stack, default: StackSpec(name: record.stack)].domains.append(spec(of: domain.name, record))
    }
    return stacks.values.sorted { $0.name < $1.name }
  }

  /// What has to be known of a host for the status of all its stacks.
  ///
  /// - Parameter inventory: the host's domains.
  public static func request(for inventory: Inventory) -> InventoryRequest {
    InventoryRequest(for: StackSpec(name: "", domains: all(on: inventory).flatMap(\.domains)))
  }

  /// The domain's own fields without a place in libvirt's XML that say how the guest is to be; others say what an apply
  /// may do, or what comes of the definition once.
  private static let states: Set = [
    Vocabulary.domain[.state], Vocabulary.domain[.autostart], Vocabulary.domain[.sensitive],
  ]

  private static func spec(of name: String, _ record: OwnershipRecord) -> ObjectSpec {
    var domain = ObjectSpec(
      Vocabulary.domain, name, at: nowhere,
      settings: settings(record.fields(of: OwnershipRecord.itself), of: Vocabulary.domain, keeping: states))
    for collection in Vocabulary.domain.collections where collection.type.device != nil {
      let devices = record.devices(of: collection.key).map { key in
        let recorded = record.fields(of: key)
        var device = ObjectSpec(
          collection.type, String(key.dropFirst(collection.key.count + 1)), at: nowhere,
          settings: settings(recorded, of: collection.type, keeping: kept(of: collection.type)))
        if let file = record[fileOf: key] { device.set(.source, to: Setting(.string(file), at: nowhere)) }
        return device
      }
      if !devices.isEmpty { domain.members[collection.key] = devices }
    }
    return domain
  }

  /// The fields of a device without a place in libvirt's XML that say which one it is.
  private static func kept(of type: ObjectType) -> Set<Field> {
    type.has(.source) ? [type[.source], type[.sensitive]] : [type[.sensitive]]
  }

  private static func settings(
    _ recorded: [String: String], of type: ObjectType, keeping kept: Set<Field>
  ) -> [Field: Setting] {
    var settings: [Field: Setting] = [:]
    for (name, text) in recorded {
      guard let field = type.field(name), field.lens != nil || kept.contains(field) || field.isFragment else {
        continue
      }
      // Of a secret the record says only that there is one.
      if case .secretFile = field.type { continue }
      // A value that is concealed has its digest there, whatever its kind allows.
      let digest = Value.string(text).readingMasks
      guard let value = digest.isConfidential ? digest : try? field.type.parse(text).readingMasks else { continue }
      settings[field] = Setting(value, at: nowhere)
    }
    return settings
  }

  /// A record has no place in a file.
  private static let nowhere = SourceRange(
    file: SourceFile(path: "the record on the host", text: ""), start: SourcePosition(line: 1, column: 1),
    end: SourcePosition(line: 1, column: 1))
}
