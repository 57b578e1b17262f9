// How two disks compare, for people and programs.

public import DiskImage

extension ImageComparison.Outcome {
  /// Whether the disks are alike.
  public var isSame: Bool { self == .identical }

  /// A sentence.
  public func text() -> String {
    switch self {
    case .identical: "The disks are equal.\n"
    case .contentDiffers(let offset): "The disks differ: first at byte \(offset).\n"
    case .sizesDiffer(let first, let second): "The disks differ: one has \(first) bytes, the other \(second).\n"
    case .allocationDiffers(let offset): "The disks differ: from byte \(offset) on, only one of them has data.\n"
    }
  }

  /// A JSON object.
  public func json() -> String {
    var members: [(String, JSON?)] = [("identical", .boolean(isSame))]
    switch self {
    case .identical: break
    case .contentDiffers(let offset): members += [("reason", .string("content")), ("offset", .unsigned(offset))]
    case .sizesDiffer(let first, let second):
      members += [("reason", .string("size")), ("sizes", .array([.unsigned(first), .unsigned(second)]))]
    case .allocationDiffers(let offset): members += [("reason", .string("allocation")), ("offset", .unsigned(offset))]
    }
    return JSON.object(members).serialised()
  }
}
