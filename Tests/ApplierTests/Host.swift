// The tests' hosts, and hand-made plans on them: libvirt's QEMU driver in this process, its fake driver for the rest.

import DiskImage
import Foundation
import Libvirt
import Planner
import Synchronization
import TestSupport
import Testing
import XMLTree

@testable import Applier

// Foundation and Testing have types of these names, too.
typealias Operation = Planner.Operation
typealias Expectation = Planner.Expectation

enum Host {
  private static let openingFake = Task { try await LibvirtConnection.open(uri: "test:///default") }

  /// libvirt's QEMU driver.
  static var embedded: LibvirtConnection { get async throws { try await EmbeddedHost.connection } }

  /// libvirt's test driver: no guests, no files, but pools.
  static var fake: LibvirtConnection { get async throws { try await openingFake.value } }

  /// Defines a tiny guest without an operating system for `body`, and removes whatever is left of it.
  static func withGuest<R>(
    _ name: String, devices: String = "", start: Bool = false,
    _ body: (LibvirtConnection, LibvirtDomain, DomainIdentity) async throws -> R
  ) async throws -> R {
    let connection = try await embedded
    let domain = try await connection.defineDomain(guestXML(name, devices: devices), named: name)
    do {
      if start { try await domain.start() }
      let result = try await body(connection, domain, DomainIdentity(name: name, uuid: domain.uuid))
      await remove(name)
      return result
    } catch {
      await remove(name)
      throw error
    }
  }

  static func remove(_ name: String) async {
    guard let domain = try? await embedded.domain(named: name) else { return }
    try? await domain.destroy()
    try? await domain.undefine([.managedSave, .snapshotsMetadata])
  }
}

func diskXML(_ path: String, target: String = "vda", bus: String = "virtio", format: String = "qcow2") -> String {
  """
  <disk type='file' device='disk'><driver name='qemu' type='\(format)'/><source file='\(path)'/>
  <target dev='\(target)' bus='\(bus)'/><alias name='ua-disk-\(target)'/></disk>
  """
}

extension LibvirtDomain {
  /// The stored definition as a tree, read as inventories read it.
  var stored: XMLElement { get async throws { try XMLElement.parse(try await xml([.inactive, .secure])) } }
}

/// What an apply said and did.
struct Applied {
  let outcomes: [ActionOutcome]
  let wasInterrupted: Bool
  let events: [ApplyEvent]

  /// The failure of the only action.
  var failure: ActionFailure? { failure(0) }

  func failure(_ index: Int) -> ActionFailure? {
    if case .failed(let failure) = outcomes[index] { failure } else { nil }
  }

  var isComplete: Bool { outcomes.allSatisfy { $0 == .done } }
}

/// Carries out operations, one after another unless `after` says otherwise.
func apply(
  _ operations: Operation..., after: [[Int]]? = nil, jobs: Int = 4, on connection: LibvirtConnection? = nil,
  report: @escaping @Sendable (ApplyEvent) -> Void = { _ in }
) async throws -> Applied {
  try await apply(operations, after: after, jobs: jobs, on: connection, report: report)
}

func apply(
  _ operations: [Operation], after: [[Int]]? = nil, jobs: Int = 4, on connection: LibvirtConnection? = nil,
  report: @escaping @Sendable (ApplyEvent) -> Void = { _ in }
) async throws -> Applied {
  let actions = operations.enumerated().map { index, operation in
    Action(
      ObjectReference(.image, "object \(index)"), operation, after: after?[index] ?? (index == 0 ? [] : [index - 1]),
      effect: .define)
  }
  var connection = connection
  if connection == nil { connection = try await Host.fake }
  let log = Mutex<[ApplyEvent]>([])
  let applier = Applier(connection: try #require(connection), jobs: jobs)
  let result = await applier.apply(Plan(stack: "test", uri: "test:///default", actions: actions)) { event in
    log.withLock { $0.append(event) }
    report(event)
  }
  return Applied(outcomes: result.outcomes, wasInterrupted: result.wasInterrupted, events: log.withLock { $0 })
}

/// A folder for one test's files, removed at the end of its life.
final class Folder: Sendable {
  let path: String

  init() throws {
    var template = Array("/var/tmp/vireo-applier-XXXXXX".utf8CString)
    path = String(cString: try #require(mkdtemp(&template)))
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// The names of all files in the folder, hidden ones too.
  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

func contents(of path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

func write(_ bytes: Data, to path: String) throws { try bytes.write(to: URL(fileURLWithPath: path)) }

func mode(of path: String) -> UInt32? {
  var status = stat()
  return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
}
