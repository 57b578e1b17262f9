// Options that image commands share: which image, in which format, what may be opened beside it.

import ArgumentParser
import Diagnostics
import DiskImage
import Report
import Vocabulary

/// Which format an image has, and where what it stands on may lie.
struct ImageAccessOptions: ParsableArguments {
  @Option(
    name: [.customShort("f"), .customLong("image-format")],
    help: ArgumentHelp("The format of the image, if its name does not end in it.", valueName: "format"))
  var imageFormat: ImageFormat?

  @Option(
    name: .customLong("allow"), parsing: .singleValue,
    help: ArgumentHelp(
      "Another folder that may contain backing files. Can be given several times.", valueName: "folder"
    ), completion: .directory)
  var allowed: [String] = []

  /// The format of the image at `path`.
  func format(of path: String) throws(ImageError) -> ImageFormat {
    try ImageNaming.format(of: path, given: imageFormat)
  }

  /// Refuses images that are not qcow2.
  ///
  /// - Parameter lack: what a raw image has not, as the end of a sentence.
  func requireQcow2(_ path: String, _ lack: String) throws(ImageError) {
    guard try format(of: path) == .qcow2 else {
      throw .invalidRequest(path: path, what: "a raw image", reason: lack)
    }
  }

  /// Where the images that `paths` stand on may lie.
  func references(of paths: String..., allowingDataFiles: Bool = false) -> ReferencePolicy {
    ReferencePolicy(allowedFolders: paths.map(ImageNaming.folder) + allowed, allowsDataFiles: allowingDataFiles)
  }
}

/// For commands that read guest data.
struct ImageReadingOptions: ParsableArguments {
  @Flag(
    name: [.customShort("U"), .customLong("force-share")],
    help: "Reads images that are in use. The result may be inconsistent.")
  var isShared = false

  @Flag(
    name: .customLong("allow-data-file"),
    help: "Also reads the external data file of an image, if it is in a folder that may contain backing files.")
  var allowsDataFile = false
}

/// Sizes on the command line, with their units, as in a spec.
enum SizeArgument {
  static func parse(_ text: String) throws -> UInt64 {
    do throws(ValueProblem) {
      guard case .bytes(let bytes) = try ValueType.size(granularity: 1).parse(text) else { return 0 }
      return bytes
    } catch {
      throw ValidationError(error.message + (error.suggestion.map { "; \($0)" } ?? ""))
    }
  }
}

/// What an image's name says.
enum ImageNaming {
  /// The format: the one that was given, or the one that the name ends in.
  ///
  /// A name is its owner's word, which content is not: whoever writes a raw disk can make it look like anything.
  static func format(
    of path: String, given: ImageFormat?, option: String = "--image-format"
  ) throws(ImageError) -> ImageFormat {
    if let given { return given }
    // Not .img: half of the world's are raw, the other half qcow2.
    if let dot = path.lastIndex(of: "."),
      let format = ImageFormat(rawValue: path[path.index(after: dot)...].lowercased())
    {
      return format
    }
    // Not a decision, but a better word than "say raw", which would be wrong.
    if let seen = RecognisedFormat(path: path), seen != .qcow2 { throw .foreign(path: path, seen) }
    throw .invalidRequest(
      path: path, what: "the format",
      reason: "is not in its name, and Vireo does not guess it; write \(option) raw or \(option) qcow2")
  }

  /// The folder that a file is in.
  static func folder(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
  }

  /// Where a backing file is that an image is to name so.
  static func path(ofBacking name: String, of image: String) -> String {
    name.hasPrefix("/") ? name : folder(image) + "/" + name
  }
}

/// Runs a command's work; a failure is reported in one sentence.
///
/// - Parameter format: of the command's result, which its failures have too.
func reportingImageErrors<Result>(
  code: Int32 = 1, for format: ReportFormat = .text, _ work: () throws(ImageError) -> Result
) throws(ExitCode) -> Result {
  do throws(ImageError) {
    return try work()
  } catch {
    throw Messages(color: .auto, format: format).fail([imageMessage(for: error)], code: ExitCode(code))
  }
}

/// What went wrong, and which option helps.
func imageMessage(for error: ImageError) -> Diagnostic {
  let remedy =
    switch error {
    case .referenceNotAllowed: "; --allow FOLDER adds one"
    case .ambiguousSnapshot: ": --id or --name (of convert: --snapshot-id or --snapshot-name)"
    default: ""
    }
  return Diagnostic("image", "\(error)\(remedy)")
}
