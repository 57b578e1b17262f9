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

  /// The first corruption, in words.
  var firstCorruption: String? { texts.first { $0.kind == .corruption }?.text }

  mutating func corruption(_ text: @autoclosure () -> String, breaksRefcounts: Bool = false) {
    corruptions += 1
    if breaksRefcounts { refcountsAreBroken = true }
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
