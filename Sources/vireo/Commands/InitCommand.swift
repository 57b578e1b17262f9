// vireo init: a first spec for this host, proved by planning it before it is written.

import ArgumentParser
import Diagnostics
import DiskImage
import Importer
import Inventory
import Libvirt
import Planner
import Spec
import SystemCalls

struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Writes a first spec for this host.",
    usage: "vireo init [options]",
    discussion: """
      Uses the same connection as other commands, and looks at its storage pools, networks and images. The spec has \
      one guest and comments on each part, and is ready for a plan. Changes nothing on the host, except that the \
      folder of an embedded driver is created.

      If you name no connection, with --connect or in the environment, and no libvirt daemon answers, the spec uses \
      libvirt's embedded driver, which requires no daemon.

      Exit codes: 0 for success, 1 for any failure, or if the file exists.
      """)

  @Option(
    help: ArgumentHelp(
      "The file to write, `-` for standard output. An existing file is not replaced.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  var output = "vireo.yaml"

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var color: ColorOptions

  func run() async throws {
    let messages = color.messages()
    guard output == "-" || !FileStatus.isTaken(output) else {
      throw messages.fail([
        Diagnostic("file-exists", "\(output) exists", suggestion: "write another file with --output FILE")
      ])
    }
    let host = try await FirstHost.open(connection.connect, messages)
    let spec: FirstSpec
    do {
      spec = try await host.connection.closing { _ in try await host.spec(file: output) }
    } catch {
      throw messages.fail(error, uri: host.uri)
    }
    guard output != "-" else { return try Output.result(spec.text(in: "FILE")) }
    let folder = SpecFolder(path: ".", replaces: false, remedy: "write another file with --output FILE")
    if let problem = folder.write(spec.text(in: output), to: output) { throw messages.fail([problem]) }
    let image = spec.image.map { "image \($0.path)" } ?? "a blank disk"
    try Output.result(
      """
      wrote \(output): domain \(spec.domain) on \(spec.uri)
        pool \(spec.pool.name) at \(spec.pool.path), \(spec.network.map { "network \($0)" } ?? "no network"), \(image)

      Look at it, then:

        vireo plan \(output)
        vireo apply \(output)

      """)
  }
}

/// The host that a first spec is for.
private struct FirstHost {
  let connection: LibvirtConnection
  /// The connection as it was asked for.
  let uri: String
  /// Why it is not the one that is usual.
  let remark: String?

  private static let notice = WaitNotice(for: .text)
  private var notice: WaitNotice { Self.notice }

  static func open(_ option: String?, _ messages: Messages) async throws(ExitCode) -> FirstHost {
    let environment = ThisProcess.environment
    let given = ConnectionChoice.given(option: option, environment: environment)
    let uri = ConnectionChoice.uri(option: option, environment: environment, spec: nil, isRoot: ThisProcess.isRoot)
    guard !ConnectionChoice.isRemote(uri) else {
      throw messages.fail([
        Diagnostic("remote-connection", "\(uri) is another host", suggestion: "run `vireo init` on that host")
      ])
    }
    do {
      return FirstHost(connection: try await HostConnection.open(uri, notice), uri: uri, remark: nil)
    } catch let usual {
      let failure = FailureMessage.diagnostic(for: usual, uri: uri)
      guard given == nil else { throw messages.fail([failure]) }
      let embedded = "qemu:///embed?root=\(dataFolder)/vireo/host"
      do {
        let connection = try await HostConnection.open(embedded, notice)
        messages.tell([
          Diagnostic(
            .note, "no-daemon", "\(uri) does not answer, so the spec is for libvirt without a daemon",
            suggestion: "to use \(uri), start libvirtd and run `vireo init` again")
        ])
        let remark = """
          \(uri) did not answer when this was written. libvirt runs within Vireo here: no daemon is needed, guests keep \
          running when Vireo ends, and everything of libvirt's is below \(dataFolder)/vireo/host.
          """
        return FirstHost(connection: connection, uri: embedded, remark: remark)
      } catch {
        throw messages.fail([failure, FailureMessage.diagnostic(for: error, uri: embedded)])
      }
    }
  }

  /// Where this user's programs keep what is not a configuration (XDG Base Directory Specification).
  private static var dataFolder: String {
    if ThisProcess.isRoot { return "/var/lib" }
    if let folder = ThisProcess.environment("XDG_DATA_HOME"), folder.hasPrefix("/") { return folder }
    return (ThisProcess.environment("HOME") ?? "/var/tmp") + "/.local/share"
  }

  /// The spec, with the first image that it can be planned with, or with none.
  ///
  /// - Parameter file: the file that it is to be in.
  func spec(file: String) async throws -> FirstSpec {
    let seen = try await HostConnection.read(.firstSpec, from: connection, notice)
    var spec = FirstSpec(
      for: seen, uri: uri, folder: newFolder,
      isWritable: { FileNames.mayAccessEffectively($0, [.write, .execute]) }, exists: FileStatus.isTaken)
    spec.remarks = [remark].compactMap(\.self)
    var problems: [Diagnostic] = []
    for image in try await images(in: seen) + [nil] {
      spec.image = image
      problems = try await self.problems(of: spec, file: file)
      if problems.isEmpty { return spec }
    }
    throw DiagnosticsError(problems)
  }

  /// What keeps a spec from being planned.
  private func problems(of spec: FirstSpec, file: String) async throws -> [Diagnostic] {
    let loaded = SpecLoader().load([SourceFile(path: file, text: spec.text(in: file))])
    guard let stack = loaded.stack else { return loaded.diagnostics }
    let inventory = try await HostConnection.read(InventoryRequest(for: stack), from: connection, notice)
    do {
      _ = try Plan(for: stack, on: inventory)
      return []
    } catch {
      return error.diagnostics
    }
  }

  /// The folder of a new pool.
  private var newFolder: String {
    if let root = LibvirtConnection.embeddedRoot(of: uri) { return root + "/images" }
    return ThisProcess.isRoot ? "/var/lib/libvirt/images" : Self.dataFolder + "/libvirt/images"
  }

  // MARK: Images

  /// Images in the pools' folders that may be base images: whole disks without a backing file, the likeliest first.
  private func images(in inventory: Inventory) async throws -> [FirstSpec.Image] {
    let folders = (inventory.pools ?? [:]).values.filter { $0.type == "dir" && $0.isActive }.compactMap(\.path).sorted()
    let found = folders.flatMap { Self.candidates(in: $0) }
    let request = InventoryRequest(baseImages: found, in: folders)
    let observed = try await HostConnection.read(request, from: connection, notice).baseImages
    return request.baseImages.compactMap { question -> FirstSpec.Image? in
      guard case .image(let chain)? = observed[question]?.source, chain.images.count == 1 else { return nil }
      let image = chain.top
      // Neither has a blank disk.
      guard image.virtualSize >= Self.smallest, image.bytesOnDisk ?? 0 >= Self.leastData else { return nil }
      guard image.format == .qcow2 || Self.startsDisk(image.path) else { return nil }
      return FirstSpec.Image(path: image.path, format: image.format.rawValue, virtualSize: image.virtualSize)
    }.prefix(Self.most).map(\.self)
  }

  /// Less is not an operating system's disk.
  private static let smallest: UInt64 = 8 << 20
  private static let leastData: UInt64 = 1 << 20
  /// Each is tried by planning with it.
  private static let most = 8

  /// Files of a folder that are called what images are called, in name order. The plan refuses other guests' disks.
  private static func candidates(in folder: String) -> [String] {
    let names = FileNames.names(in: folder).filter { name in
      !name.hasPrefix(".") && [".qcow2", ".img", ".raw"].contains(where: name.hasSuffix)
    }
    return names.sorted().map { folder + "/" + $0 }.filter { (try? FileStatus(of: $0))?.kind == .regularFile }
  }

  /// Whether a raw file has a boot sector: its 511th and 512th bytes are 55 AA. An ISO image or a blank disk has none.
  private static func startsDisk(_ path: String) -> Bool {
    guard let bytes = try? SmallFile.read(path, limit: 512) else { return false }
    return bytes.count == 512 && bytes[510...] == [0x55, 0xAA]
  }
}
