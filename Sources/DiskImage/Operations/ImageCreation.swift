// What a new image is to be: raw, qcow2, or a qcow2 overlay on a backing file. Plain data, which plans carry; NewImage makes it.

/// A new image to be made, by ``NewImage``.
public struct ImageCreation: Sendable, Equatable, Codable {
  /// The image that an overlay stands on.
  public struct Backing: Sendable, Equatable, Codable {
    /// The name to store: absolute, or relative to the overlay's own folder.
    public var name: String
    /// The backing file's format; always stored with the name.
    public var format: ImageFormat
    /// Where the backing file is for this process, to look at its header; nil resolves `name` as QEMU does.
    public var path: String?

    /// A backing file by name and format.
    public init(name: String, format: ImageFormat, path: String? = nil) {
      self.name = name
      self.format = format
      self.path = path
    }
  }

  /// The image's format.
  public var format: ImageFormat
  /// Virtual size in bytes, a multiple of 512; nil takes the backing file's.
  public var virtualSize: UInt64?
  /// qcow2 cluster size in bytes: a power of two from 512 to 2 MiB.
  public var clusterSize: UInt64 = 65536
  /// What a qcow2 overlay stands on.
  public var backing: Backing?
  /// The version of the qcow2 format.
  public var compatibility = Qcow2Compatibility.version3
  /// Lets programs that write the image postpone refcount updates, at the price of a repair after a crash.
  public var lazyRefcounts = false
  /// Width of a reference count: 1, 2, 4, 8, 16, 32 or 64.
  public var refcountBits = 16
  /// Subclusters (a 32nd of a cluster each); clusters of 16 KiB or more.
  public var extendedL2 = false
  /// How compressed clusters are compressed. QEMU reads zstd since 5.1.
  public var compression = Qcow2Info.Compression.zlib
  /// Which space the file gets at once.
  public var preallocation = Preallocation.off
  /// Mode and owner of the new file.
  public var access = FileAccess()
  /// What ``OriginMark`` says of the new file; nil for no mark.
  public var origin: String?

  /// A new image of a format and size.
  public init(format: ImageFormat, virtualSize: UInt64? = nil, backing: Backing? = nil) {
    self.format = format
    self.virtualSize = virtualSize
    self.backing = backing
  }
}
