// Reading a host: one listing, one definition a domain, a few kilobytes a disk image, side by side.

import BlockingWork
import DiskImage
public import Libvirt
import SystemCalls
import Vocabulary
import XMLTree

extension Inventory {
  /// Looks at a host. Nothing is changed, no guest is waited for.
  ///
  /// - Parameter report: hears of what takes long, from any thread.
  /// - Throws: ``LibvirtError`` when the connection does not answer. What cannot be read of a single object is among
  ///   the inventory's files or failures.
  public static func read(
    _ request: InventoryRequest, from connection: LibvirtConnection,
    report: @escaping @Sendable (ReadingProgress) -> Void = { _ in }
  ) async throws -> Inventory {
    let pool = BlockingPool(name: "inventory", threads: 4)
    async let images = observe(
      request.baseImages, allowing: request, BaseCopies(of: connection), on: pool, report)
    async let pools = request.pools == .none ? nil : storagePools(of: connection)
    async let networks =
      request.needsNetworks || request.needsNetworkDefinitions ? self.networks(request, of: connection) : nil
    async let missing = missingDrivers(request.drivers, of: connection)
    let listing = try await connection.domainRecords { record in
      (name: record.name, handle: record.handle, domain: Result { try ObservedDomain(record: record) })
    }
    var inventory = Inventory(host: Host(uri: connection.uri, libvirtVersion: connection.libvirtVersion))
    inventory.time = SystemClock.now
    inventory.user = ThisProcess.user
    inventory.salt = drawSalt()
    inventory.failures = listing.failures.map { Failure(subject: "domain \($0.name)", message: "\($0.error)") }
    for name in connection.unresponsiveDomains {
      inventory.failures.append(
        Failure(subject: "domain \(name)", message: "QEMU does not answer: the state shown is the last one known"))
    }
    let variables = connection.variablesFolder
    for (name, handle, domain) in listing.records {
      switch domain {
      case .success(var domain):
        if domain.state == .paused, request.domains.contains(name) {
          domain = try await settled(domain, handle, of: connection, noting: &inventory.failures) ?? domain
        }
        if domain.hasManagedSave, !domain.isActive, request.domains.contains(name) {
          // One that is damaged, or that somebody has just resumed, tells nothing.
          let text = try? await handle.managedSaveXML(secrets: true)
          domain.saved = text.flatMap { try? XMLElement.parse($0) }
        }
        domain.variables = domain.findVariables(in: variables)
        domain.formerNames = domain.findFormerNames()
        if request.snapshots.contains(name) {
          domain.snapshots = try await handle.snapshots().map(ObservedSnapshot.init)
          domain.checkpoints = try await handle.checkpoints().map(\.name)
        }
        inventory.domains[name] = domain
      case .failure(let error):
        inventory.failures.append(Failure(subject: "domain \(name)", message: "\(error)"))
      }
    }
    if case .some(let names) = request.domains, !names.isSubset(of: inventory.domains.keys) {
      let document = try await connection.capabilities()
      inventory.host.capabilities = (try? XMLElement.parse(document)).map(Capabilities.init)
    }
    if request.needsProcessorModels {
      var architectures = Set(inventory.domains.values.compactMap { $0.inactive.value(at: .arch) })
      architectures.formUnion(inventory.host.capabilities?.domainTypes.keys.map { $0 } ?? [])
      for architecture in architectures {
        inventory.host.processorModels[architecture] = try await connection.processorModels(architecture: architecture)
      }
    }
    if request.needsNetworkDevices, connection.isOfThisMachine {
      inventory.host.networkDevices = Set(FileNames.names(in: "/sys/class/net"))
    }
    inventory.pools = try await pools
    let files = FileQuestion.all(request, of: inventory)
    for (question, result) in zip(files, await pool.map(files) { $0.answer() }) {
      let (file, folder) = try result.get()
      inventory.files[question.path] = file
      inventory.folders[question.path] = folder
      if question.isFolder, isClosed(question.path, file) { inventory.closedFolders.insert(question.path) }
    }
    try await inventory.readVolumes(request, on: pool)
    for (image, observed) in try await images {
      inventory.baseImages[image] = observed
      if let copy = observed.copy, observed.copyProblem == nil {
        let question = FileQuestion(
          path: copy, format: nil, references: ReferencePolicy(allowedFolders: []), followsLinks: false)
        inventory.files[copy] = try await pool.run { question.answer().file }
      }
    }
    inventory.networks = try await networks
    inventory.host.missingDrivers = try await missing
    return inventory
  }

