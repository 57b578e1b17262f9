// How an entry finds a device that exists and that Vireo did not create.

/// A way in which an entry finds an existing device that does not carry its key.
public enum Adoption: Sendable, Hashable {
  /// By the file that the entry's disk is to have.
  case file
  /// By a field: an entry that sets it means the device with this value and no other. A value that does not tell devices
  /// apart may be excepted.
  case field(String, except: String? = nil)
  /// Not at all once Vireo has applied the domain: its devices are known then, and what is not known is new.
  case firstApply
  /// By being all that the entry says.
  case equal
  /// By these fields together, in an entry that sets the first of them: those that it leaves out the device must not have.
  case alike([String])
  /// By its place among the devices of the kind, which nothing else distinguishes.
  case order
}

extension [Adoption] {
  /// By all that the entry says, and not otherwise.
  static var equal: [Adoption] { [.equal] }
  /// By all that the entry says, or else by the order.
  static var order: [Adoption] { [.equal, .order] }

  /// The fields that decide alone.
  public var decidingFields: [String] {
    compactMap { if case .field(let name, nil) = $0 { name } else { nil } }
  }
}
