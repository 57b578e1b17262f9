// vireo image map: what lies where in an image and what it stands on.

import ArgumentParser
import DiskImage
import Report

struct ImageMapCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "map",
    abstract: "Shows which parts of a disk contain data, and where it is.",
    usage: "vireo image map [options] <image>",
    discussion: """
      Shows for each part, in bytes, where it begins, how long it is, whether it is data, zeros or empty, and its file \
      and offset.

      Exit codes: 0 if the whole disk could be mapped, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The image.", valueName: "image"), completion: .file())
  var image: String

  @OptionGroup var access: ImageAccessOptions
  @OptionGroup var reading: ImageReadingOptions

  @Option(help: "The format of the result.")
  var format: ReportFormat = .text

  /// Bytes of the result that are written at a time.
  private static let piece = 64 << 10

  func run() throws {
    var failure: ExitCode?
    var pending = ""
    var isBegun = false
    func write() {
      guard !pending.isEmpty, failure == nil else { return }
      do throws(ExitCode) { try Output.result(pending) } catch { failure = error }
      pending = ""
      isBegun = true
    }
    do throws(ImageError) {
      try { () throws(ImageError) in
        let disk = try GuestDisk.open(
          path: image, format: access.format(of: image),
          references: access.references(of: image, allowingDataFiles: reading.allowsDataFile),
          sharing: reading.isShared)
        var writer = ImageMapWriter(format == .json ? .json : .text, files: disk.dataFiles)
        do throws(ImageError) {
          try ImageMap.read(disk) { (extent) throws(ImageError) in
            pending += writer.text(for: extent)
            guard pending.utf8.count >= Self.piece else { return }
            write()
            if failure != nil { throw .cancelled(path: image) }
          }
          pending += writer.end()
        } catch {
          guard failure == nil else { return }
          throw error
        }
      }()
    } catch {
      // What was found before the fault is worth having, to people: a program gets the reason in place of half a document.
      if format == .text || isBegun { write() }
      try reportingImageErrors(for: isBegun ? .text : format) { () throws(ImageError) in throw error }
    }
    write()
    if let failure { throw failure }
  }
}