  /// Whether no file can be made in a folder, or the folder itself cannot, as far as rights and read-only file systems say.
  private static func isClosed(_ path: String, _ file: ObservedFile) -> Bool {
    switch file {
    case .folder: return !FileNames.mayAccessEffectively(path, [.write, .execute])
    case .missing:
      var parent = DiskImage.folder(of: path)
      while parent != "/", !FileNames.exists(parent) { parent = DiskImage.folder(of: parent) }
      return FileNames.exists(parent) && !FileNames.mayAccessEffectively(parent, [.write, .execute])
    default: return false
    }
  }

  /// A guest that reads as paused, as it is once it is not on its way between two states any more. When the host boots, the
  /// guests that start with it are in such a state.
  ///
  /// - Returns: nil where it is paused, and stays so until somebody resumes it; or where it is gone.
  private static func settled(
    _ domain: ObservedDomain, _ handle: LibvirtDomain, of connection: LibvirtConnection,
    noting failures: inout [Failure]
  ) async throws -> ObservedDomain? {
    do {
      guard try await handle.transition() != nil else { return nil }
      let transition = try await handle.waitUntilSettled(timeout: .seconds(20))
      guard let record = try await connection.domainRecord(uuid: domain.uuid) else { return nil }
      var domain = try ObservedDomain(record: record)
      if let transition, domain.state == .paused {
        domain.state = .other
        failures.append(Failure(subject: "domain \(domain.name)", message: transition.text))
      }
      return domain
    } catch let error as LibvirtError where error.isNotFound {
      return nil
    }
  }

  /// Which drivers the connection does not have.
  private static func missingDrivers(
    _ drivers: Set<LibvirtDriver>, of connection: LibvirtConnection
  ) async throws -> [LibvirtDriver: MissingDriver] {
    var missing: [LibvirtDriver: MissingDriver] = [:]
    for driver in drivers { missing[driver] = try await connection.obstacle(to: driver) }
    return missing
  }

  /// The storage pools; nil where the driver has none.
  private static func storagePools(of connection: LibvirtConnection) async throws -> [String: ObservedPool]? {
    guard let records = try await ifSupported({ try await connection.storagePoolRecords() }) else { return nil }
    return try records.reduce(into: [:]) { pools, record in
      pools[record.name] = ObservedPool(
        name: record.name, isActive: record.isActive, autostart: record.autostart,
        inactive: try XMLElement.parse(record.inactiveXML ?? ""))
    }
  }

  /// The networks; nil where the driver has none.
  private static func networks(
    _ request: InventoryRequest, of connection: LibvirtConnection
  ) async throws -> [String: ObservedNetwork]? {
    let records = try await ifSupported {
      try await connection.networkRecords(readingDefinitions: request.needsNetworkDefinitions)
    }
    return try records?.reduce(into: [:]) { networks, record in
      networks[record.name] = ObservedNetwork(
        name: record.name, uuid: record.uuid, isActive: record.isActive, isPersistent: record.isPersistent,
        autostart: record.autostart, inactive: try record.inactiveXML.map { try XMLElement.parse($0) },
        running: try record.runningXML.map { try XMLElement.parse($0) })
    }
  }

  /// What a driver answers; nil from one that does not have such objects, or whose daemon does not run.
  private static func ifSupported<R: Sendable>(_ body: () async throws -> R) async throws -> R? {
    do {
      return try await body()
    } catch let error as LibvirtError
      where error.isUnsupported || error.unreachableDaemon != nil && !error.isConnectionLost
    {
      return nil
    }
  }

  private static func observe(
    _ images: [InventoryRequest.BaseImage], allowing request: InventoryRequest, _ copies: BaseCopies,
    on pool: BlockingPool,
    _ report: @escaping @Sendable (ReadingProgress) -> Void
  ) async throws -> [(InventoryRequest.BaseImage, ObservedBaseImage)] {
    let references = ReferencePolicy(allowedFolders: request.allowedFolders)
    let results = await pool.map(images) {
      BaseImageReader(image: $0, references: references, copies: copies, report: report).observe()
    }
    return try zip(images, results).map { ($0, try $1.get()) }
  }
}

