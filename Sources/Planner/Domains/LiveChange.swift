// Changes of running guests: what libvirt can be asked to change without a restart.

import Inventory
import Spec
public import Vocabulary
import XMLTree

/// A value that a running guest is to get, which the stored definition has by then.
public struct LiveChange: Sendable, Hashable, Codable {
  /// The field as the spec writes it: `interfaces.lan.link`.
  public var field: String
  /// The device that it belongs to; nil for the domain itself.
  public var device: DeviceIdentity?
  /// The entry of the vocabulary: an interface's `link`.
  public var entry: FieldReference
  /// The value; nil for libvirt's default.
  public var value: Value?
  /// The call of libvirt's that changes it.
  public var way: LiveWay
  /// Whether the value is a secret.
  public var isConcealed = false

  /// A change of a value that may be shown, unless ``isConcealed`` is set.
  public init(field: String, device: DeviceIdentity? = nil, entry: Field, value: Value?, way: LiveWay) {
    self.field = field
    self.device = device
    self.entry = FieldReference(entry)
    self.value = value
    self.way = way
  }
}

extension DomainPlanning {
  /// What changing a field takes, for this domain as it is now.
  ///
  /// - Parameters:
  ///   - value: what it becomes; nil for libvirt's default.
  ///   - device: the device that the field belongs to; nil for the domain itself.
  func effect(of field: Field, to value: Value?, on device: DeviceIdentity? = nil) -> Effect {
    guard let observed else { return .define }
    guard observed.isActive else {
      // A saved guest goes on with the definition that it was saved with.
      return observed.hasManagedSave && field.effect.running > .define
        ? max(field.effect.stopped, .nextBoot) : field.effect.stopped
    }
    guard field.effect.way != nil, !canChangeLive(field, to: value, on: device) else { return field.effect.running }
    return .nextBoot
  }

  /// Whether libvirt may be asked to change the field of the running guest.
  private func canChangeLive(_ field: Field, to value: Value?, on device: DeviceIdentity?) -> Bool {
    // A guest that is to be stopped needs nothing.
    guard let running = observed?.running, let way = field.effect.way, !isToBeStopped else {
      return false
    }
    let element = device?.find(in: running)
    if device != nil, element == nil { return false }
    return way.isPossible(LiveQuestion(field, to: value, of: element, in: running))
  }

  /// Takes note of a change that the running guest is to get.
  mutating func addLive(_ field: Field, name: String, to value: Value?, on device: DeviceIdentity? = nil) {
    guard let way = field.effect.way else { return }
    var change = LiveChange(field: name, device: device, entry: field, value: value, way: way)
    change.isConcealed = concealment.conceals(name)
    liveChanges.append(change)
  }
}
