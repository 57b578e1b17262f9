// Reading all domains: a constant number of listing calls for everything but the XML, then the XML on the listing's own
// handles, side by side. A look-up by name per domain would double the cost (measured with libvirt 9.0).

import CLibvirt

extension LibvirtConnection {
  /// Reads all domains, active or not.
  ///
  /// A domain that vanishes while this runs is left out. One that cannot be read is named among the failures.
  ///
  /// - Throws: ``LibvirtError`` if the domains cannot be listed or the connection ends meanwhile; `CancellationError`.
  public func domainRecords() async throws -> DomainListing<DomainRecord> {
    try await domainRecords { $0 }
  }

  /// Reads all domains and makes something of each record, on the thread that read it and while others are still read.
  ///
  /// Otherwise like ``domainRecords()``.
  ///
  /// - Parameter transform: runs on one of the connection's threads; it must not wait for another call.
  public func domainRecords<Record: Sendable>(
    _ transform: @escaping @Sendable (DomainRecord) -> Record
  ) async throws -> DomainListing<Record> {
    let core = core
    let options: DomainXMLOptions = isReadOnly ? [.inactive] : [.inactive, .secure]
    let listed = try await core.perform("list the domains") { connection throws(LibvirtError) in
      try listDomains(on: connection, of: core)
    }
    let results = await core.map(listed, "read the domains") { transform(try readRecord($0, options)) }

    var records: [Record] = []
    var failures: [UnreadableDomain] = []
    for (entry, result) in zip(listed, results) {
      do {
        records.append(try result.get())
      } catch let error as LibvirtError where !error.isConnectionLost {
        // Undefined or ended between listing and reading.
        if error.isNotFound { continue }
        failures.append(UnreadableDomain(name: entry.domain.name, uuid: entry.domain.uuid, error: error))
      }
    }
    return DomainListing(records: records, failures: failures)
  }

  /// Reads the domain with this name, or `nil` if there is none.
  public func domainRecord(named name: String) async throws -> DomainRecord? {
    try await ifFound { try await domain(named: name).record(isReadOnly: isReadOnly) }
  }

  /// Reads the domain with this UUID, or `nil` if there is none.
  public func domainRecord(uuid: String) async throws -> DomainRecord? {
    try await ifFound { try await domain(uuid: uuid).record(isReadOnly: isReadOnly) }
  }

  private func ifFound<R>(_ body: () async throws -> R) async throws -> R? {
    do {
      return try await body()
    } catch let error as LibvirtError where error.isNotFound {
      return nil
    }
  }
}

extension LibvirtDomain {
  fileprivate func record(isReadOnly: Bool) async throws -> DomainRecord {
    try await call("read") { pointer, operation throws(LibvirtError) in
      var state: Int32 = 0
      var autostart: Int32 = 0
      try check(virDomainGetState(pointer, &state, nil, 0), operation())
      let entry = ListedDomain(
        domain: self,
        state: DomainState(state),
        isActive: try check(virDomainIsActive(pointer), operation()) == 1,
        isPersistent: try check(virDomainIsPersistent(pointer), operation()) == 1,
        // Transient domains have neither; some drivers refuse the question.
        autostart: virDomainGetAutostart(pointer, &autostart) == 0 && autostart != 0,
        hasManagedSave: virDomainHasManagedSaveImage(pointer, 0) == 1)
      return try readRecord(entry, isReadOnly ? [.inactive] : [.inactive, .secure])
    }
  }
}

/// What the listing calls say about a domain.
private struct ListedDomain: Sendable {
  let domain: LibvirtDomain
  var state: DomainState
  let isActive: Bool
  let isPersistent: Bool
  let autostart: Bool
  let hasManagedSave: Bool
}

