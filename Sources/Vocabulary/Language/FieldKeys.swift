// Every key, so that the tests can hold each against the tables.

extension Vocabulary {
  /// Every key. The tests find those that are missing here.
  static let keys: [KeyPlace] = domainKeys + diskKeys + deviceKeys + networkKeys + storageKeys + commonKeys

  private static let domainKeys: [KeyPlace] = [
    KeyPlace(FieldKey.ioThreadCount),
    KeyPlace(FieldKey.numaCells),
    KeyPlace(FieldKey.numaMode),
    KeyPlace(FieldKey.memoryAccess),
    KeyPlace(FieldKey.nvramTemplate),
    KeyPlace(FieldKey.nvramTemplateFormat),
    KeyPlace(FieldKey.loaderFormat),
    KeyPlace(FieldKey.vcpuPins), KeyPlace(FieldKey.ioThreadPins), KeyPlace(FieldKey.emulatorPin),
    KeyPlace(FieldKey.title),
    KeyPlace(FieldKey.state), KeyPlace(FieldKey.defaults), KeyPlace(FieldKey.restartPolicy),
    KeyPlace(FieldKey.maxEffect), KeyPlace(FieldKey.renamedFrom), KeyPlace(FieldKey.shutdownMode),
    KeyPlace(FieldKey.readyAddress), KeyPlace(FieldKey.profiles), KeyPlace(FieldKey.dependsOn),
    KeyPlace(FieldKey.exclusiveWith), KeyPlace(FieldKey.unmanage),
    KeyPlace(FieldKey.snapshotBefore), KeyPlace(FieldKey.autostart), KeyPlace(FieldKey.protect),
    KeyPlace(FieldKey.shutdownForceOff), KeyPlace(FieldKey.readyLease), KeyPlace(FieldKey.readyAgent),
    KeyPlace(FieldKey.count), KeyPlace(FieldKey.shutdownTimeout), KeyPlace(FieldKey.readyTCP),
    KeyPlace(FieldKey.readyTimeout), KeyPlace(FieldKey.retainedSnapshots), KeyPlace(FieldKey.snapshotAge),
    KeyPlace(FieldKey.uuid), KeyPlace(FieldKey.type), KeyPlace(FieldKey.description), KeyPlace(FieldKey.memory),
    KeyPlace(FieldKey.currentMemory), KeyPlace(FieldKey.maxMemorySize), KeyPlace(FieldKey.maxMemorySlots),
    KeyPlace(FieldKey.cpuMode), KeyPlace(FieldKey.cpuModel), KeyPlace(FieldKey.cpuSet),
    KeyPlace(FieldKey.cpuFeatures), KeyPlace(FieldKey.vcpuCount), KeyPlace(FieldKey.currentVCPUs),
    KeyPlace(FieldKey.topologySockets), KeyPlace(FieldKey.topologyDies), KeyPlace(FieldKey.topologyClusters),
    KeyPlace(FieldKey.topologyCores), KeyPlace(FieldKey.topologyThreads), KeyPlace(FieldKey.firmware),
    KeyPlace(FieldKey.nvramFormat), KeyPlace(FieldKey.arch), KeyPlace(FieldKey.machine),
    KeyPlace(FieldKey.loaderPath), KeyPlace(FieldKey.loaderType), KeyPlace(FieldKey.nvramPath),
    KeyPlace(FieldKey.boot), KeyPlace(FieldKey.secureBoot), KeyPlace(FieldKey.enrolledKeys),
    KeyPlace(FieldKey.loaderStateless),
    KeyPlace(FieldKey.numaMemoryNodes), KeyPlace(FieldKey.snapshotKind), KeyPlace(FieldKey.keepsMemory),
    KeyPlace(FieldKey.quiesce),
  ]

  private static let diskKeys: [KeyPlace] = [
    KeyPlace(FieldKey.volumeName), KeyPlace(FieldKey.startupPolicy),
    KeyPlace(FieldKey.cache), KeyPlace(FieldKey.shareable),
    KeyPlace(FieldKey.device), KeyPlace(FieldKey.format), KeyPlace(FieldKey.size), KeyPlace(FieldKey.image),
    KeyPlace(FieldKey.source), KeyPlace(FieldKey.pool), KeyPlace(FieldKey.bus), KeyPlace(FieldKey.target),
    KeyPlace(FieldKey.serial), KeyPlace(FieldKey.discard), KeyPlace(FieldKey.readOnly),
    KeyPlace(FieldKey.volumeEntry), KeyPlace(FieldKey.volumePool), KeyPlace(FieldKey.dir),
    KeyPlace(FieldKey.networkProtocol), KeyPlace(FieldKey.vhostUserPath), KeyPlace(FieldKey.vhostVDPA),
    KeyPlace(FieldKey.nvmeNamespace), KeyPlace(FieldKey.blockDevice), KeyPlace(FieldKey.throttleGroups),
  ]