extension ObservedDomain {
  /// A domain from what libvirt says of it.
  init(record: DomainRecord) throws {
    self.init(
      name: record.name, uuid: record.uuid, state: State(record.state), isActive: record.isActive,
      isPersistent: record.isPersistent, autostart: record.autostart, hasManagedSave: record.hasManagedSave,
      inactive: try XMLElement.parse(record.inactiveXML),
      running: try record.runningXML.map { try XMLElement.parse($0) })
  }
}

extension DomainTransition {
  /// What it means for a plan.
  fileprivate var text: String {
    let state =
      switch self {
      case .starting: "it is starting"
      case .saving: "its memory is being saved"
      case .dumping: "its memory is being dumped"
      case .snapshotting: "a snapshot of it is being taken"
      case .migrating: "it is being migrated"
      case .shuttingDown: "it is being shut down"
      case .crashed: "it has crashed, and libvirt keeps it"
      }
    return "\(state): it is neither started nor stopped"
  }
}

extension ObservedDomain.State {
  init(_ state: DomainState) {
    switch state {
    case .running, .blocked: self = .running
    case .paused: self = .paused
    case .shutOff: self = .stopped
    default: self = .other
    }
  }
}

/// A path to look at, and how.
struct FileQuestion: Sendable {
  var path: String
  /// The declared format; nil for a folder, or for a file whose first bytes decide.
  var format: ImageFormat?
  var references: ReferencePolicy
  /// Whether a folder is to be there.
  var isFolder = false
  /// Whether a link in the place of the file is followed.
  var followsLinks = true

  /// Every file that a request asks about, and those that the host's objects among it bring along: the disks of domains
  /// and the folders of pools.
  static func all(_ request: InventoryRequest, of host: Inventory) -> [FileQuestion] {
    let gated = ReferencePolicy(allowedFolders: request.allowedFolders)
    var questions: [String: FileQuestion] = [:]
    for (path, format) in request.files {
      questions[path] = FileQuestion(
        path: path, format: format, references: gated, isFolder: format == nil,
        followsLinks: !request.ownFiles.contains(path))
    }
    for (name, pool) in host.pools ?? [:] where request.pools.contains(name) {
      guard let path = pool.folder, questions[path] == nil else { continue }
      questions[path] = FileQuestion(path: path, format: nil, references: gated, isFolder: true)
    }
    for (name, domain) in host.domains where request.domains.contains(name) {
      for definition in [domain.inactive, domain.running].compactMap({ $0 }) {
        for disk in definition.first("devices")?.all("disk") ?? [] {
          // Other sources in `/dev`, of vDPA for one, are not images.
          let attribute = disk[attribute: "type"] == "block" ? "dev" : "file"
          guard let path = disk.first("source")?[attribute: attribute] else { continue }
          let format = disk.value(at: .diskFormat).flatMap(ImageFormat.init(rawValue:))
          // QEMU follows this chain whatever the spec allows, and a guest cannot write the header of its own qcow2.
          questions[path, default: FileQuestion(path: path, format: format, references: .anywhere)].references =
            .anywhere
        }
      }
    }
    return Array(questions.values)
  }

  /// What is there, and which folder where it is one that was asked for.
  func answer() -> (file: ObservedFile, folder: FileIdentity?) {
    do throws(ImageError) {
      if isFolder { return (.folder, try OpenFolder(path, links: .own).identity) }
    } catch .refused(let path, let reason) {
      return (.unusable(.refused(path: path, reason: reason)), nil)
    } catch {
      // Whatever else it may be.
    }
    do {
      return (
        .image(
          try BackingChain.read(
            path: path, format: format, references: references, followsLinks: followsLinks)), nil
      )
    } catch {
      return (ObservedFile(error, at: path), nil)
    }
  }
}

extension ObservedFile {
  /// What an error says about the file at a path.
  init(_ error: ImageError, at path: String) {
    switch error {
    // Its folder may be missing, too.
    case .notFound(let missing) where missing == path || missing == DiskImage.folder(of: path): self = .missing
    case .notAnImageFile(let file, .directory) where file == path: self = .folder
    default: self = .unusable(error)
    }
  }
}