private func listDomains(
  on connection: ConnectionPointer, of core: ConnectionCore
) throws(LibvirtError) -> [ListedDomain] {
  let pointers = try takeList("list the domains") { virConnectListAllDomains(connection, $0, 0) }
  // Owned at once, so that a failure further down frees them. The number is part of the handle; -1 is "not running".
  let domains = pointers.map { (LibvirtDomain(owning: $0, of: core), virDomainGetID($0) != UInt32.max) }
  let states = try domainStates(on: connection)
  let transient = try uuids(on: connection, VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
  let autostart = try uuids(on: connection, VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
  let managedSave = try uuids(on: connection, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
  return domains.map { domain, isActive in
    ListedDomain(
      domain: domain,
      state: states[domain.uuid] ?? (isActive ? .noState : .shutOff),
      isActive: isActive,
      isPersistent: !transient.contains(domain.uuid),
      autostart: autostart.contains(domain.uuid),
      hasManagedSave: managedSave.contains(domain.uuid))
  }.sorted { $0.domain.name < $1.domain.name }
}

private func uuids(
  on connection: ConnectionPointer, _ filter: virConnectListAllDomainsFlags
) throws(LibvirtError) -> Set<String> {
  let pointers = try takeList("list the domains") { virConnectListAllDomains(connection, $0, UInt32(filter.rawValue)) }
  defer { for pointer in pointers { virDomainFree(pointer) } }
  return Set(pointers.map { uuidText($0, virDomainGetUUIDString) })
}

/// Every domain's state with one call, or four on drivers without statistics.
private func domainStates(on connection: ConnectionPointer) throws(LibvirtError) -> [String: DomainState] {
  var records: UnsafeMutablePointer<virDomainStatsRecordPtr?>?
  let count = virConnectGetAllDomainStats(connection, UInt32(VIR_DOMAIN_STATS_STATE.rawValue), &records, 0)
  guard count >= 0, let records else {
    let error = LibvirtError.last(doing: "read the domains' states")
    guard count < 0, error.isUnsupported else { throw error }
    return try domainStatesByFilter(on: connection)
  }
  defer { virDomainStatsRecordListFree(records) }
  var states: [String: DomainState] = [:]
  states.reserveCapacity(Int(count))
  for index in 0..<Int(count) {
    guard let record = records[index]?.pointee, let domain = record.dom else { continue }
    var state: Int32 = 0
    if virTypedParamsGetInt(record.params, record.nparams, "state.state", &state) == 1 {
      states[uuidText(domain, virDomainGetUUIDString)] = DomainState(state)
    }
  }
  return states
}

private func domainStatesByFilter(on connection: ConnectionPointer) throws(LibvirtError) -> [String: DomainState] {
  var states: [String: DomainState] = [:]
  let filters = [
    (VIR_CONNECT_LIST_DOMAINS_RUNNING, DomainState.running), (VIR_CONNECT_LIST_DOMAINS_PAUSED, .paused),
    (VIR_CONNECT_LIST_DOMAINS_SHUTOFF, .shutOff),
  ]
  for (filter, state) in filters {
    for uuid in try uuids(on: connection, filter) { states[uuid] = state }
  }
  let others = UInt32(VIR_CONNECT_LIST_DOMAINS_OTHER.rawValue)
  let pointers = try takeList("list the domains") { virConnectListAllDomains(connection, $0, others) }
  defer { for pointer in pointers { virDomainFree(pointer) } }
  for pointer in pointers {
    var state: Int32 = 0
    guard virDomainGetState(pointer, &state, nil, 0) == 0 else { continue }
    states[uuidText(pointer, virDomainGetUUIDString)] = DomainState(state)
  }
  return states
}

/// The XML reads: the only calls per domain.
private func readRecord(_ entry: ListedDomain, _ options: DomainXMLOptions) throws(LibvirtError) -> DomainRecord {
  let domain = entry.domain
  let operation = { "read the XML of domain \(domain.name)" }
  return try domain.handle.withObject(operation()) { pointer throws(LibvirtError) in
    let inactive = try takeString(virDomainGetXMLDesc(pointer, options.rawValue), operation())
    var running = entry.isActive ? try takeString(virDomainGetXMLDesc(pointer, 0), operation()) : nil
    // A guest that ended since the listing: libvirt then gives the stored definition, whose root has no number.
    if let xml = running, !hasDomainNumber(xml) { running = nil }
    let ended = entry.isActive && running == nil
    return DomainRecord(
      handle: domain,
      name: domain.name,
      uuid: domain.uuid,
      state: ended ? .shutOff : entry.state,
      isActive: running != nil,
      isPersistent: entry.isPersistent,
      autostart: entry.autostart,
      hasManagedSave: entry.hasManagedSave,
      inactiveXML: inactive,
      runningXML: running)
  }
}

/// Whether the root element, as libvirt writes it, has an `id` attribute.
private func hasDomainNumber(_ xml: String) -> Bool {
  let root = xml.utf8.prefix { $0 != UInt8(ascii: ">") }
  return Substring(root).contains(" id='")
}
