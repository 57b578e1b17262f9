// Reading one domain with its snapshots: what a command needs that is about no other.

import BlockingWork
public import Libvirt
import SystemCalls

extension ObservedDomain {
  /// The domain of a name, or else that of a UUID; nil where there is neither.
  package static func find(
    named name: String, uuid: String, on connection: LibvirtConnection
  ) async throws -> ObservedDomain? {
    var record = try await connection.domainRecord(named: name)
    if record == nil { record = try await connection.domainRecord(uuid: uuid) }
    return try record.map { try ObservedDomain(record: $0) }
  }
}

extension Inventory {
  /// Looks at one domain and its snapshots. Nothing is changed.
  ///
  /// - Parameter withImages: whether the images of its disks are looked at, which have to be on this machine.
  /// - Returns: an inventory without the domain where there is none of the name.
  /// - Throws: ``LibvirtError``, ``XMLError`` for a document that cannot be parsed.
  public static func read(
    domain name: String, withImages: Bool, from connection: LibvirtConnection
  ) async throws -> Inventory {
    var inventory = Inventory(host: Host(uri: connection.uri, libvirtVersion: connection.libvirtVersion))
    inventory.user = ThisProcess.user
    inventory.time = SystemClock.now
    guard let record = try await connection.domainRecord(named: name) else { return inventory }
    var domain = try ObservedDomain(record: record)
    domain.snapshots = try await record.handle.snapshots().map(ObservedSnapshot.init)
    inventory.domains[name] = domain
    guard withImages else { return inventory }
    var request = InventoryRequest()
    request.domains = .some([name])
    let questions = FileQuestion.all(request, of: inventory)
    for (question, result) in zip(
      questions, await BlockingPool(name: "inventory", threads: 4).map(questions, { $0.answer() }))
    {
      inventory.files[question.path] = try result.get().file
    }
    return inventory
  }
}