  private static let deviceKeys: [KeyPlace] = [
    KeyPlace(FieldKey.driverType), KeyPlace(FieldKey.memoryNode),
    KeyPlace(FieldKey.targetPort),
    KeyPlace(FieldKey.targetType),
    KeyPlace(FieldKey.filter), KeyPlace(FieldKey.link),
    KeyPlace(FieldKey.alias), KeyPlace(FieldKey.address), KeyPlace(FieldKey.model), KeyPlace(FieldKey.path),
    KeyPlace(FieldKey.bootOrder), KeyPlace(FieldKey.index), KeyPlace(FieldKey.targetName),
    KeyPlace(FieldKey.action), KeyPlace(FieldKey.mac), KeyPlace(FieldKey.network), KeyPlace(FieldKey.bridge),
    KeyPlace(FieldKey.direct), KeyPlace(FieldKey.macvtapMode), KeyPlace(FieldKey.mtu),
  ]

  private static let networkKeys: [KeyPlace] = [
    KeyPlace(FieldKey.dnsHosts), KeyPlace(FieldKey.dnsTexts), KeyPlace(FieldKey.dnsServices),
    KeyPlace(FieldKey.portGroups),
    KeyPlace(FieldKey.networkMode), KeyPlace(FieldKey.networkState), KeyPlace(FieldKey.bridgeName),
    KeyPlace(FieldKey.physicalFunction), KeyPlace(FieldKey.driver), KeyPlace(FieldKey.natAddresses),
    KeyPlace(FieldKey.natPorts), KeyPlace(FieldKey.devices), KeyPlace(FieldKey.hostDevices),
    KeyPlace(FieldKey.managed), KeyPlace(FieldKey.natIPv6), KeyPlace(FieldKey.domainName),
    KeyPlace(FieldKey.dhcpBootFile), KeyPlace(FieldKey.tftpRoot), KeyPlace(FieldKey.networkAddress),
    KeyPlace(FieldKey.addresses), KeyPlace(FieldKey.dhcpRanges),
    KeyPlace(FieldKey.routes), KeyPlace(FieldKey.dhcpHosts),
  ]

  private static let storageKeys: [KeyPlace] = [
    KeyPlace(FieldKey.poolType), KeyPlace(FieldKey.poolState), KeyPlace(FieldKey.sourceHosts),
    KeyPlace(FieldKey.sourceDevices), KeyPlace(FieldKey.sourceDir), KeyPlace(FieldKey.sourceName),
    KeyPlace(FieldKey.initiator), KeyPlace(FieldKey.adapterType),
    KeyPlace(FieldKey.preallocation), KeyPlace(FieldKey.clusterSize),
    KeyPlace(FieldKey.extendedL2), KeyPlace(FieldKey.lazyRefcounts), KeyPlace(FieldKey.permissionsMode),
    KeyPlace(FieldKey.permissionsOwner), KeyPlace(FieldKey.permissionsGroup), KeyPlace(FieldKey.stackName),
    KeyPlace(FieldKey.connect), KeyPlace(FieldKey.sha256),
  ]

  private static let commonKeys: [KeyPlace] = [
    KeyPlace(FieldKey.xml), KeyPlace(FieldKey.sensitive),
  ]
}

/// A key without the type of its content.
struct KeyPlace: Sendable {
  let name: String
  /// What the content is in Swift, for messages.
  let content: String
  /// Whether the content is what the values of a field of this type are.
  let holds: @Sendable (ValueType) -> Bool

  init<Content>(_ key: FieldKey<Content>) {
    name = key.name
    content = "\(Content.self)"
    holds = Content.holds
  }

  /// The kinds of objects that have the field.
  var types: [ObjectType] {
    Vocabulary.allTypes.filter { type in type.field(name).map { holds($0.type) } ?? false }
  }
}

extension Vocabulary {
  /// Every kind of object, from the stack down.
  static let allTypes: [ObjectType] = {
    var types: [ObjectType] = []
    func add(_ type: ObjectType) {
      guard !types.contains(where: { $0 === type }) else { return }
      types.append(type)
      for collection in type.collections { add(collection.type) }
    }
    add(stack)
    return types
  }()
}
