// vireo image info: what an image says about itself.

import ArgumentParser
import Diagnostics
import DiskImage
import Report

struct ImageInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Shows facts about images: format, sizes, backing file, snapshots.",
    usage: "vireo image info [options] <image> ...",
    discussion: """
      Takes no lock, so it works on images of running guests. Opens no other file without --backing-chain. Without \
      --image-format the content decides the format, which does no harm here.

      Exit codes: 0 if all images could be read, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("Images.", valueName: "image"), completion: .file())
  var images: [String]

  @OptionGroup var access: ImageAccessOptions

  @Flag(name: .customLong("backing-chain"), help: "Also shows the backing files, down to the base.")
  var backingChain = false

  @Option(help: "The format of the result.")
  var format: ReportFormat = .text

  func run() throws {
    var descriptions: [ImageDescription] = []
    var failures: [Diagnostic] = []
    for path in images {
      do throws(ImageError) {
        descriptions += try describe(path)
      } catch {
        failures.append(imageMessage(for: error))
        if format == .text { Messages.plain.tell(failures.suffix(1)) }
      }
    }
    switch format {
    case .text: try Output.result(descriptions.map { $0.text() }.joined(separator: "\n"))
    case .json where descriptions.isEmpty: throw Messages(color: .auto, format: .json).fail(failures)
    case .json:
      // As qemu-img does: an object for one image, an array for a chain.
      try Output.result(ImageDescription.json(descriptions, asArray: images.count > 1 || backingChain))
      Messages.plain.tell(failures)
    }
    if !failures.isEmpty { throw ExitCode(1) }
  }

  private func describe(_ path: String) throws(ImageError) -> [ImageDescription] {
    guard backingChain else { return [try description(of: ImageInfo.read(path: path, format: access.imageFormat))] }
    // A data file is named, never opened.
    let chain = try BackingChain.read(
      path: path, format: access.imageFormat, references: access.references(of: path, allowingDataFiles: true))
    var descriptions: [ImageDescription] = []
    for image in chain.images { descriptions.append(try description(of: image)) }
    return descriptions
  }

  private func description(of info: ImageInfo) throws(ImageError) -> ImageDescription {
    var description = ImageDescription(info: info)
    if let qcow2 = info.qcow2, qcow2.snapshotCount > 0 {
      description.snapshots = try ImageSnapshots.list(path: info.path, sharing: true)
    }
    do throws(ImageError) {
      description.encryption = try LUKSInfo.read(of: info)
    } catch .malformed where info.format == .raw {
      // The beginnings of a header on a raw disk: a guest may write what it likes.
    }
    // A file system without locks cannot say; that is not a reason not to describe the image.
    description.isInUse = (try? ImageLock.isInUseByWriter(path: info.path)) ?? false
    return description
  }
}
