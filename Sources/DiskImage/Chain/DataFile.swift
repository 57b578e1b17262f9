// External data files: guest data kept beside the qcow2 image that maps it (QEMU's qcow2 specification, "External data file").

extension ReferencePolicy {
  /// Refuses an image with an external data file, unless the caller allows them.
  func checkDataFile(of image: ImageInfo) throws(ImageError) {
    guard image.qcow2?.hasExternalDataFile == true, !allowsDataFiles else { return }
    throw .unsupported(
      path: image.path, feature: "external data file '\(image.qcow2?.dataFile?.description ?? "")'",
      remedy: "convert it to an image without one with 'vireo image convert --allow-data-file'")
  }

  /// Opens the external data file of an image, if it has one and may. The same gates stand before it as before a
  /// backing file.
  ///
  /// A relative name is taken from the image's own folder. (QEMU takes it from the folder that it was started in, which
  /// is the same one for whoever made the image there.)
  func openDataFile(of image: ImageInfo) throws(ImageError) -> LocalFile? {
    guard image.qcow2?.hasExternalDataFile == true else { return nil }
    try checkDataFile(of: image)
    guard let name = image.qcow2?.dataFile, let path = try BackingName.resolve(name, referrer: image.path) else {
      throw .unsupported(
        path: image.path, feature: "an external data file that the image does not name",
        remedy: "name it with 'qemu-img amend -o data_file=FILE'")
    }
    if let json = try BackingName.json(name, referrer: image.path), json.format != .raw {
      throw .referenceUnsupported(path: image.path, reference: name, reason: "a data file is raw and not an image")
    }
    return try open(path, reference: name, referrer: image.path, role: "data file")
  }
}
