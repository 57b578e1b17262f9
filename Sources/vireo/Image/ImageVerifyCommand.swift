// vireo image verify: copies of base images, read again and compared with the checksums in their names.

import Applier
import ArgumentParser
import Diagnostics
import DiskImage
import SystemCalls
import Inventory
import Libvirt
import Planner
import Report

struct ImageVerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Reads copies of base images again, and compares them with their names.",
    usage: "vireo image verify [options] [<file or folder> ...]",
    discussion: """
      Vireo stores a copy of a base image in a pool under a name that ends in its SHA-256. It reads a copy completely \
      when it first finds it, and again when the file has changed. `verify` always reads all copies. A copy must be a \
      regular file that refers to no other file.

      Without arguments, searches the folders of the active storage pools of the connection.

      With --spec, removes read permissions from copies of the spec's images for users who may not read the source.

        vireo image verify
        vireo image verify /srv/vms
        vireo image verify --spec lab.yaml

      Exit codes: 0 if all copies match their names, 1 otherwise.
      """)

  @Argument(
    help: ArgumentHelp("Copies, or folders that contain copies.", valueName: "file or folder"), completion: .file())
  var paths: [String] = []

  @Option(
    name: .customLong("spec"), parsing: .singleValue,
    help: ArgumentHelp(
      "Gives copies of this spec's images the permissions of their sources. Can be given several times.",
      valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  var specs: [String] = []

  @OptionGroup var variables: VariableOptions
  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var color: ColorOptions

  func run() async throws {
    let sources = try sources()
    let messages = color.messages()
    let (found, problems) = try await HostConnection.with(connection, messages) { connection in
      await verify(on: connection, sources)
    }
    try Output.result(found.isEmpty && problems.isEmpty ? "no copy of a base image was found\n" : "")
    guard problems.isEmpty else { throw messages.fail(problems) }
  }

  /// The base images of the specs.
  private func sources() throws(ExitCode) -> [InventoryRequest.BaseImage] {
    guard !specs.isEmpty else { return [] }
    let loaded = SpecInput.load(specs, variables)
    guard let stack = loaded.stack, !loaded.diagnostics.hasErrors else {
      throw color.messages().fail(loaded.diagnostics)
    }
    return InventoryRequest(for: stack).baseImages
  }

  /// Makes a copy as private as its source, where that is known.
  private static func narrow(_ path: String, _ sources: [InventoryRequest.BaseImage]) throws(ImageError) {
    for image in sources {
      guard let copy = image.copy, path.split(separator: "/").last?.hasPrefix("\(copy.name)-") ?? false,
        let mode = try FileMode.narrow(copy: path, in: copy.folder, of: image.source)
      else { continue }
      Output.write("\(path): made private: mode 0\(String(mode, radix: 8))\n", to: .output)
    }
  }

  private func verify(
    on connection: LibvirtConnection, _ sources: [InventoryRequest.BaseImage]
  ) async -> (found: [String], problems: [Diagnostic]) {
    let copies = BaseCopies(of: connection)
    var problems: [Diagnostic] = []
    var folders = paths
    if folders.isEmpty {
      do {
        folders = try await connection.activePoolFolders()
      } catch {
        return ([], [FailureMessage.diagnostic(for: error, uri: connection.uri)])
      }
    }
    let found = folders.flatMap(Self.copies)
    for path in paths where Self.copies(at: path).isEmpty && !FileStatus.isFolder(path) {
      problems.append(
        Diagnostic("no-copy", "\(path) has no SHA-256 in its name, so it is not a copy of a base image"))
    }
    for path in found {
      guard let (sha256, format) = CopyName.parts(of: path) else { continue }
      do throws(ImageError) {
        try copies.require(path, sha256: sha256, format: format, isReadAgain: true)
        Output.write("\(path): matches its name\n", to: .output)
        try Self.narrow(path, sources)
      } catch {
        problems.append(Diagnostic("false-copy", "\(error)"))
      }
    }
    return (found, problems)
  }

  /// The copies that a path stands for.
  private static func copies(at path: String) -> [String] {
    guard FileStatus.isFolder(path) else { return CopyName.parts(of: path) == nil ? [] : [path] }
    let names = ((try? FileNames.entries(of: path)) ?? []).compactMap(\.exactName)
    return names.filter { CopyName.parts(of: $0) != nil }.map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
      .sorted()
  }
}
