// The names of backing files, as images store them and as paths.

/// How a stored backing name becomes a path (QEMU: `path_combine` and `path_has_protocol` in block.c).
enum BackingName {
  /// The path that `name`, stored in the image at `referrer`, means; nil for an empty name.
  static func resolve(_ name: StoredName, referrer: String) throws(ImageError) -> String? {
    guard !name.bytes.isEmpty else { return nil }
    guard var text = name.string else {
      throw .referenceUnsupported(path: referrer, reference: name, reason: "the stored bytes are not a path")
    }
    if let json = try json(name, referrer: referrer) { return json.path }
    if text.hasPrefix("file:") {
      text.removeFirst("file:".count)
      guard text.isEmpty || text.hasPrefix("/") else {
        // QEMU takes such a name from its current folder, not from the image's: it means no certain file.
        throw .referenceUnsupported(path: referrer, reference: name, reason: "'file:' with a relative name")
      }
    } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
      !text.utf8[..<colon].contains(UInt8(ascii: "/"))
    {
      let scheme = escapedForDisplay(String(text[..<colon]))
      throw .referenceUnsupported(path: referrer, reference: name, reason: "'\(scheme):' is not a file name")
    }
    guard !text.isEmpty else {
      throw .referenceUnsupported(path: referrer, reference: name, reason: "it names no file")
    }
    if text.hasPrefix("/") { return text }
    let folder = directoryPart(of: referrer)
    return folder == "/" ? "/" + text : folder + "/" + text
  }

  /// A `json:` name taken apart; nil for names of other forms.
  static func json(_ name: StoredName, referrer: String) throws(ImageError) -> JSONBackingName? {
    guard name.bytes.starts(with: JSONBackingName.prefix.utf8) else { return nil }
    do throws(JSONBackingName.Refusal) {
      return try JSONBackingName(name.bytes)
    } catch {
      throw .referenceUnsupported(path: referrer, reference: name, reason: error.reason)
    }
  }
}
