// Over a folder of libvirt's documents: what import, plan and definition make of each, as figures.

import ArgumentParser
import Foundation
import Libvirt
import XMLTree

@main
struct DocumentCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "document-check",
    abstract: "Checks import, plan and definition over a folder of libvirt's XML documents.",
    discussion: """
      Each document, such as `virsh dumpxml` writes, is defined in an embedded libvirt of its own, imported into a spec, \
      planned, taken over, undefined, re-created from the spec, and compared with what it was. Nothing is started, and no \
      host is touched.

      The embedded libvirt has neither networks nor storage pools. Documents of these are tried where --daemon says, under \
      their own names: they are defined there, never started, and undefined again, one at a time.

      Exit codes: 0 when all that is promised holds for every document that is not known otherwise, 1 if not.
      """)

  @Option(help: .hidden)
  var commandLine: String?

  @Argument(help: "Documents, or folders of them.", completion: .file())
  var paths: [String] = []

  @Option(help: "The folder of the embedded libvirt; a new one below the temporary folder when not given.")
  var root: String?

  @Option(help: "A connection with a network and a storage driver, for documents of networks and pools.")
  var daemon: String?

  @Option(help: "A file that names documents, one a line with the reason behind it, that are known not to hold.")
  var known: String?

  @Option(help: "How many lines the table of what has no field has.")
  var left = 40

  @Option(help: "Writes each document's spec and what differs into this folder.")
  var keep: String?

  @Option(help: "Tries so many edits of each domain instead: each is applied, taken back, and compared.")
  var edits: Int?

  @Option(help: "Tries only edits with this text, such as disks.bus.")
  var only: String?

  @Flag(help: "Leaves controllers, addresses and the like out of the specs that are edited.")
  var sparse = false

  @Option(help: "How many edits are shown for each cause.")
  var examples = 2

  func run() async throws {
    if let commandLine { return try await CommandLines.print(ofDomainIn: commandLine, root: root ?? "") }
    let documents = try Document.read(paths)
    guard !documents.isEmpty else {
      throw ValidationError("there is no XML document in \(paths.joined(separator: ", "))")
    }
    let folder = root ?? "\(NSTemporaryDirectory())vireo-document-check-\(getpid())"
    defer { if root == nil { try? FileManager.default.removeItem(atPath: folder) } }
    defer { CommandLines(folder: folder).remove() }
    if let edits { return try await tryEdits(edits, of: documents, in: folder) }
    let known = try self.known.map(Document.names(in:)) ?? []
    var all: [Figures] = []
    // Once a process has the embedded driver, that driver answers for every QEMU connection.
    for kind in ["network", "pool", "domain"] {
      let own = documents.filter { $0.root.name == kind }
      let uri = kind == "domain" ? "qemu:///embed?root=\(folder)" : daemon
      guard !own.isEmpty, let uri else { continue }
      let connection = try await LibvirtConnection.open(uri: uri)
      let host = try await ScratchHost(connection)
      var figures = Figures(kind: kind, known: known)
      for document in own {
        let outcome = await RoundTrip(document, on: host, CommandLines(folder: folder)).run()
        figures.add(outcome)
        if let keep { try outcome.write(into: keep) }
      }
      await connection.close()
      all.append(figures)
    }
    print(all.map { $0.text(left: left) }.joined(separator: "\n"))
    guard all.allSatisfy(\.holds) else { throw ExitCode(1) }
  }

  private func tryEdits(_ count: Int, of documents: [Document], in folder: String) async throws {
    let connection = try await LibvirtConnection.open(uri: "qemu:///embed?root=\(folder)")
    var sweep = EditSweep(try await ScratchHost(connection), count: count, only: only, isSparse: sparse)
    for document in documents where document.root.name == "domain" { await sweep.run(document) }
    await connection.close()
    print(sweep.text(examples: examples))
    guard sweep.holds else { throw ExitCode(1) }
  }
}

/// A document of a folder.
struct Document {
  var path: String
  var text: String
  var root: XMLElement

  /// The file's name without its folder.
  var name: String { String(path.split(separator: "/").last ?? "") }

  /// The first word of each line that is not empty nor a comment.
  static func names(in file: String) throws -> Set<String> {
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(whereSeparator: \.isNewline)
    return Set(lines.compactMap { $0.split(separator: " ").first.map(String.init) }.filter { !$0.hasPrefix("#") })
  }

  static func read(_ paths: [String]) throws -> [Document] {
    var found: [Document] = []
    for path in try paths.flatMap(files) {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      do {
        found.append(Document(path: path, text: text, root: try XMLElement.parse(text)))
      } catch {
        throw ValidationError("\(path):\(error)")
      }
    }
    return found
  }

  /// The XML files below a path, in the order of their names.
  private static func files(below path: String) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw ValidationError("there is no \(path)")
    }
    guard isFolder.boolValue else { return [path] }
    return try FileManager.default.subpathsOfDirectory(atPath: path).filter { $0.hasSuffix(".xml") }.sorted()
      .map { "\(path)/\($0)" }
  }
}
