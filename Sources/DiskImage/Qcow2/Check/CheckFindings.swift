// What a check found: counted without bound, told up to a bound.

/// Findings of one walk over an image.
struct CheckFindings: Sendable, Equatable {
  /// How many findings are kept in words.
  static let textLimit = 1000

  private(set) var corruptions: UInt64 = 0
  private(set) var leaks: UInt64 = 0
  private(set) var checkErrors: UInt64 = 0
  private(set) var texts: [(kind: ImageCheck.Finding.Kind, text: String)] = []
  /// Whether the refcount table or its blocks cannot be mended in place.
  private(set) var refcountsAreBroken = false
  /// Corruptions that a repair can do something about: counts and flags.
  private(set) var mendable: UInt64 = 0
  /// Whether tables could not be followed: what they lead to looks unused and is not.
  private(set) var hidesReferences = false
  /// Whether some cluster has more references than the image's refcounts can say.
  private(set) var exceedsRefcounts = false

  /// The first corruption, in words.
  var firstCorruption: String? { texts.first { $0.kind == .corruption }?.text }

  /// What a corruption means for a repair.
  enum Consequence {
    /// It stays, and nothing else depends on it.
    case stays
    /// It can be mended.
    case mendable
    /// It can be mended, by building all refcounts again.
    case breaksRefcounts
    /// It stays, and some references were not seen.
    case hidesReferences
    /// It stays, and refcounts cannot be right with it, unless what is referred to is copied.
    case exceedsRefcounts
  }

  mutating func corruption(_ text: @autoclosure () -> String, _ consequence: Consequence = .stays) {
    corruptions += 1
    switch consequence {
    case .stays: break
    case .mendable: mendable += 1
    case .breaksRefcounts:
      mendable += 1
      refcountsAreBroken = true
    case .hidesReferences: hidesReferences = true
    case .exceedsRefcounts:
      mendable += 1
      exceedsRefcounts = true
    }
    note(.corruption, text)
  }

  mutating func leak(_ text: @autoclosure () -> String) {
    leaks += 1
    note(.leak, text)
  }

  mutating func error(_ text: @autoclosure () -> String) {
    checkErrors += 1
    note(.error, text)
  }

  private mutating func note(_ kind: ImageCheck.Finding.Kind, _ text: () -> String) {
    if texts.count < Self.textLimit { texts.append((kind, text())) }
  }

  static func == (one: Self, other: Self) -> Bool {
    one.corruptions == other.corruptions && one.leaks == other.leaks && one.checkErrors == other.checkErrors
      && one.texts.elementsEqual(other.texts) { $0 == $1 }
  }
}
