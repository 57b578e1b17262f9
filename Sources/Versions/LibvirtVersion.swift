// A version of libvirt: the one on a host, or the one that brought a field.

/// A release of libvirt, the older the smaller.
public struct LibvirtVersion: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The first number: 11 in 11.2.0.
  public let major: Int
  /// The second number: 2 in 11.2.0. It starts again when the first one rises.
  public let minor: Int
  /// The third number: 0 in 11.2.0. Maintenance releases have higher ones.
  public let release: Int

  /// `LibvirtVersion(11, 2)` is 11.2.0.
  public init(_ major: Int, _ minor: Int, _ release: Int = 0) {
    self.major = major
    self.minor = minor
    self.release = release
  }

  /// The number that libvirt's calls give: major × 1,000,000 + minor × 1,000 + release.
  public init(number: UInt) {
    self.init(Int(number / 1_000_000), Int(number / 1_000 % 1_000), Int(number % 1_000))
  }

  /// Whether the left release is older than the right one.
  public static func < (left: LibvirtVersion, right: LibvirtVersion) -> Bool {
    (left.major, left.minor, left.release) < (right.major, right.minor, right.release)
  }

  /// All three numbers: `9.0.0`.
  public var description: String { "\(major).\(minor).\(release)" }

  /// Without a release of 0: `11.2`, as libvirt's documentation names the version that brought something.
  public var shortDescription: String { release == 0 ? "\(major).\(minor)" : description }
}
