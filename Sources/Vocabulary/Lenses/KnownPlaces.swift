// Places of libvirt's XML that other modules read as they stand: whatever is there, also what no spec could say. They are the
// lenses' own, so that none is spelled twice; where a spec's value is wanted there is ``ObjectType/subscript(_:in:)``.

public import XMLTree

extension ObjectType {
  /// The place of a field in the element of such an object.
  ///
  /// - Precondition: such objects have the field, in one place.
  func place<Content>(of key: FieldKey<Content>) -> XMLPath {
    guard let place = self[key].lens?.places.first else { preconditionFailure("\(name).\(key.name) has no place") }
    return XMLPath(stringLiteral: place)
  }
}

// MARK: In devices

extension XMLPath {
  /// The alias of a device, also one that libvirt made up.
  public static let alias = Vocabulary.disk.place(of: .alias)

  /// A device's place in the boot order.
  public static let bootOrder = Vocabulary.disk.place(of: .bootOrder)

  /// The name that orders the disks of a bus.
  public static let diskTarget = Vocabulary.disk.place(of: .target)

  /// What a disk is connected to in the guest: `virtio`, `scsi`, `sata`.
  public static let diskBus = Vocabulary.disk.place(of: .bus)

  /// The format of a disk's file.
  public static let diskFormat = Vocabulary.disk.place(of: .format)

  /// Whether blocks that the guest discards are given back to the host.
  public static let diskDiscard = Vocabulary.disk.place(of: .discard)

  /// What stands in a disk that the guest may only read.
  public static let diskReadOnly = Vocabulary.disk.place(of: .readOnly)

  /// The serial number of a disk.
  public static let diskSerial = Vocabulary.disk.place(of: .serial)

  /// The pool of the libvirt volume that a disk is.
  public static let diskVolumePool = Vocabulary.disk.place(of: .volumePool)

  /// The name of the libvirt volume that a disk is.
  public static let diskVolumeName = Vocabulary.disk.place(of: .volumeName)

  /// The libvirt network of an interface.
  public static let interfaceNetwork = Vocabulary.interface.place(of: .network)

  /// The host bridge of an interface.
  public static let interfaceBridge = Vocabulary.interface.place(of: .bridge)

  /// The host device of an interface with macvtap.
  public static let interfaceDevice = Vocabulary.interface.place(of: .direct)

  /// The MAC address of an interface.
  public static let interfaceMAC = Vocabulary.interface.place(of: .mac)

  /// The kind of a serial port, or how the guest sees a console or a channel.
  public static let characterTarget = Vocabulary.serial.place(of: .targetType)

  /// The number of a port in the guest.
  public static let characterPort = Vocabulary.serial.place(of: .targetPort)

  /// The name by which the guest finds a channel.
  public static let channelName = Vocabulary.channel.place(of: .targetName)

  /// The model of a video card.
  public static let videoModel = Vocabulary.video.place(of: .model)

  /// How a filesystem is shared.
  public static let filesystemDriver = Vocabulary.filesystem.place(of: .driverType)
}

// MARK: In domains

extension XMLPath {
  /// The UUID of a domain, a network or a pool.
  public static let uuid = Vocabulary.domain.place(of: .uuid)

  /// The hypervisor of a domain.
  public static let hypervisor = Vocabulary.domain.place(of: .type)

  /// The processor architecture of a domain.
  public static let arch = Vocabulary.domain.place(of: .arch)

  /// The machine type of a domain.
  public static let machine = Vocabulary.domain.place(of: .machine)

  /// The kind of firmware that libvirt is to choose.
  public static let firmware = Vocabulary.domain.place(of: .firmware)

  /// The firmware's image, asked for or chosen by libvirt.
  public static let loaderPath = Vocabulary.domain.place(of: .loaderPath)

  /// How the firmware's image is mapped.
  public static let loaderType = Vocabulary.domain.place(of: .loaderType)

  /// The format of the firmware's image.
  public static let loaderFormat = Vocabulary.domain.place(of: .loaderFormat)

  /// Whether the firmware stores nothing.
  public static let loaderStateless = Vocabulary.domain.place(of: .loaderStateless)

  /// The file with the firmware's variables.
  public static let nvramPath = Vocabulary.domain.place(of: .nvramPath)

  /// The format of that file.
  public static let nvramFormat = Vocabulary.domain.place(of: .nvramFormat)

  /// The image that a new file of variables is copied from.
  public static let nvramTemplate = Vocabulary.domain.place(of: .nvramTemplate)

  /// The format of that image.
  public static let nvramTemplateFormat = Vocabulary.domain.place(of: .nvramTemplateFormat)

  /// How many virtual processors a domain has.
  public static let vcpuCount = Vocabulary.domain.place(of: .vcpuCount)

  /// The host's processors that vcpus may run on.
  public static let vcpuSet = Vocabulary.domain.place(of: .cpuSet)

  /// How many I/O threads a domain has.
  public static let ioThreadCount = Vocabulary.domain.place(of: .ioThreadCount)

  /// What a domain's processor is made after.
  public static let cpuMode = Vocabulary.domain.place(of: .cpuMode)

  /// The NUMA cells of a domain.
  public static let numaCells = Vocabulary.domain.place(of: .numaCells)

  /// How memory is taken from the host's nodes.
  public static let numaMode = Vocabulary.domain.place(of: .numaMode)

  /// How many memory devices can be plugged in.
  public static let memorySlots = Vocabulary.domain.place(of: .maxMemorySlots)

  /// Whether other processes can share the memory.
  public static let memoryAccess = Vocabulary.domain.place(of: .memoryAccess)
}

// MARK: In networks and pools

extension XMLPath {
  /// The device on the host that connects a network's interfaces.
  public static let networkBridge = Vocabulary.network.place(of: .bridgeName)

  /// The folder of a pool, or where its devices appear on the host.
  public static let poolPath = Vocabulary.pool.place(of: .path)
}
