// Disks whose images are not local files: anything that can read a range, put together by whoever has the sources.

extension GuestDisk {
  /// One image of a chain, wherever its bytes come from.
  public struct Image: Sendable {
    /// The image's bytes.
    public let source: any ByteSource
    /// Its declared format.
    public let format: ImageFormat

    /// An image in a source of bytes.
    public init(_ source: any ByteSource, format: ImageFormat) {
      self.source = source
      self.format = format
    }
  }

  /// Puts a disk together from its images, the top one first, its base last.
  ///
  /// Names of backing files are not followed and nothing is locked: the caller has opened what the chain is made of.
  ///
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` when an image has a backing file and nothing comes below
  ///   it, or the other way round; ``ImageError/unsupported(path:feature:remedy:)`` for guest data outside of the image;
  ///   what reading headers throws.
  public convenience init(_ images: [Image]) throws(ImageError) {
    var layers: [any ImageLayer] = []
    for (index, image) in images.enumerated() {
      let isLast = index == images.count - 1
      var standsOnOne = false
      switch image.format {
      case .raw: layers.append(RawLayer(image.source))
      case .qcow2:
        let header = try Qcow2Header(from: image.source)
        let layer = Qcow2Layer(header, of: image.source)
        if header.incompatible.contains(.externalDataFile) { try layer.checkReadable() }
        try layer.checkL1Table()
        standsOnOne = header.backingFile != nil
        layers.append(layer)
      }
      guard standsOnOne != isLast else {
        throw .invalidRequest(
          path: image.source.name, what: "the image",
          reason: isLast ? "has a backing file, which was not given" : "has no backing file, but one was given")
      }
    }
    self.init(layers: layers)
  }
}
