// What a change costs: the words that plans use and that limits are given in.

/// The effect of a change, from the least to the most disruptive.
///
/// The order is the order of disruption, so that a limit is a comparison.
public enum Effect: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
  /// Stored in the definition or on disk; no running guest is concerned.
  case define
  /// Takes hold at once in the running guest, which keeps running.
  case live
  /// Stored now; the running guest gets it when it is next started.
  case nextBoot = "next-boot"
  /// The guest is stopped and started again.
  case restart
  /// The guest is stopped or paused, and stays so.
  case offline
  /// The object is removed and created again.
  case replace
  /// The object is removed from the host.
  case delete
  /// Data is lost.
  case dataLoss = "data-loss"

  /// Whether the left effect disrupts less than the right one.
  public static func < (left: Effect, right: Effect) -> Bool { left.rank < right.rank }

  private var rank: Int { Self.allCases.firstIndex(of: self)! }

  /// What the word means, for help texts and the reference.
  public var explanation: String {
    switch self {
    case .define: "stored in the definition or on disk; no running guest is concerned"
    case .live: "takes hold at once in the running guest"
    case .nextBoot: "stored now; a running guest or network gets it when it is next started"
    case .restart: "the guest is stopped and started again"
    case .offline: "a guest is stopped or paused, or a network stopped, and stays so"
    case .replace: "the object is removed and created again"
    case .delete: "the object is removed from the host"
    case .dataLoss: "data is lost"
    }
  }
}

/// The effect of changing a field, for a guest that is stopped and for one that runs.
public struct EffectRule: Sendable, Hashable {
  /// The effect on a guest that is stopped, and on objects that do not run.
  public var stopped: Effect
  /// The effect on a guest that runs.
  public var running: Effect
  /// How libvirt changes the running guest, where the field is one value that it has a call for.
  public var way: LiveWay?
  /// How what runs is changed, where a plan has a step of its own for that.
  public var step: LiveStep?

  /// The effect on a running guest, with `define` for a stopped one unless another is given.
  public init(stopped: Effect = .define, running: Effect, way: LiveWay? = nil, step: LiveStep? = nil) {
    self.stopped = stopped
    self.running = running
    self.way = way
    self.step = step
  }

  /// Stored only; nothing that a running guest could notice.
  public static let define = EffectRule(running: .define)
  /// Changed in what runs and in the stored definition, by a step of its own.
  static func live(by calls: String..., where condition: String? = nil) -> EffectRule {
    EffectRule(running: .live, step: LiveStep(call: calls.joined(separator: ", "), condition: condition))
  }
  /// Changed in the stored definition, and in the running guest where libvirt and the guest can.
  static func live(_ way: LiveWay) -> EffectRule { EffectRule(running: .live, way: way) }
  /// Stored; a running guest gets it at its next start.
  public static let nextBoot = EffectRule(running: .nextBoot)
  /// Cannot be changed on an object that exists.
  public static let replace = EffectRule(stopped: .replace, running: .replace)
}

extension EffectRule {
  /// libvirt's functions that change what runs, with commas between them; nil where nothing that runs is changed.
  public var call: String? { way?.call ?? step?.call }

  /// What must hold so that what runs is changed, in words that follow "where"; nil where nothing must. Otherwise the change
  /// waits for the next start.
  public var condition: String? { way?.condition ?? step?.condition }
}

/// A change of what runs for which plans have steps of their own.
public struct LiveStep: Sendable, Hashable {
  /// libvirt's functions, with commas between them.
  public var call: String
  /// What must hold, in words that follow "where".
  public var condition: String?
}

extension Effect: FieldWord {}
