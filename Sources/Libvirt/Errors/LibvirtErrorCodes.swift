// Names for the numbers in libvirt/virterror.h that callers tell apart. Numbers without a name here still pass through.

extension LibvirtError {
  /// virErrorNumber: what went wrong.
  public struct Code: RawRepresentable, Hashable, Sendable {
    /// The number that libvirt gave, whether it has a name here or not.
    public var rawValue: Int32

    /// A code by its number in virErrorNumber.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// 1, a failure that libvirt has no better number for; also several of QEMU's refusals.
    public static let internalError = Code(rawValue: 1)
    /// 3, the driver does not have the function.
    public static let noSupport = Code(rawValue: 3)
    /// 5, no driver took the connection's URI.
    public static let noConnection = Code(rawValue: 5)
    /// 6, the connection is closed or invalid.
    public static let invalidConnection = Code(rawValue: 6)
    /// 8, an argument or flag is not valid.
    public static let invalidArgument = Code(rawValue: 8)
    /// 9, the operation failed; also: the name or UUID is taken by another object.
    public static let operationFailed = Code(rawValue: 9)
    /// 27, the XML is not well-formed, or means nothing to libvirt.
    public static let xmlError = Code(rawValue: 27)
    /// 28, the domain exists.
    public static let domainExists = Code(rawValue: 28)
    /// 29, the connection is read-only.
    public static let operationDenied = Code(rawValue: 29)
    /// 35, the detail of an XML error.
    public static let xmlDetail = Code(rawValue: 35)
    /// 38, a system call failed; the message has its reason.
    public static let systemError = Code(rawValue: 38)
    /// 39, the conversation with the daemon failed.
    public static let rpc = Code(rawValue: 39)
    /// 42, no such domain.
    public static let noDomain = Code(rawValue: 42)
    /// 43, no such network.
    public static let noNetwork = Code(rawValue: 43)
    /// 45, authentication failed.
    public static let authenticationFailed = Code(rawValue: 45)
    /// 49, no such storage pool.
    public static let noStoragePool = Code(rawValue: 49)
    /// 50, no such storage volume.
    public static let noStorageVolume = Code(rawValue: 50)
    /// 55, not possible in the object's present state.
    public static let operationInvalid = Code(rawValue: 55)
    /// 66, no such secret.
    public static let noSecret = Code(rawValue: 66)
    /// 67, the hypervisor cannot do what the XML asks for.
    public static let configurationUnsupported = Code(rawValue: 67)
    /// 68, the operation took too long.
    public static let operationTimeout = Code(rawValue: 68)
    /// 72, no such domain snapshot.
    public static let noSnapshot = Code(rawValue: 72)
    /// 74, the driver has the function, but not with these arguments.
    public static let argumentUnsupported = Code(rawValue: 74)
    /// 77, a snapshot would be reverted to with a risk, and nobody has said that it may.
    public static let snapshotRevertRisky = Code(rawValue: 77)
    /// 80, no metadata of that kind.
    public static let noMetadata = Code(rawValue: 80)
    /// 83, a job on a disk is in the way, or not ready for what was asked of it.
    public static let blockCopyActive = Code(rawValue: 83)
    /// 84, the driver cannot do this to such an object.
    public static let operationUnsupported = Code(rawValue: 84)
    /// 86, the guest agent does not answer.
    public static let agentUnresponsive = Code(rawValue: 86)
    /// 88, access control denies the operation.
    public static let accessDenied = Code(rawValue: 88)
    /// 90, the storage volume exists.
    public static let storageVolumeExists = Code(rawValue: 90)
    /// 92, the XML does not follow libvirt's schema.
    public static let xmlInvalidSchema = Code(rawValue: 92)
    /// 99, no such device.
    public static let deviceMissing = Code(rawValue: 99)

    static let notFound: Set<Code> = [
      .noDomain, .noNetwork, .noStoragePool, .noStorageVolume, .noSecret, .noSnapshot, .noMetadata, .deviceMissing,
    ]
  }

  /// virErrorDomain: the part of libvirt that reports an error.
  public struct Domain: RawRepresentable, Hashable, Sendable {
    /// The number that libvirt gave, whether it has a name here or not.
    public var rawValue: Int32

    /// A part of libvirt by its number in virErrorDomain.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// No part of libvirt: errors that this module makes itself, such as a call that took too long.
    public static let none = Domain(rawValue: 0)
    /// The conversation with a daemon.
    public static let rpc = Domain(rawValue: 7)
    /// The QEMU driver.
    public static let qemu = Domain(rawValue: 10)
    /// libvirt's test driver (`test:///`), whose hosts are only in memory.
    public static let test = Domain(rawValue: 12)
    /// The client's side of a connection to a daemon.
    public static let remote = Domain(rawValue: 13)
    /// Storage pools and volumes.
    public static let storage = Domain(rawValue: 18)
    /// Virtual networks.
    public static let network = Domain(rawValue: 19)
    /// The domain XML and definition.
    public static let domain = Domain(rawValue: 20)
  }
}
